"""Studies whose runs were never trained: records in the real format, with predictions that are drawn."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mixscope import metrics
from mixscope.claims.verdicts import Interval, Reading, Verdict
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.runs import records
from mixscope.runs.records import Predictions
from mixscope.study import matrix
from mixscope.study.study import PlannedRun, Study
from mixscope.training import pretraining_data

SMALL = """
name: small
title: Two small nets on made-up images
base:
  data.name: digits
  augment.base: none
  train.epochs: 4
factors:
  model: {resnet: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {augment.mix: none}, mixup: {augment.mix: mixup}, cutmix: {augment.mix: cutmix}}
  pretrained: {scratch: {model.pretrained: false}, imagenet: {model.pretrained: true}}
seeds: [0, 1, 2]
claims:
  main:
    en: ViT gains more from MixUp than ResNet does, and less from CutMix
    ko: ViT는 ResNet보다 MixUp에서 더 많이, CutMix에서 더 적게 얻는다
    contrast: {model: {vit: 1, resnet: -1}, augmentation: {mixup: 1, cutmix: -1}}
    expect: above
    margin: 1.0
  H1:
    en: ResNet gains more from CutMix than ViT does
    ko: ResNet은 ViT보다 CutMix의 향상폭이 크다
    contrast: {model: {vit: 1, resnet: -1}, augmentation: {cutmix: 1, default: -1}}
    expect: below
    margin: 1.0
  H3-mixup:
    en: Pretraining does not change how differently the two gain from MixUp
    contrast:
      pretrained: {imagenet: 1, scratch: -1}
      model: {vit: 1, resnet: -1}
      augmentation: {mixup: 1, default: -1}
    expect: equivalent
    margin: 2.0
  gain-mixup:
    en: What MixUp adds to the accuracy
    ko: MixUp의 정확도 향상폭
    contrast: {augmentation: {mixup: 1, default: -1}}
    expect: none
    margin: 1.0
    secondary: true
"""
SCRATCH = {"weights": "scratch"}
SEEN = {
    "weights": "resnet50.a1_in1k",
    "declared": False,
    "file": "model.safetensors",
    "sha256": "ab" * 32,
    "licence": "apache-2.0",
    "origin": "timm/resnet50.a1_in1k",
    "training_data": "ImageNet-1k",
    "augmentation": "MixUp 0.2 and CutMix 1.0, RandAugment, recipe A1",
    "saw_mixup": True,
    "saw_cutmix": True,
    "source": "Wightman et al., arXiv 2110.00476, table 2",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """What the made records are like. states: of runs by directory prefix; the rest is done.

    ill: the number of the run with a failed health check; -1 for none.
    """

    n: int = 200
    classes: Sequence[str] = tuple("0123456789")
    superclasses: Sequence[str] = ()
    superclass_of: Sequence[int] = ()
    states: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sentence: str = ""
    skill: Callable[[PlannedRun], float] = lambda run: 1.5
    ill: int = 1


def write(folder: Path, text: str = SMALL, made: Made | None = None) -> Study:
    """A study's folder with a made run for every planned one."""
    made = made or Made()
    study = matrix.parse(text, file="study.yaml")
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(text)
    for i, run in enumerate(study.expand()):
        state = next((s for start, s in made.states.items() if run.directory.startswith(start)), "done")
        if state != "pending":
            _run(folder / run.directory, run, i, state, made)
    return study


