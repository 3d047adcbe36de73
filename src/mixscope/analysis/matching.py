"""Dials at which a model reads either cue alone equally well.

Which cue a model goes by says something of the model only when both are equally easy for it. So a contrast is
found for each cue at which the model, trained as the study trains it but without mixing, is right on a target
share of test images when only that cue knows the class; the other is there, at chance. The procedure, which
draws nothing:

    1. The cue's contrast is multiplied or divided by 1.5, rounded, until its accuracy lies on the other side
       of the target; accuracy is taken to rise with contrast.
    2. The bracket is halved on a logarithmic scale until an accuracy is within half the tolerance, or the
       bracket is one step of a dial (an eighth of a grey level), of which the nearer end is taken. So the
       two cues end within the tolerance of each other.
    3. The same for the other cue, with this one where it now is; then both are looked at again, up to
       ROUNDS times, because each cue stands in the other's way.

An accuracy is that of one training, or the mean of several, which differ in initial weights and order. Every
training is an ordinary run in its own directory, so a search that is interrupted goes on. Scenes and seeds
are not those of the study, and there are test images enough to tell points apart.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from mixscope.data import cue_store, cues
from mixscope.data.cues import CLASSES, FULL, STEPS, Dials
from mixscope.data.store import Store, is_prepared, write
from mixscope.errors import ConfigError
from mixscope.runs import execute, records
from mixscope.study.config import RunConfig
from mixscope.study.matrix import PlannedRun, Study

FACTOR = 1.5
ROUNDS = 3
SEED = 1000  # of initial weights and order, and those after it: no seed that a study uses
OTHER_SCENES = 1  # added to the seed of the set
TEST = 6000  # test images at least: 0.6 points is the most that they add to an accuracy's standard error

Say = Callable[[str], None]
Accuracy = Callable[[str, Dials], float]  # of the model that is trained on one cue of a set with these dials


@dataclass(frozen=True)
class Step:
    """One training: which cue knew the class, at which contrasts, and the share of test images got right."""

    cue: str
    local_contrast: float
    global_contrast: float
    accuracy: float


@dataclass(frozen=True)
class Matched:
    """The dials, the accuracy of each cue at them, and every training on the way. holds: both are within half
    the tolerance of the target."""

    dials: Dials
    local: float
    glob: float
    holds: bool
    steps: tuple[Step, ...]


def search(accuracy: Accuracy, start: Dials, *, target: float, tolerance: float) -> Matched:
    """The procedure above. accuracy: may be asked twice for the same, and is then expected to answer alike.
    tolerance: how far the two accuracies may lie apart.

    Raises ConfigError when a cue misses the target at every contrast there is.
    """
    if not 1 / CLASSES < target < 1:
        raise ConfigError(f"--target must lie between chance (1/{CLASSES}) and 1, got {target}")
    steps: list[Step] = []
    tolerance = tolerance / 2 + 1e-9  # 0.72 is 0.03 away from 0.75

    def look(cue: str, dials: Dials) -> float:
        known = [s for s in steps if (s.cue, s.local_contrast, s.global_contrast) == _at(cue, dials)]
        if not known:
            steps.append(Step(*_at(cue, dials), accuracy(cue, dials)))
        return (known or steps)[-1].accuracy

    dials = start
    for _ in range(ROUNDS):
        for cue in ("local", "global"):
            if abs(look(cue, dials) - target) > tolerance:
                dials = _one(cue, dials, look, target, tolerance)
        local, glob = look("local", dials), look("global", dials)
        holds = max(abs(local - target), abs(glob - target)) <= tolerance
        if holds:
            break
    return Matched(dials, local, glob, holds, tuple(steps))


def _one(
    cue: str, dials: Dials, look: Callable[[str, Dials], float], target: float, tolerance: float
) -> Dials:
    """The contrast of one cue whose accuracy is the target, by steps 1 and 2."""

    def at(contrast: int) -> float:
        return look(cue, _set(cue, dials, contrast / STEPS))

    low = high = max(
        1, round(STEPS * (dials.local_contrast if cue == "local" else dials.global_contrast))
    )  # in steps of the dial
    while at(low) > target:
        if low == 1:
            raise ConfigError(f"cues: the {cue} cue is read at any contrast; raise noise, or --target")
        high, low = low, max(1, min(low - 1, round(low / FACTOR)))
    while at(high) < target:
        if high == FULL * STEPS:
            raise ConfigError(
                f"cues: the {cue} cue is not read at contrast {FULL}; lower noise or --target, or train more"
            )
        low, high = high, min(FULL * STEPS, max(high + 1, round(high * FACTOR)))
    best = min((low, high), key=lambda c: (abs(at(c) - target), c))
    while high - low > 1 and abs(at(best) - target) > tolerance:
        middle = min(high - 1, max(low + 1, round(math.sqrt(low * high))))
        low, high = (middle, high) if at(middle) < target else (low, middle)
        best = min((best, middle), key=lambda c: (abs(at(c) - target), c))
    return _set(cue, dials, best / STEPS)


def _set(cue: str, dials: Dials, contrast: float) -> Dials:
    if cue == "local":
        return dataclasses.replace(dials, local_contrast=contrast)
    return dataclasses.replace(dials, global_contrast=contrast)


def _at(cue: str, dials: Dials) -> tuple[str, float, float]:
    return cue, dials.local_contrast, dials.global_contrast


def trained(config: RunConfig, *, seeds: int, work: Path, say: Say) -> Accuracy:
    """The accuracy of a run's model on one cue, by training it. config: of the study's run without mixing.

    seeds: trainings, of whose accuracies it is the mean. work: a folder for sets and runs. Raises what a run
    raises.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds must be 1 or more, got {seeds}")

    def accuracy(cue: str, dials: Dials) -> float:
        made = dataclasses.replace(
            dials,
            local_predictivity=1.0 if cue == "local" else 1 / CLASSES,
            global_predictivity=1.0 if cue == "global" else 1 / CLASSES,
            test=max(dials.test, TEST),
            seed=dials.seed + OTHER_SCENES,
        )
        name = f"{cue}-{made.local_contrast:g}-{made.global_contrast:g}"
        if is_prepared(work, name):
            cue_store.compare(Store.open(work, name), made)
        else:
            write(cues.content(made), root=work, name=name, source={"embedded": True}, progress=None)
        tops = []
        for seed in range(SEED, SEED + seeds):
            run = dataclasses.replace(config, seed=seed, data=dataclasses.replace(config.data, name=name))
            summary = execute.run(run, root=work, out=work / "runs" / f"{name}-{run.digest}")
            tops.append(float(summary["results"]["test"]["last"]["top1"]))
        found = statistics.mean(tops)
        say(
            f"{cue:<7} cue alone, contrasts {made.local_contrast:>7} and {made.global_contrast:>7}"
            f"  top-1 {100 * found:.1f} %" + (f" ({_range(tops)})" if seeds > 1 else "")
        )
        return found

    return accuracy


