"""Local against global cues: interventions on the embedded data set `cues` (data/cues.py).

A_L = P(the prediction changes | do(L)), where L takes another value in the same image; A_G likewise for G.
LRI = (A_L - A_G) / (A_L + A_G), the local reliance index: 1 for a model that uses L alone, -1 for one that
uses G alone. Conflict fractions: how often the prediction is L's, G's or neither's class where they differ.

Intervals include seeds and images, as those of claims (claims/contrasts.py). LRI is a ratio; by the delta
method its variance is that of the mean of

    LRI + (2 A_G (a_L - A_L) - 2 A_L (a_G - A_G)) / (A_L + A_G)^2

over seeds and images, where a_L and a_G are 1 if a prediction changed, and A_L and A_G are the experiment's
means.

Two hypotheses about CutMix are tested. First: a ResNet relies on local cues and cutting disrupts that, so
CutMix lowers the ResNet's LRI and leaves the ViT's unchanged. Second: labels by area are right for texture
and wrong for arrangement, for any model, so CutMix raises LRI in both.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixscope import i18n, tabular
from mixscope.analysis import experiments
from mixscope.analysis.experiments import Experiment
from mixscope.analysis.trained_run import Progress, Subject
from mixscope.claims import contrasts, verdicts
from mixscope.claims.contrasts import LEVEL, NARROW, Estimate
from mixscope.data import cue_store, cues
from mixscope.data.cues import Parameters, Shown
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.formatting import padded, width
from mixscope.results import Results, vocabulary
from mixscope.study import gains
from mixscope.study.config import RunConfig

VERSION = 1
LRI_MARGIN = 0.1  # smallest change of LRI that matters; chosen before the first run
INTERVENTIONS = {"do-local": "local", "do-global": "global"}
SHOWN = (*cues.SPLITS, *INTERVENTIONS)
COMPARED = 16  # stored images that are regenerated to verify that they are unchanged

FAMILIES = {"resnet50": "resnet", "resnet": "resnet", "vit": "vit"}  # by family of the network
FIGURES = {"local": "A_L", "global": "A_G", "lri": "LRI"}
WORDS = {"resnet": "ResNet", "vit": "ViT", "none": "Default", "mixup": "MixUp", "cutmix": "CutMix"}
# What each hypothesis expects of the change of LRI, by family; the catalogues have its text.
ACCOUNTS = {
    "breaks-locality": (("resnet", "below"), ("vit", "equivalent")),
    "area-labels": (("resnet", "above"), ("vit", "above")),
}
DECISIONS = ("not-judged", "few-seeds", "favours", "neither", "against", "open")


def refusal(config: RunConfig, store: Store) -> str | None:
    """Why runs cannot be analysed.

    Only sets made by `mixscope data prepare cues` have cues that can be set.
    """
    if cue_store.of(store) is None:
        return f"{store.name} has no cues that can be set; this analysis is for `mixscope data prepare cues`"
    return None


def images(store: Store, n: int) -> int:
    """Cost in forward passes: each scene in every test split and after each intervention."""
    return len(SHOWN) * n


# --- one run ------------------------------------------------------------------------------------


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run on the test scenes.

    scenes            int, number of scenes
    changed           {"local": [0 or 1, ...], "global": [...]}: by scene, whether do(cue) changed the
                      prediction for the iid image
    conflict          {"local": [...], "global": [...]}: whether the prediction is L's or G's class where the
                      two differ
    correct           {split: [...]}: whether the prediction is correct, for each of the six test splits
    dials             parameters of the set, as in data/cues.py

    Raises:
        ConfigError: If the split is not "test".
        DataError: If the stored images are not those that the parameters generate.
    """
    if split != "test":
        raise ConfigError(
            "unsupported",
            f"--split {split}: cues has its interventions on the test scenes; use --split test",
            key="--split",
        )
    parameters = cue_store.of(subject.store)
    assert parameters is not None
    n = min(limit or parameters.test, parameters.test)
    shown = _shown(parameters, n)
    some = min(COMPARED, n)
    if not np.array_equal(shown["iid"].images[:some], subject.store.images("test")[:some]):
        raise DataError(
            "changed",
            "its images are not those that its parameters make now, so mixscope has"
            " changed how it makes them; prepare the set and train the runs again",
            path=subject.store.folder,
        )
    predicted = {}
    for at, name in enumerate(SHOWN):
        predicted[name] = subject.logits(shown[name].images, shown[name].labels).argmax(axis=1)
        progress(at + 1, len(SHOWN))
    conflict = shown["conflict"]

    def share(hits: np.ndarray) -> list[int]:
        found: list[int] = hits.astype(int).tolist()
        return found

    return {
        "scenes": n,
        "changed": {cue: share(predicted[name] != predicted["iid"]) for name, cue in INTERVENTIONS.items()},
        "conflict": {
            "local": share(predicted["conflict"] == conflict.local),
            "global": share(predicted["conflict"] == conflict.glob),
        },
        "correct": {name: share(predicted[name] == shown[name].labels) for name in cues.SPLITS},
        "dials": dict(subject.store.manifest["source"]["cues"]),
    }


