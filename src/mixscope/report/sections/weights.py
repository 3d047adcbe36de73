"""Section on the pretraining data of the weights."""

from typing import Any

from mixscope.report.content import ReportContent
from mixscope.report.texts import Texts


def provenance(content: ReportContent, texts: Texts) -> dict[str, Any]:
    """Each file of weights with the runs that used it, and remarks on comparisons with it."""
    known = [run for run in content.results.runs if run.provenance is not None]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    warnings: dict[str, None] = {}
    for run in known:
        found = run.provenance.weights if run.provenance else {}
        if found.get("weights", "scratch") == "scratch":
            continue
        key = (str(found["weights"]), str(found.get("sha256")))
        row = rows.setdefault(
            key,
            {
                "declared": False,
                "training_data": texts("page.unknown"),
                "saw_mixup": None,
                "saw_cutmix": None,
                "augmentation": texts("page.unknown"),
                "source": None,
                "file": "",
                "sha256": "",
                **found,
                "users": {},
            },
        )
        row["users"][run.experiment] = None
        for finding in run.health:
            if finding.code == "pretraining-data" and finding.severity == "warn":
                warnings.update(dict.fromkeys(map(texts.render, finding.params.get("remarks", [finding]))))
    for row in rows.values():
        row["used"] = ", ".join(row["users"])
    return {"known": bool(known), "rows": list(rows.values()), "warnings": list(warnings)}