def _range(tops: Sequence[float]) -> str:
    return f"{100 * min(tops):.1f} to {100 * max(tops):.1f}, {len(tops)} seeds"


def cell(study: Study, only: Mapping[str, str]) -> PlannedRun:
    """The run without mixing of the one model that `only` leaves. Raises ConfigError when it leaves more."""
    found = [run for run in study.expand(only=only, seeds=1) if run.config.augment.mix == "none"]
    if len(found) != 1:
        names = ", ".join(run.name for run in found) or "none"
        raise ConfigError(
            f"--only: leaves {len(found)} cells without mixing ({names}); name levels to leave one"
        )
    return found[0]


def start(config: RunConfig, file: Path | None) -> Dials:
    """Where the search begins: a file's dials, or those of the run's set. Raises ConfigError."""
    known = cues.BUILT_IN.get(config.data.name)
    if known is None and file is None:
        raise ConfigError(
            f"{config.data.name} has no dials of its own; give some to begin with, with --source"
        )
    return cues.chosen(known or Dials(), file, None)


def keep(found: Matched, file: Path) -> None:
    """A dials file, as `mixscope data prepare cues --source` takes it, with what was found as a comment."""
    lines = [
        f"# {100 * found.local:.1f} % by the local cue alone, {100 * found.glob:.1f} % by the global one"
    ]
    lines += [
        f"# {s.cue} {s.local_contrast:g} {s.global_contrast:g}: {100 * s.accuracy:.1f} %" for s in found.steps
    ]
    text = "\n".join(lines) + "\n" + yaml.safe_dump(dataclasses.asdict(found.dials), sort_keys=False)
    records.write_bytes(file, text.encode())
