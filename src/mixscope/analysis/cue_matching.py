"""Matches the two cues of `cues`: finds contrasts at which a model learns either cue alone equally well.

Cue reliance characterizes the model only if both cues are equally easy to learn. For each cue the search
finds a contrast at which the model, trained as in the study but without mixing, reaches a target accuracy on
test images when only that cue is predictive; the other is shown at chance. The procedure is deterministic:

    1. The cue's contrast is multiplied or divided by 1.5, rounded, until its accuracy is on the other side of
       the target; accuracy is assumed to increase with contrast.
    2. The bracket is bisected on a logarithmic scale until an accuracy is within half the tolerance, or the
       bracket is one step (an eighth of a grey level), whose nearer end is taken. The two cues therefore end
       within the tolerance of each other.
    3. The same for the other cue, with the first at its new contrast; both are then checked again, up to
       ROUNDS times, because each cue interferes with the other.

An accuracy is that of one training, or the mean of several with different initial weights and order. Every
training is an ordinary run in its own directory, so an interrupted search can be resumed. Scenes and seeds
differ from those of the study, and the number of test images suffices to distinguish contrasts.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from mixscope.data import cue_store, cues
from mixscope.data.cues import CLASSES, FULL, STEPS, Parameters
from mixscope.data.store import Store, is_prepared
from mixscope.data.store_writer import write
from mixscope.errors import ConfigError
from mixscope.runs import execute, records
from mixscope.study.config import RunConfig
from mixscope.study.study import PlannedRun, Study

FACTOR = 1.5
ROUNDS = 3
SEED = 1000  # first seed of the trainings; studies use smaller ones
OTHER_SCENES = 1  # offset to the seed of the set
TEST = 6000  # smallest number of test images: standard error of an accuracy at most 0.6 points

Say = Callable[[str], None]
# Accuracy of the model trained on one cue of a set with these parameters.
Accuracy = Callable[[str, Parameters], float]


@dataclass(frozen=True)
class Step:
    """One training: the predictive cue, the contrasts, and the test accuracy."""

    cue: str
    local_contrast: float
    global_contrast: float
    accuracy: float


@dataclass(frozen=True)
class Matched:
    """The result of a search.

    Attributes:
        parameters: Parameters found.
        local: Accuracy by the local cue alone.
        glob: Accuracy by the global cue alone.
        holds: Whether both are within half the tolerance of the target.
        steps: Every training of the search.
    """

    parameters: Parameters
    local: float
    glob: float
    holds: bool
    steps: tuple[Step, ...]


def search(accuracy: Accuracy, start: Parameters, *, target: float, tolerance: float) -> Matched:
    """Runs the procedure above.

    Args:
        accuracy: Trains on one cue; must return the same value for the same arguments.
        start: Initial parameters.
        target: Target accuracy, between chance and 1.
        tolerance: Largest difference of the two accuracies.

    Raises:
        ConfigError: If a cue misses the target at every contrast.
    """
    if not 1 / CLASSES < target < 1:
        raise ConfigError(
            "out-of-range",
            f"--target must lie between chance (1/{CLASSES}) and 1, got {target}",
            key="--target",
        )
    steps: list[Step] = []
    tolerance = tolerance / 2 + 1e-9  # rounding: 0.72 is within 0.03 of 0.75

    def look(cue: str, parameters: Parameters) -> float:
        known = [s for s in steps if (s.cue, s.local_contrast, s.global_contrast) == _at(cue, parameters)]
        if not known:
            steps.append(Step(*_at(cue, parameters), accuracy(cue, parameters)))
        return (known or steps)[-1].accuracy

    parameters = start
    for _ in range(ROUNDS):
        for cue in ("local", "global"):
            if abs(look(cue, parameters) - target) > tolerance:
                parameters = _one(cue, parameters, look, target, tolerance)
        local, glob = look("local", parameters), look("global", parameters)
        holds = max(abs(local - target), abs(glob - target)) <= tolerance
        if holds:
            break
    return Matched(parameters, local, glob, holds, tuple(steps))


def _one(
    cue: str,
    parameters: Parameters,
    look: Callable[[str, Parameters], float],
    target: float,
    tolerance: float,
) -> Parameters:
    """The contrast at which one cue reaches the target, by steps 1 and 2."""

    def at(contrast: int) -> float:
        return look(cue, _set(cue, parameters, contrast / STEPS))

    # In steps of the contrast.
    low = high = max(
        1, round(STEPS * (parameters.local_contrast if cue == "local" else parameters.global_contrast))
    )
    while at(low) > target:
        if low == 1:
            raise ConfigError(
                "out-of-range", f"the {cue} cue is read at any contrast; raise noise, or --target", key="cues"
            )
        high, low = low, max(1, min(low - 1, round(low / FACTOR)))
    while at(high) < target:
        if high == FULL * STEPS:
            raise ConfigError(
                "out-of-range",
                f"the {cue} cue is not read at contrast {FULL}; lower noise or --target, or train more",
                key="cues",
            )
        low, high = high, min(FULL * STEPS, max(high + 1, round(high * FACTOR)))
    best = min((low, high), key=lambda c: (abs(at(c) - target), c))
    while high - low > 1 and abs(at(best) - target) > tolerance:
        middle = min(high - 1, max(low + 1, round(math.sqrt(low * high))))
        low, high = (middle, high) if at(middle) < target else (low, middle)
        best = min((best, middle), key=lambda c: (abs(at(c) - target), c))
    return _set(cue, parameters, best / STEPS)


def _set(cue: str, parameters: Parameters, contrast: float) -> Parameters:
    if cue == "local":
        return dataclasses.replace(parameters, local_contrast=contrast)
    return dataclasses.replace(parameters, global_contrast=contrast)


def _at(cue: str, parameters: Parameters) -> tuple[str, float, float]:
    return cue, parameters.local_contrast, parameters.global_contrast


def trained(config: RunConfig, *, seeds: int, work: Path, say: Say) -> Accuracy:
    """Returns a function that measures accuracy on one cue by training the model of a run.

    Args:
        config: Settings of the study's run without mixing.
        seeds: Number of trainings to average.
        work: Folder for data sets and runs.
        say: Shows a line per accuracy.

    Raises:
        ConfigError: If `seeds` is below 1; the function raises what a run raises.
    """
    if seeds < 1:
        raise ConfigError("out-of-range", f"--seeds must be 1 or more, got {seeds}", key="--seeds")

    def accuracy(cue: str, parameters: Parameters) -> float:
        made = dataclasses.replace(
            parameters,
            local_predictivity=1.0 if cue == "local" else 1 / CLASSES,
            global_predictivity=1.0 if cue == "global" else 1 / CLASSES,
            test=max(parameters.test, TEST),
            seed=parameters.seed + OTHER_SCENES,
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


def run_without_mixing(study: Study, only: Mapping[str, str]) -> PlannedRun:
    """The run without mixing of the one model that `only` selects.

    Raises:
        ConfigError: If it selects several.
    """
    found = [run for run in study.expand(only=only, seeds=1) if run.config.augment.mix == "none"]
    if len(found) != 1:
        names = ", ".join(run.name for run in found) or "none"
        raise ConfigError(
            "conflict",
            f"leaves {len(found)} experiments without mixing ({names}); name levels to leave one",
            key="--only",
        )
    return found[0]


def start(config: RunConfig, file: Path | None) -> Parameters:
    """The initial parameters: from a file, or those of the run's data set.

    Raises:
        ConfigError: If there are none.
    """
    known = cues.BUILT_IN.get(config.data.name)
    if known is None and file is None:
        raise ConfigError(
            "unsupported",
            f"{config.data.name} was not made with parameters of cues; give initial ones with --source",
        )
    return cues.chosen(known or Parameters(), file, None)


def keep(found: Matched, file: Path) -> None:
    """Writes a parameter file for `mixscope data prepare cues --source`, with the search as a comment."""
    lines = [
        f"# {100 * found.local:.1f} % by the local cue alone, {100 * found.glob:.1f} % by the global one"
    ]
    lines += [
        f"# {s.cue} {s.local_contrast:g} {s.global_contrast:g}: {100 * s.accuracy:.1f} %" for s in found.steps
    ]
    text = "\n".join(lines) + "\n" + yaml.safe_dump(dataclasses.asdict(found.parameters), sort_keys=False)
    records.write_bytes(file, text.encode())
