"""Checks before a study starts that the machine has everything its runs need.

Reports all problems at once.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixscope import hardware, i18n
from mixscope.data.store import Store, is_prepared
from mixscope.errors import ConfigError, DataError, RunFailed
from mixscope.findings import Finding
from mixscope.formatting import size
from mixscope.studies.estimate import Estimate
from mixscope.studies.status import Standing

WEIGHTS_SECONDS = 600.0  # timeout of the check of weights
DATA = ("missing-data", "missing-data-damaged", "missing-weights")  # exit code 4, as for one run alone


def things(found: Sequence[Standing], root: Path) -> list[Finding]:
    """Finds data and pretrained weights that unfinished runs need and that are not available.

    Nothing is written or downloaded.

    Args:
        found: Status of each run.
        root: Folder of prepared data sets.

    Returns:
        At most one finding for each data set and each network with weights.
    """
    runs = [stands for stands in found if stands.state != "done"]
    stores, lacking = _data(runs, root)
    return [*lacking, *_weights(runs, stores)]


def resources(
    found: Sequence[Standing], costs: Sequence[Estimate], *, out: Path, slots: int
) -> list[Finding]:
    """Finds disk and memory that unfinished runs need and this machine lacks.

    "fail": some run cannot work without it. "warn": all of them together lack it, such as disk space that can
    be freed meanwhile, or memory that suffices for fewer parallel runs.

    Args:
        found: Status of each run.
        costs: Cost of each run, in the same order; unknown costs are ignored.
        out: Folder of the study, which need not exist.
        slots: Number of parallel runs.
    """
    left = [(s, c) for s, c in zip(found, costs, strict=True) if s.state != "done"]
    return [*_disk(left, out), *_memory(left, slots)]


def _data(runs: Sequence[Standing], root: Path) -> tuple[dict[str, Store], list[Finding]]:
    """The readable stores by name, and findings on the others."""
    stores, lacking = dict[str, Store](), list[Finding]()
    for name in dict.fromkeys(s.run.config.data.name for s in runs):
        if not is_prepared(root, name):
            lacking.append(Finding("missing-data", "fail", {"data": name, "root": str(root)}))
            continue
        try:
            store = Store.open(root, name)
            store.check()
        except (ConfigError, DataError) as problem:
            lacking.append(Finding("missing-data-damaged", "fail", {"problem": problem.finding}))
        else:
            stores[name] = store
    return stores, lacking


def _weights(runs: Sequence[Standing], stores: Mapping[str, Store]) -> list[Finding]:
    """Findings on weights, checked in a separate process (timm is needed), and only if there are any."""
    models: dict[str, dict[str, Any]] = {}
    for config in (s.run.config for s in runs):
        if config.model.pretrained:
            store = stores.get(config.data.name)
            about = {
                "model": dataclasses.asdict(config.model),
                "classes": store.n_classes if store else None,
                "size": store.size if store else None,
            }
            models.setdefault(json.dumps(about, sort_keys=True), about)
    if not models:
        return []
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mixscope.runs.weights_check"],
            input=json.dumps(list(models.values())),
            capture_output=True,
            text=True,
            timeout=WEIGHTS_SECONDS,
            check=True,
        )
        problems = [Finding.from_dict(one) for one in json.loads(done.stdout) if one is not None]
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        error = (getattr(problem, "stderr", None) or str(problem)).strip().splitlines()
        return [Finding("missing-weights-unchecked", "warn", {"problem": error[-1]})]
    return [Finding("missing-weights", "fail", {"problem": one}) for one in dict.fromkeys(problems)]


def _disk(left: Sequence[tuple[Standing, Estimate]], out: Path) -> list[Finding]:
    """Disk space needed by runs that have not started; part of the others' is already used."""
    needed = [c.disk_bytes for s, c in left if c.disk_bytes is not None and s.state == "pending"]
    there, free = disk_of(out)
    if sum(needed) <= free:
        return []
    params = {
        "folder": str(there),
        "runs": len(needed),
        "needed": size(sum(needed)),
        "free": size(free),
    }
    return [Finding("missing-disk", "fail" if max(needed) > free else "warn", params)]


def disk_of(out: Path) -> tuple[Path, int]:
    """The nearest existing folder at or above one that may not exist yet, and the free bytes on its disk."""
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())
    return there, shutil.disk_usage(there).free


def machine(out: Path) -> dict[str, int]:
    """Memory of this machine and free disk at a folder, under the names of `estimate.totals`."""
    return {"memory_bytes": hardware.memory(), "disk_bytes": disk_of(out)[1]}


def _memory(left: Sequence[tuple[Standing, Estimate]], slots: int) -> list[Finding]:
    """Memory of the largest parallel runs against total memory; what other programs use may be freed."""
    known = sorted(((c.memory_bytes, s.run.name) for s, c in left if c.memory_bytes), reverse=True)
    held, limit = [most for most, _ in known[:slots]], hardware.memory()
    if sum(held) <= limit:
        return []
    params = {"name": known[0][1], "needed": size(held[0]), "all": size(sum(held)), "limit": size(limit)}
    alone = held[0] > limit
    code = "missing-memory" if alone else "missing-memory-together"
    return [Finding(code, "fail" if alone else "warn", params | {"slots": len(held)})]


def lack_data(found: Sequence[Finding]) -> bool:
    """Whether some data set is missing, so that not every run can be measured."""
    return any(finding.code in ("missing-data", "missing-data-damaged") for finding in found)


def can_start(found: Sequence[Finding]) -> bool:
    """Whether a study starts with these findings: none of them fails."""
    return all(finding.severity != "fail" for finding in found)


def refuse(found: Sequence[Finding], lang: str = "en") -> None:
    """Raises one error for everything that fails, in a language.

    DataError if data or weights are involved, else RunFailed.
    """
    failed = [finding for finding in found if finding.severity == "fail"]
    if not failed:
        return
    lines = [i18n.render(finding, lang) for finding in failed]
    text = (
        lines[0]
        if len(lines) == 1
        else "\n  ".join([i18n.message("missing-title", lang, count=len(lines)), *lines])
    )
    kind = DataError if any(finding.code in DATA for finding in failed) else RunFailed
    raise kind(failed[0]).reworded(text)