def _run(path: Path, run: PlannedRun, number: int, state: str, made: Made) -> None:
    (path / "predictions").mkdir(parents=True)
    config = run.config
    (path / "config.yaml").write_text(yaml.safe_dump(config.to_dict(), allow_unicode=True))
    scratch = config.model.pretrained is False
    weights = SCRATCH if scratch else SEEN
    _json(
        path / "environment.json",
        {
            "mixscope": "0.1.0",
            "digest": config.digest,
            "code": {"digest": "c0de" * 4, "revision": "a" * 40, "dirty": False},
            "python": "3.11.7",
            "platform": "Linux",
            "packages": {"torch": "2.14.1", "timm": "1.0.31"},
            "hardware": {"cpu": "a CPU", "cores": 2, "memory_gib": 16.0},
            "device": {"type": "cpu", "name": "cpu", "threads": 2, "ranks": 1},
            "data": {
                "name": config.data.name,
                "digest": "da7a" * 16,
                "class_names": list(made.classes),
                "superclass_names": list(made.superclasses),
                "superclass_of": list(made.superclass_of),
            },
            "weights": weights,
        },
    )
    epochs = config.train.epochs if state == "done" else 2
    _json(
        path / "status.json",
        {
            "state": state,
            "epoch": epochs,
            "step": epochs * 10,
            "starts": [{"time": "2026-11-24T11:50:00+0000", "code": "c0de" * 4, "threads": 2}],
            "heartbeat": "2026-11-24T12:00:00+0000",
            "error": "the training loss became nan" if state == "failed" else None,
        },
    )
    bad = number == made.ill
    drift = {"train_mode_top1": 91.0, "eval_mode_top1": 40.0 if bad else 90.0, "images": 100}
    remarks = [] if scratch else pretraining_data.remarks(weights, config.data.name)
    health = [
        Finding("input-contract", "ok", {"size": 32, "mean": [0.5] * 3, "std": [0.2] * 3}).to_dict(),
        Finding("batch-norm-drift", "warn" if bad else "ok", drift).to_dict(),
        Finding("pretraining-data", "warn" if remarks else "ok", {"remarks": remarks}).to_dict(),
    ]
    if bad and made.sentence:  # as the first version wrote it
        health[1] = {"check": "batch-norm-drift", "ok": False, "sentence": made.sentence, "figures": {}}
    rng = np.random.default_rng(number)
    rows = [
        {
            "epoch": e + 1,
            "step": 10 * (e + 1),
            "train_loss": 2.3 / (e + 1) + 0.02 * rng.random(),
            "lr": 1e-3 * (1 - e / epochs),
            "lam_weighted_train_top1": 50.0,
            "clean_train_top1": 90.0 - 50.0 / (e + 1),
            "val_loss": 2.0 / (e + 1),
            "val_top1": 80.0 - 40.0 / (e + 1) + 3 * rng.standard_normal(),
            "images_per_second": 1000.0 + 50 * rng.standard_normal(),
            "seconds": 10.0,
            "judging_seconds": 1.0,
        }
        for e in range(epochs)
    ]
    events = [{"kind": "health", **h} for h in health] + [{"kind": "epoch", **r} for r in rows]
    (path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    if state != "done":
        return
    names = ["last", "selected"] if config.data.val_fraction > 0 else ["last"]
    names += ["best-on-test"] if config.train.protocol == "published" else []
    found = _predictions(run, made)
    for name in names:
        records.write_predictions(path, f"test-{name}", found)
        if config.data.val_fraction > 0:
            few = slice(None, 50)
            held_out = Predictions(found.ids[few], found.labels[few], 3 * found.logits[few])
            records.write_predictions(path, f"val-{name}", held_out)
    figures = metrics.summary(found.logits, found.labels)
    _json(
        path / "summary.json",
        {
            "name": path.name,
            "digest": config.digest,
            "protocol": config.train.protocol,
            "seed": run.seed,
            "data": {
                "name": config.data.name,
                "digest": "da7a" * 16,
                "images": {"train": 1000, "test": made.n},
            },
            "code": ["c0de" * 4],
            "parameters": 1_000_000,
            "weights": weights,
            "epochs": epochs,
            "steps": epochs * 10,
            "checkpoints": dict.fromkeys(names, epochs),
            "results": {"test": dict.fromkeys(names, figures)},
            "health": health,
            "seconds": 11.0 * epochs,
            "images_per_second": 1000.0,
        },
    )


def _predictions(run: PlannedRun, made: Made) -> Predictions:
    """Examples differ in difficulty, alike for every run; seeds differ a little."""
    k = len(made.classes)
    labels = np.arange(made.n) % k
    hard = np.random.default_rng(7).standard_normal(made.n).astype(np.float32)
    address = [run.seed, *(ord(c) for c in run.name)]
    rng = np.random.default_rng(address)
    logits = rng.standard_normal((made.n, k), dtype=np.float32)
    logits[np.arange(made.n), labels] += (
        np.float32(made.skill(run)) + hard + np.float32(0.1 * rng.standard_normal())
    )
    return Predictions(np.arange(made.n), labels, logits)


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps({"schema": records.SCHEMA, **value}))


# --- verdicts by hand ---------------------------------------------------------------------------


def verdicts(results: Results) -> tuple[Verdict, ...]:
    """Verdicts in every word, with figures that follow from nothing."""
    words = ["SUPPORTED", "REFUTED", "INCONCLUSIVE", "PARTLY", "EXPLORATORY"]
    found = []
    for i, claim in enumerate(results.claims):
        verdict = "ESTIMATE" if claim.expect == "none" else words[i % len(words)]
        strata = claim.strata(results.factors)
        found.append(
            Verdict(
                claim=claim.id,
                text=claim.text,
                expect=claim.expect,
                margin=claim.margin,
                secondary=claim.secondary,
                verdict=verdict,
                why=Finding("why-one-seed"),
                readings=tuple(
                    reading(claim.id, s, verdict, 1.7 * (1 - i) + 0.4 * j) for j, s in enumerate(strata)
                ),
            )
        )
    return tuple(found)


TOO_FEW = Finding("too-few-seeds", "warn", {"seeds": 2, "needed": 3})


def reading(claim: str, stratum: Mapping[str, str], verdict: str, estimate: float, **other: Any) -> Reading:
    """One reading with an interval of +-2 around the estimate."""
    values: dict[str, Any] = {
        "points": Interval(estimate=estimate, low=estimate - 2, high=estimate + 2),
        "judged": Interval(estimate=estimate, low=estimate - 2, high=estimate + 2),
        "logits": Interval(estimate=estimate / 20, low=estimate / 20 - 0.1, high=estimate / 20 + 0.1),
        "narrow": Interval(estimate=estimate, low=estimate - 1.6, high=estimate + 1.6, level=0.9),
        "bootstrap": None,
        "standard_error": 0.9,
        "seed_share": 0.4,
        "degrees": 7.3,
        "seeds": 3,
        "paired": False,
        "shared": 0.2,
        "p": 0.04,
        "p_holm": 0.08,
        "gates": ("2 seeds; a verdict needs 3",) if verdict == "INCONCLUSIVE" else (),
        "findings": (TOO_FEW,) if verdict == "INCONCLUSIVE" else (),
        "gate_kinds": ("seeds",) if verdict == "INCONCLUSIVE" else (),
        "uncapped": "SUPPORTED" if verdict == "INCONCLUSIVE" else verdict,
        "by_seed": {0: estimate - 1, 1: estimate, 2: estimate + 1},
        "seeds_needed": 7 if verdict == "INCONCLUSIVE" else None,
        "seeds_low": 5 if verdict == "INCONCLUSIVE" else None,
        "seeds_high": 14 if verdict == "INCONCLUSIVE" else None,
        "tipping_sd": 1.4 if verdict == "EXPLORATORY" else None,
        "missing": (),
    }
    return Reading(claim=claim, stratum=stratum, verdict=verdict, **(values | other))
