"""The tables of a report as files: CSV for machines, Markdown for people.

CSV columns have the same names in every language and values keep their digits; missing values are empty.
External text that a spreadsheet would interpret as a formula is prefixed with an apostrophe.
"""

from typing import Any

from mixscope import i18n, tabular
from mixscope.formatting import signed, signed_ends
from mixscope.report.content import ReportContent, confused
from mixscope.report.labels import limits, seeds_range, stratum_name
from mixscope.report.texts import Texts
from mixscope.results import tables


def all_of(content: ReportContent, texts: Texts) -> dict[str, str]:
    """{file name: content} of every table with rows."""
    found = {
        "results": _results(content),
        "runs": _runs(content),
        "contrasts": _contrasts(content),
        "exploratory": _exploratory(content),
        "curves": _curves(content),
        "budget": _budget(content),
        "classes": _classes(content),
        "confusions": _confusions(content),
        "calibration": _calibration(content),
        "health": _health(content),
    }
    files = {f"{name}.csv": tabular.to_csv(rows) for name, rows in found.items() if rows}
    files["results.md"] = tables.markdown(
        content.results, [tables.row(experiment) for experiment in content.experiments], texts.language
    )
    if content.verdicts:
        files["contrasts.md"] = _contrasts_text(content, texts)
    return files


def _results(content: ReportContent) -> list[dict[str, Any]]:
    found = []
    for experiment in content.experiments:
        row = {k: v for k, v in tables.row(experiment).items() if k != "runs"}
        found.append({**row, "published_top1": (experiment.published or {}).get("top1")})
    return found


def _exploratory(content: ReportContent) -> list[dict[str, Any]]:
    """Gains and differences of gains without claims; `covers`: what the interval includes."""
    rows = []
    for one in content.explored:
        known, bound = one.interval, one.bound
        rows.append(
            {
                "contrast": one.statement.name,
                "estimate": one.estimate,
                "low": known.low if known else None,
                "high": known.high if known else None,
                "covers": one.statement.method if known else None,
                "bound_low": bound.low if bound else None,
                "bound_high": bound.high if bound else None,
                "seeds": one.seeds[0],
                "p": one.p,
                "p_holm": one.p_holm,
                "verdict": one.said,
            }
        )
    return rows


def _runs(content: ReportContent) -> list[dict[str, Any]]:
    return [
        {
            "experiment": experiment.name,
            **experiment.levels,
            "seed": run.seed,
            "state": run.state,
            **{name: experiment.by_seed[name].get(run.seed) for name in tables.METRICS},
            "epochs": len(run.epochs),
            "seconds": run.provenance.seconds if run.provenance else None,
            "directory": run.directory,
        }
        for experiment in content.experiments
        for run in experiment.runs
    ]


def _contrasts(content: ReportContent) -> list[dict[str, Any]]:
    rows = []
    factors = list(content.roles.factors)
    for verdict in content.verdicts:
        for r in verdict.readings:
            row: dict[str, Any] = {"claim": verdict.claim, **{f: r.stratum.get(f, "") for f in factors}}
            row |= {"expect": verdict.expect, "margin": verdict.margin, "verdict": r.verdict}
            for name, i in (("points", r.points), ("logits", r.logits), ("bootstrap", r.bootstrap)):
                row |= {
                    name: i.estimate if i else None,
                    f"{name}_low": i.low if i else None,
                    f"{name}_high": i.high if i else None,
                }
            row |= {
                "narrow_low": r.narrow.low if r.narrow else None,
                "narrow_high": r.narrow.high if r.narrow else None,
                "standard_error": r.standard_error,
                "seed_share": r.seed_share,
                "degrees": r.degrees,
                "seeds": r.seeds,
                "paired": r.paired,
                "shared_by_pairing": r.shared,
                "p": None if r.quotable_p is None else r.p,
                "p_holm": r.quotable_p,
                "seeds_needed": r.seeds_needed,
                "seeds_low": r.seeds_low,
                "seeds_high": r.seeds_high,
                "look": r.look.seeds if r.look else None,
                "judged_low": r.judged.low if r.judged else None,
                "judged_high": r.judged.high if r.judged else None,
                "judged_level": r.judged.level if r.judged else None,
                "tipping_sd": r.tipping_sd,
                "gates": "; ".join(r.gates),
                "missing": "; ".join(r.missing),
            }
            rows.append(row)
    return rows