@functools.lru_cache(maxsize=2)  # runs of two sets may alternate
def _shown(parameters: Parameters, n: int) -> dict[str, Shown]:
    index = np.arange(n)
    made = {name: cues.split(parameters, name, index) for name in cues.SPLITS}
    return made | {name: cues.intervened(parameters, cue, index) for name, cue in INTERVENTIONS.items()}


# --- all runs -----------------------------------------------------------------------------------


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs.

    scenes, runs      their numbers; scenes is the smallest number over runs
    experiments       for each experiment: experiment, levels ({factor: level}), family ("resnet", "vit"
                      or null), mix ("none", "mixup", "cutmix" or "switch"), seeds, by_seed ({"local",
                      "global", "lri": [a number or null for each seed]}), and figures: by name
                      {estimate, low, high}, 95 %, fractions in 0 to 1, lri in -1 to 1. Names: local (A_L),
                      global (A_G), lri, conflict-local, conflict-global, conflict-neither, and
                      correct-<split> for each test split. lri is null where no intervention ever changed
                      a prediction.
    contrasts         differences of experiments: id, sentence, figure, weights ({experiment: weight}),
                      estimate, low, high, narrow_low, narrow_high (90 %), seeds (of the experiment with
                      fewest), seed_share (of the variance; null with one seed). Low and high are null with
                      one seed, where the variance between seeds is unknown.
    accounts          the hypotheses: id, verdict (SUPPORTED, REFUTED or INCONCLUSIVE) and parts:
                      contrast (its id), expect, verdict
    margin            the smallest change of LRI that matters
    matched           by name of a built-in set: {"local", "global", "trainings"}: accuracy of its model
                      trained on that cue alone, and the number of trainings averaged (data/cues.py); their
                      difference shows how well the cues are matched
    decision          {"kind", "account", "seeds"}: kind is one of DECISIONS, account an id or null, seeds
                      those of the experiment with fewest
    """
    scenes = min(one["scenes"] for _, one in found)
    gathered = experiments.gather(results, found, lambda founds: _values(founds, scenes))
    compared = _contrasts(results, gathered)
    accounts, decision = _accounts(gathered, compared)
    sets = dict.fromkeys(experiment.data for experiment in gathered)
    return {
        "what": "cues",
        "study": results.name,
        "scenes": scenes,
        "runs": len(found),
        "experiments": [_experiment_document(experiment) for experiment in gathered],
        "contrasts": [{k: v for k, v in c.items() if k != "made"} for c in compared],
        "accounts": accounts,
        "margin": LRI_MARGIN,
        "matched": {name: dict(cues.MATCHED[name]) for name in sets if name in cues.MATCHED},
        "decision": decision,
    }


def _values(founds: Sequence[Mapping[str, Any]], scenes: int) -> dict[str, np.ndarray | None]:
    """Metrics of one experiment by seed and scene, float64 (S, scenes)."""

    def rows(group: str, name: str) -> np.ndarray:
        return np.array([one[group][name][:scenes] for one in founds], dtype=np.float64)

    values: dict[str, np.ndarray | None] = {}
    local, glob = rows("changed", "local"), rows("changed", "global")
    says_local, says_global = rows("conflict", "local"), rows("conflict", "global")
    values |= {"local": local, "global": glob}
    values |= {"conflict-local": says_local, "conflict-global": says_global}
    values["conflict-neither"] = 1.0 - says_local - says_global
    values |= {f"correct-{name}": rows("correct", name) for name in cues.SPLITS}
    return values | {"lri": linearised(local, glob)}


def _family(experiment: Experiment) -> str | None:
    return FAMILIES.get(vocabulary.family(experiment.arch) or "")


def index(local: float, glob: float) -> float | None:
    """LRI of A_L and A_G; None where no cue ever changes a prediction."""
    return None if local + glob == 0 else (local - glob) / (local + glob)


def linearised(local: np.ndarray, glob: np.ndarray) -> np.ndarray | None:
    """Linearises LRI (delta method).

    Args:
        local: float64 (S, n), 1 where do(L) changed a prediction.
        glob: float64 (S, n), 1 where do(G) changed a prediction.

    Returns:
        Values whose mean is LRI, with the same variance to first order; None where LRI is undefined.
    """
    a, b = float(local.mean()), float(glob.mean())
    at = index(a, b)
    if at is None:
        return None
    found: np.ndarray = at + (2 * b * (local - a) - 2 * a * (glob - b)) / (a + b) ** 2
    return found


def _experiment_document(experiment: Experiment) -> dict[str, Any]:
    local, glob = experiment.samples["local"].by_seed.tolist(), experiment.samples["global"].by_seed.tolist()
    return {
        "experiment": experiment.name,
        "levels": dict(experiment.levels),
        "family": _family(experiment),
        "mix": experiment.mix,
        "seeds": list(experiment.seeds),
        "by_seed": {
            "local": local,
            "global": glob,
            "lri": [index(a, b) for a, b in zip(local, glob, strict=True)],
        },
        "figures": {"lri": None} | {name: _mean(name, experiment) for name in experiment.samples},
    }


def _mean(name: str, experiment: Experiment) -> dict[str, float | None]:
    """A metric of an experiment with its interval; no interval with one seed."""
    sample = experiment.samples[name]
    if name == "lri":  # based on the scenes where a cue changed a prediction
        changed = experiment.samples["local"].correct.any(axis=0) | experiment.samples["global"].correct.any(
            axis=0
        )
        found = contrasts.mean(sample, -1.0, 1.0, trials=int(changed.sum()))
    else:
        found = contrasts.mean(sample)
    alone = len(sample.seeds) == 1
    return {
        "estimate": found.estimate,
        "low": None if alone else found.low,
        "high": None if alone else found.high,
    }


def _interval(made: Estimate) -> dict[str, float | None]:
    """The interval, None with one seed, where the variance between seeds is unknown."""
    if made.conditional:
        return {"estimate": made.value, "low": None, "high": None}
    found = made.interval(LEVEL)
    return {"estimate": made.value, "low": found.low, "high": found.high}


def _contrasts(results: Results, gathered: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Each mixing method against the baseline of its model, then families under one method."""
    found = []
    for _, ((experiment, _), (baseline, _)) in experiments.contrasted(results, gathered, gains.GAIN):
        for figure in ("lri", "local", "global"):
            name = f"{figure}:{experiment.name}:{baseline.name}"
            sentence = f"{FIGURES[figure]}, {experiment.model}: {_label(experiment)} - {_label(baseline)}"
            found.append(_contrast(name, sentence, figure, [(experiment, 1.0), (baseline, -1.0)]))
    for mix in dict.fromkeys(c.mix for c in gathered):
        mine = {_family(c): c for c in gathered if c.mix == mix}
        if mine.keys() >= {"resnet", "vit"} and len(mine) == sum(c.mix == mix for c in gathered):
            sentence = f"LRI, {WORDS.get(mix, mix)}: ResNet - ViT"
            pair = [(mine["resnet"], 1.0), (mine["vit"], -1.0)]
            found.append(_contrast(f"lri:resnet-vit:{mix}", sentence, "lri", pair))
    return [one for one in found if one is not None]


