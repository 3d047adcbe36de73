"""Problems that invalidate results or that readers should know, each a finding that names runs.

`examine` checks a whole study for missing, stale or differing runs. `gates` checks the runs behind one
contrast for reasons to cap its verdict. Those runs must have the same provenance; different code between
strata is reported but does not cap, because no value is computed across them.

Some findings are for information only: pretraining data, a value outside the literature's range, differing
package versions or devices.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mixscope import i18n
from mixscope.claims import bands
from mixscope.findings import Finding
from mixscope.results import vocabulary
from mixscope.results.results import DAMAGED, FAILED, PENDING, Results, Run
from mixscope.runs import code_version

BAND_EPOCHS, BAND_IMAGES = 50, 40_000  # smallest run for which the literature's ranges apply
SMALL_STEM_EPOCHS = 200  # epochs of the ranges for small stems


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A deviation from the study.

    Attributes:
        kind: "missing", "unfinished", "failed", "damaged", "stale", "settings", "code", "data", "checkpoint",
            "health", "weights", "band", "packages" or "device".
        finding: The observation.
        runs: Labels of all affected runs.
        caps: Whether it caps a verdict based on these runs; a difference between runs caps only verdicts that
            compare them.
    """

    kind: str
    finding: Finding
    runs: tuple[str, ...]
    caps: bool

    @property
    def sentence(self) -> str:
        """The finding in English."""
        return i18n.render(self.finding)


def examine(results: Results, checkpoint: str = "last") -> tuple[Problem, ...]:
    """Every problem of a study, excluded runs first."""
    done = results.done
    return (
        *_incomplete(results.runs),
        *_stale(results.runs),
        *gates(done, checkpoint),
        *caveats(done),
        *_differ(done, "packages", _packages),
        *_differ(done, "device", _device),
    )