def _curves(content: ReportContent) -> list[dict[str, Any]]:
    names = (
        "train_loss",
        "clean_train_top1",
        "lam_weighted_train_top1",
        "val_loss",
        "val_top1",
        "test_loss",
        "test_top1",
        "lr",
        "images_per_second",
        "seconds",
    )
    return [
        {
            "experiment": run.experiment,
            "seed": run.seed,
            "epoch": row["epoch"],
            **{name: row.get(name) for name in names},
        }
        for run in content.results.runs
        for row in run.epochs
    ]


def _budget(content: ReportContent) -> list[dict[str, Any]]:
    rows = []
    factors = list(content.roles.factors)
    for budget in (*content.budgets, *content.gain_budgets):
        for point in budget.points:
            for seed, value in point.by_seed.items():
                about = {f: budget.stratum.get(f, "") for f in factors}
                row = {"claim": budget.claim or "gain", **about, "split": budget.split}
                rows.append({**row, "epoch": point.epoch, "seed": seed, "points": value})
    return rows


def _classes(content: ReportContent) -> list[dict[str, Any]]:
    rows = []
    for name, gains in content.class_gains.items():
        data = content.data[name]
        for one in gains:
            for k in range(len(one.gains.gain)):
                above = data.superclass_of[k] if k < len(data.superclass_of) else None
                rows.append(
                    {
                        **{
                            f: one.levels.get(f, "")
                            for f in content.roles.factors
                            if f != content.roles.augmentation
                        },
                        "augmentation": one.augmentation,
                        "class": data.class_name(k),
                        "superclass": data.superclasses[above] if above is not None else "",
                        "examples": int(one.gains.examples[k]),
                        "gain": float(one.gains.gain[k]),
                        "standard_error": float(one.gains.error[k]),
                        "shrunken": float(one.gains.shrunken[k]),
                        "p": float(one.gains.p[k]),
                        "q": float(one.gains.q[k]),
                    }
                )
    return rows


def _confusions(content: ReportContent) -> list[dict[str, Any]]:
    rows = []
    for experiment in content.experiments:
        data = content.data.get(experiment.data)
        for pair in confused(experiment) if data is not None else ():
            assert data is not None
            rows.append(
                {
                    "experiment": experiment.name,
                    "true": data.class_name(pair.true),
                    "predicted": data.class_name(pair.predicted),
                    "count": pair.count,
                    "share": pair.share,
                }
            )
    return rows


def _calibration(content: ReportContent) -> list[dict[str, Any]]:
    return [
        {
            "experiment": experiment.name,
            **experiment.levels,
            "bin": i,
            "confidence": float(bins.confidence[i]),
            "accuracy": float(bins.accuracy[i]),
            "examples": int(bins.examples[i]),
        }
        for experiment in content.experiments
        if experiment.evaluated is not None and (bins := experiment.evaluated.reliability) is not None
        for i in range(len(bins.examples))
    ]


def _health(content: ReportContent) -> list[dict[str, Any]]:
    return [
        {
            "experiment": run.experiment,
            "seed": run.seed,
            "check": finding.code,
            "predictions": finding.params.get("predictions", ""),
            "severity": finding.severity,
            "finding": i18n.render(finding),
        }
        for run in content.results.runs
        for finding in run.health
    ]


def _contrasts_text(content: ReportContent, texts: Texts) -> str:
    names = ("claim", "stratum", "verdict", "points", "logits", "seeds", "needed", "gates")
    rows = []
    for verdict in content.verdicts:
        for r in verdict.readings:
            shown = [
                f"{signed(i.estimate)} {signed_ends(i.low, i.high)}" if i else "–"
                for i in (r.points, r.logits)
            ]
            needed = seeds_range(r)
            about = [verdict.claim, stratum_name(r, texts), texts(f"verdict.{r.verdict}")]
            gates = "; ".join(limits(r, texts.language))
            rows.append([*about, *shown, str(r.seeds), needed, gates])
    return tabular.to_markdown([texts(f"contrasts.col.{name}") for name in names], rows)