def _contrast(
    name: str, sentence: str, figure: str, terms: Sequence[tuple[Experiment, float]]
) -> dict[str, Any] | None:
    if any(figure not in experiment.samples for experiment, _ in terms):
        return None
    made = contrasts.estimate(
        [experiment.samples[figure] for experiment, _ in terms], [weight for _, weight in terms]
    )
    narrow = None if made.conditional else made.interval(NARROW)
    return {
        "id": name,
        "sentence": sentence,
        "figure": figure,
        "weights": {experiment.name: weight for experiment, weight in terms},
        **_interval(made),
        "narrow_low": None if narrow is None else narrow.low,
        "narrow_high": None if narrow is None else narrow.high,
        "seeds": min(len(experiment.seeds) for experiment, _ in terms),
        "seed_share": made.seed_share,
        "made": made,
    }


def _label(experiment: Experiment) -> str:
    return WORDS.get(experiment.mix, experiment.mix)


# --- the two hypotheses -------------------------------------------------------------------------


def _accounts(
    gathered: Sequence[Experiment], compared: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Verdicts on what each hypothesis predicts for CutMix, by the rule for claims, and the decision."""
    effects: dict[str, Mapping[str, Any]] = {}
    for family in ("resnet", "vit"):
        mine = [c.name for c in gathered if _family(c) == family and c.mix == "cutmix"]
        found = [
            c
            for c in compared
            if c["figure"] == "lri" and len(mine) == 1 and c["id"].split(":")[1] == mine[0]
        ]
        if len(found) != 1:
            return [], {"kind": "not-judged", "account": None, "seeds": None}
        effects[family] = found[0]
    accounts = []
    for name, expected in ACCOUNTS.items():
        parts = [
            {"contrast": effects[f]["id"], "expect": expect, "verdict": _verdict(effects[f], expect)}
            for f, expect in expected
        ]
        verdict = verdicts.over_strata([p["verdict"] for p in parts])
        verdict = verdict if verdict in verdicts.SETTLED else verdicts.INCONCLUSIVE
        accounts.append({"id": name, "verdict": verdict, "parts": parts})
    return accounts, _decision(accounts, min(effect["seeds"] for effect in effects.values()))


def _verdict(effect: Mapping[str, Any], expect: str) -> str:
    made: Estimate = effect["made"]
    if made.conditional or effect["seeds"] < verdicts.FEWEST_SEEDS:
        return verdicts.INCONCLUSIVE
    verdict = verdicts.rule(expect, LRI_MARGIN, made.interval(LEVEL), made.interval(NARROW))
    # A hypothesis that CutMix changes a cue is refuted where the change is too small to matter.
    return verdicts.REFUTED if verdict == verdicts.NEGLIGIBLE else verdict


def _decision(accounts: Sequence[Mapping[str, Any]], seeds: int) -> dict[str, Any]:
    held = [a["id"] for a in accounts if a["verdict"] == verdicts.SUPPORTED]
    gone = [a["id"] for a in accounts if a["verdict"] == verdicts.REFUTED]
    if seeds < verdicts.FEWEST_SEEDS:
        kind, account = "few-seeds", None
    elif held:
        kind, account = "favours", held[0]
    elif len(gone) == len(accounts):
        kind, account = "neither", None
    elif gone:
        kind, account = "against", gone[0]
    else:
        kind, account = "open", None
    return {"kind": kind, "account": account, "seeds": seeds}


# --- text output --------------------------------------------------------------------------------


def about(compared: Mapping[str, Any], lang: str = "en") -> str:
    """The number of scenes, and what the intervals include."""
    return i18n.message("cues-about", lang, scenes=f"{compared['scenes']:,}")


def conclusion(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """The hypotheses, each after its verdict, and the decision between them."""
    said = {a["id"]: i18n.message(f"verdict.{a['verdict']}", lang) for a in compared["accounts"]}
    wide = max(map(width, said.values()), default=0)
    found = [
        f"{padded(verdict, wide)}  {i18n.message(f'cues.account.{name}', lang)}"
        for name, verdict in said.items()
    ]
    decision = compared["decision"]
    account = i18n.message(f"cues.account.{decision['account']}", lang) if decision["account"] else ""
    kind, seeds = f"cues.decision.{decision['kind']}", decision["seeds"]
    return [*found, i18n.message(kind, lang, account=account, seeds=seeds)]


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Formats the result of `compare`: metrics by experiment, contrasts, and the conclusion."""
    head = ["experiment", "A_L", "A_G", "LRI", "says L", "says G", "neither", "seeds"]
    names = ("local", "global", "lri", "conflict-local", "conflict-global", "conflict-neither")
    rows = [
        [c["experiment"], *(_shown_figure(c["figures"][n]) for n in names), str(len(c["seeds"]))]
        for c in compared["experiments"]
    ]
    found = [about(compared, lang), ""]
    found += tabular.to_text([head, *rows])
    found += ["", "share of the class's own answers, by test split"]
    rows = [
        [c["experiment"], *(f"{c['figures'][f'correct-{s}']['estimate']:.3f}" for s in cues.SPLITS)]
        for c in compared["experiments"]
    ]
    found += tabular.to_text([["experiment", *cues.SPLITS], *rows])
    if compared["contrasts"]:
        found += ["", "differences"]
        found += tabular.to_text([[c["sentence"], _shown_figure(c, sign="+")] for c in compared["contrasts"]])
    if compared["matched"]:
        found += ["", "right answers when trained on one cue alone, without mixing"]
        head = ["set", "local", "global", "trainings"]
        rows = [
            [n, f"{m['local']:.3f}", f"{m['global']:.3f}", f"{m['trainings']}"]
            for n, m in compared["matched"].items()
        ]
        found += tabular.to_text([head, *rows])
    return [*found, "", *conclusion(compared, lang)]


def _shown_figure(figure: Mapping[str, Any] | None, sign: str = "") -> str:
    if figure is None:
        return "-"
    text = f"{figure['estimate']:{sign}.3f}"
    return (
        text if figure["low"] is None else f"{text} [{figure['low']:{sign}.3f}, {figure['high']:{sign}.3f}]"
    )