def complete(results: Results) -> tuple[int, int]:
    """Number of finished runs, and of runs in the study."""
    return len(results.done), len(results.runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """Runs of an experiment that were started and did not finish, or whose records are damaged.

    Attributes:
        experiment: Name of the experiment.
        lost: Number of such runs.
        planned: Number of planned runs.
    """

    experiment: str
    lost: int
    planned: int


def lost(results: Results) -> tuple[Lost, ...]:
    """Experiments with failed or damaged runs: their estimates hold for runs that finish."""
    found = []
    for experiment in results.experiments:
        runs = results.runs_of(experiment.name)
        count = sum(run.state in (FAILED, DAMAGED) for run in runs)
        if count:
            found.append(Lost(experiment=experiment.name, lost=count, planned=len(runs)))
    return tuple(found)


def unchecked(results: Results) -> tuple[str, ...]:
    """Conditions that cap verdicts on mixscope's own runs and that these results do not record."""
    runs = results.done
    if runs and any(run.provenance is not None for run in runs):
        return ()
    found = ["planned runs all there", "claims fixed before the runs", "settings", "code", "training data"]
    found += ["checkpoint rule", "health of training"]
    if not any(run.outcomes() is not None for run in runs):
        found += ["same test examples", "no copied runs"]
    return tuple(found)


# --- what is not there ----------------------------------------------------------------------------------


def _incomplete(runs: Sequence[Run]) -> list[Problem]:
    found = []
    kinds = {PENDING: "missing", FAILED: "failed", DAMAGED: "damaged"}
    for state in (PENDING, FAILED, DAMAGED, "running", "interrupted"):
        mine = [run for run in runs if run.state == state]
        if not mine:
            continue
        params = {"reasons": _reasons(mine)} if state in (FAILED, DAMAGED) else {"runs": names(mine)}
        finding = Finding(f"runs-{state}", "warn", {"count": len(mine), **params})
        kind = kinds.get(state, "unfinished")
        found.append(Problem(kind=kind, finding=finding, runs=_labels(mine), caps=False))
    return found


def _reasons(runs: Sequence[Run]) -> list[Finding]:
    reason = Finding("no-reason-recorded")
    return [Finding("run-reason", params={"run": label(run), "reason": run.reason or reason}) for run in runs]


def _stale(runs: Sequence[Run]) -> list[Problem]:
    """Directories of an experiment and seed of this study with other settings."""
    found = [run for run in runs if run.stale]
    if not found:
        return []
    finding = Finding("runs-stale", "warn", {"count": len(found), "runs": names(found)})
    return [Problem(kind="stale", finding=finding, runs=_labels(found), caps=False)]


# --- what caps a verdict --------------------------------------------------------------------------------


def gates(runs: Sequence[Run], checkpoint: str) -> list[Problem]:
    """Problems that cap a verdict comparing these finished runs."""
    return [
        *_settings(runs),
        *_code(runs),
        *_data(runs),
        *_differ(runs, "checkpoint", _checkpoint_rule, caps=True),
        *_failed_checks(runs, checkpoint),
    ]


def _settings(runs: Sequence[Run]) -> list[Problem]:
    """Records whose digests differ from that of the study's settings."""
    wrong = [
        run
        for run in runs
        if run.config and run.provenance and run.provenance.config_digests != (run.config.digest,)
    ]
    if not wrong:
        return []
    finding = Finding("settings-differ", "fail", {"runs": names(wrong)})
    return [Problem(kind="settings", finding=finding, runs=_labels(wrong), caps=True)]


def _code(runs: Sequence[Run]) -> list[Problem]:
    """Differing code versions, including those of runs resumed by other code."""
    found = _differ(runs, "code", lambda run: ", ".join(versions(run)), caps=True)
    if not found and any(len(versions(run)) > 1 for run in runs):
        finding = Finding("code-changed", "fail", {"versions": versions(runs[0])})
        return [Problem(kind="code", finding=finding, runs=_labels(runs), caps=True)]
    return found


def versions(run: Run) -> list[str]:
    """The code versions of a finished run, more than one if other code resumed it."""
    return code_version.distinct(run.provenance.code_digests) if run.provenance else []


def _data(runs: Sequence[Run]) -> list[Problem]:
    """Runs on one data set must have used the same bytes and the same test images."""
    found = []
    sets = {run.label: run.provenance.data for run in runs if run.provenance and run.provenance.data}
    for name in dict.fromkeys(data.name for data in sets.values()):
        mine = [run for run in runs if run.label in sets and sets[run.label].name == name]
        found += _differ(
            mine, "data", lambda r: (sets[r.label].digest or "unknown")[:12], caps=True, about={"data": name}
        )
    return found


def _failed_checks(runs: Sequence[Run], checkpoint: str) -> list[Problem]:
    failed = [(run, finding) for run in runs for finding in failed_checks(run, checkpoint)]
    if not failed:
        return []
    labels = tuple(dict.fromkeys(run.label for run, _ in failed))
    checks = [Finding("run-reason", params={"run": label(run), "reason": found}) for run, found in failed]
    finding = Finding("checks-failed", "fail", {"count": len(failed), "checks": checks})
    return [Problem(kind="health", finding=finding, runs=labels, caps=True)]


def failed_checks(run: Run, checkpoint: str) -> list[Finding]:
    """The health findings of a finished run that invalidate its values at this checkpoint."""
    return [
        finding
        for finding in run.health
        if finding.severity in ("warn", "fail")
        and finding.code != "pretraining-data"
        and finding.params.get("predictions", f"test-{checkpoint}") == f"test-{checkpoint}"
    ]


# --- what a reader should know --------------------------------------------------------------------------


def caveats(runs: Sequence[Run]) -> list[Problem]:
    """Findings on these finished runs that do not cap a verdict."""
    return [*_weights(runs), *_bands(runs)]


def _weights(runs: Sequence[Run]) -> list[Problem]:
    runs_of: dict[Finding, list[Run]] = {}
    for run in runs:
        for finding in run.health:
            if finding.code == "pretraining-data" and finding.severity == "warn":
                runs_of.setdefault(finding, []).append(run)
    return [
        Problem(
            kind="weights",
            finding=Finding("weights-remarks", "warn", {"remarks": [finding], "runs": names(mine)}),
            runs=_labels(mine),
            caps=False,
        )
        for finding, mine in runs_of.items()
    ]


def _bands(runs: Sequence[Run]) -> list[Problem]:
    """Health check 4: test accuracy of the last epoch against the literature."""
    outside = [(run, found) for run in runs if (found := outside_band(run)) is not None]
    if not outside:
        return []
    finding = Finding("outside-band", "warn", {"found": [found for _, found in outside]})
    labels = _labels([run for run, _ in outside])
    return [Problem(kind="band", finding=finding, runs=labels, caps=False)]


def outside_band(run: Run) -> Finding | None:
    """How a finished run misses the ranges that may apply; None if it does not, or none applies.

    The ranges are for full training from scratch, so they do not apply to runs with few epochs or images. A
    value is outside if it is so by more than two standard errors of its test set.
    """
    config, made = run.config, run.provenance
    test = run.metrics.get("test", {}).get("last", {})
    share, n = test.get("top1"), test.get("n")
    if config is None or made is None or made.data is None or share is None or n is None:
        return None
    family, few = vocabulary.family(config.model.arch), made.data.images.get("train", 0) < BAND_IMAGES
    if family is None or config.model.pretrained or few or config.train.epochs < BAND_EPOCHS:
        return None
    if family == "resnet50" and config.model.stem == "small" and config.train.epochs < SMALL_STEM_EPOCHS:
        return None
    mixing = config.augment.mix if config.augment.mix in ("none", "mixup", "cutmix") else None
    known = bands.of(data=config.data.name, family=family, mixing=mixing, stem=config.model.stem)
    top1, slack = 100.0 * share, 200.0 * (share * (1.0 - share) / n) ** 0.5
    near = any(band.holds(top1) or band.holds(top1 + slack) or band.holds(top1 - slack) for band in known)
    if near or not known:
        return None
    params = {"run": label(run), "top1": top1, "bands": [band.finding() for band in known]}
    return Finding("run-outside-band", "warn", params)


# --- what differs ---------------------------------------------------------------------------------------

_DIFFER = {
    "code": "code-differs",
    "data": "data-differs",
    "checkpoint": "checkpoint-rules-differ",
    "packages": "packages-differ",
    "device": "devices-differ",
}


def _differ(
    runs: Sequence[Run],
    kind: str,
    key: Callable[[Run], str | Finding],
    caps: bool = False,
    about: Mapping[str, str] | None = None,
) -> list[Problem]:
    """One problem if `key` differs between runs, with the runs of each value."""
    groups: dict[str | Finding, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    if len(groups) < 2:
        return []
    parts = [
        Finding("value-of-runs", params={"value": value, "runs": names(mine)})
        for value, mine in groups.items()
    ]
    largest = max(groups.values(), key=len)
    return [
        Problem(
            kind=kind,
            finding=Finding(_DIFFER[kind], "fail" if caps else "note", {**(about or {}), "groups": parts}),
            runs=_labels([run for mine in groups.values() if mine is not largest for run in mine]),
            caps=caps,
        )
    ]


def _checkpoint_rule(run: Run) -> str | Finding:
    made = run.provenance
    if made is None:
        return "unknown"
    params = {"protocol": made.protocol, "checkpoints": sorted(made.checkpoints)}
    return Finding("checkpoint-rule", params=params)


def _packages(run: Run) -> str:
    packages = run.provenance.packages if run.provenance else {}
    return ", ".join(f"{name} {version}" for name, version in sorted(packages.items()) if version)


def _device(run: Run) -> str:
    return str(run.provenance.device.get("name", "unknown")) if run.provenance else "unknown"


# --- names of runs --------------------------------------------------------------------------------------


def names(runs: Sequence[Run]) -> list[Finding]:
    """Runs by experiment, with their seeds."""
    seeds: dict[str, list[int]] = {}
    for run in runs:
        seeds.setdefault(run.experiment, []).append(run.seed)
    return [Finding("run-seeds", params={"experiment": e, "seeds": mine}) for e, mine in seeds.items()]


def label(run: Run) -> Finding:
    """One run."""
    return Finding("run-label", params={"experiment": run.experiment, "seed": run.seed})


def _labels(runs: Iterable[Run]) -> tuple[str, ...]:
    return tuple(run.label for run in runs)
