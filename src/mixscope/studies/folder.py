"""The folder of a study, which keeps the study file study.yaml beside its runs.

Claims are fixed before the first run. An edited study therefore replaces the one in its folder only if it
adds to it: once a run has started, claims stay as they are, and every started run keeps its name, seed and
settings.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixscope.errors import ConfigError
from mixscope.runs import lock, records
from mixscope.study import config as settings
from mixscope.study import matrix, methods
from mixscope.study.study import Study

SHOWN = 3  # changes listed in an error


def keep(study: Study, out: Path) -> None:
    """Writes the study to its folder, replacing an earlier version that it only adds to.

    Raises:
        ConfigError: If it changes what must not change once runs have started (names the changes), or a
            scheduler is using the folder.
    """
    text = _pinned(study)
    with lock.hold(out):
        file = out / matrix.KEPT
        if file.exists():
            before = matrix.load(str(file))
            begun = records.begun(out)
            changed = changes(before, study, begun) if begun else []
            if changed:
                more = f" (and {len(changed) - SHOWN} more)" if len(changed) > SHOWN else ""
                raise ConfigError(
                    "changed",
                    f"this study has begun and was edited since: {'; '.join(changed[:SHOWN])}{more};"
                    " what is claimed and what was run stays as it was, so give the edited study another"
                    f" --out, or undo the edit (`mixscope study run {out}` continues the study as it was)",
                    path=out,
                )
            if before.text == text:
                return
        records.write_bytes(file, text.encode())


def _pinned(study: Study) -> str:
    """The text of the study, with checksums of method files, so that it stays readable without them."""
    text, found = study.text, set[str]()
    for run in study.expand(seeds=1):
        augment = run.config.augment
        found |= {augment.mix, *augment.switch, *augment.alpha}
    for name in sorted(found):
        place = name.rpartition("@")[0]
        if methods.FILE.fullmatch(place):
            text = name.join(re.split(rf"{re.escape(place)}(?![@\w])", text))
    return text


def changes(before: Study, after: Study, begun: set[str]) -> list[str]:
    """Changes that are not allowed once runs have started, one short sentence each.

    Args:
        before: The earlier study.
        after: The edited study.
        begun: Directories of started runs. Additional seeds, levels and experiments are allowed.
    """
    return [*_claims(before, after), *_seeds(before, after), *_runs(before, after, begun)]


def _claims(before: Study, after: Study) -> list[str]:
    old = {claim.id: claim.to_dict() for claim in before.claims}
    new = {claim.id: claim.to_dict() for claim in after.claims}
    found = [f"claims.{name} is gone" for name in old if name not in new]
    found += [f"claims.{name} is new" for name in new if name not in old]
    for name in (n for n in old if n in new):
        left, right = dict(_flat(old[name])), dict(_flat(new[name]))
        for key in sorted(k for k in left.keys() | right.keys() if left.get(k) != right.get(k)):
            found.append(f"claims.{name}.{key}: {left.get(key)} -> {right.get(key)}")
    if before.looks != after.looks:
        found.append(f"looks: {list(before.looks) or None} -> {list(after.looks) or None}")
    return found


def _seeds(before: Study, after: Study) -> list[str]:
    """Seeds that count at a look depend on their order, so new ones must follow the old."""
    old, new = list(before.seeds), list(after.seeds)
    return [] if new[: len(old)] == old else [f"seeds: {old} -> {new} (new ones come last, none goes)"]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in tree.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return rows


def _runs(before: Study, after: Study, begun: set[str]) -> list[str]:
    new = after.expand()
    places = {run.directory for run in new}
    successors = {(tuple(sorted(run.levels.items())), run.seed): run for run in new}
    found = []
    for run in before.expand():
        if run.directory not in begun or run.directory in places:
            continue
        successor = successors.get((tuple(sorted(run.levels.items())), run.seed))
        if successor is None:
            found.append(f"{run.name} with seed {run.seed} has begun and is no longer in the study")
        elif successor.config.digest == run.config.digest:
            found.append(f"{run.name} with seed {run.seed} is now called {successor.name}")
        else:
            changed = ", ".join(settings.differences(run.config, successor.config))
            found.append(f"{run.name} with seed {run.seed} has begun with other settings ({changed})")
    return found
