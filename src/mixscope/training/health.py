"""Health checks of a run: each would have caught a mistake that was made in practice.

Pure functions from measured values to findings. The texts are in i18n/, under the same codes; consequences of
a failed check for a claim are decided in claims/.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mixscope.data.loader import InputSpec
from mixscope.findings import Finding, Severity

DRIFT_POINTS = 10.0  # train-mode minus eval-mode accuracy on a batch, percentage points
GAP_POINTS = 2.5  # macro precision minus macro recall; exceeded in every invalid entry of a published table


def contract(
    *,
    train: InputSpec,
    evaluated: Mapping[str, InputSpec],
    module: nn.Module,
    train_batch: torch.Tensor,
    clean_batch: torch.Tensor,
) -> list[Finding]:
    """Checks, before the first step, that training and evaluation use the same input format (check 1).

    Args:
        train: Input format in training.
        evaluated: Input format in evaluation, by split.
        module: The network.
        train_batch: float32 (n, 3, H, W), normalised; the first batch of training.
        clean_batch: float32 (n, 3, H, W), normalised; the first batch of evaluation.
    """
    return [
        _same_input(train, evaluated),
        _same_scale(train_batch, clean_batch),
        _model_size(module, train.size),
    ]


def _same_input(train: InputSpec, evaluated: Mapping[str, InputSpec]) -> Finding:
    differences = [
        Finding(
            "input-differs",
            "fail",
            {
                "split": split,
                "field": name,
                "value": _plain(getattr(spec, name)),
                "expected": _plain(getattr(train, name)),
            },
        )
        for split, spec in evaluated.items()
        for name in ("size", "channels", "mean", "std")
        if not np.array_equal(getattr(spec, name), getattr(train, name))
    ]
    if differences:
        return Finding("input-contract", "fail", {"differences": differences})
    names = ("size", "channels", "mean", "std")
    return Finding("input-contract", "ok", {name: _plain(getattr(train, name)) for name in names})


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else [round(float(v), 4) for v in value]


def _same_scale(train_batch: torch.Tensor, clean_batch: torch.Tensor) -> Finding:
    """Compares scales; padding and blending change them little, bytes against floats differ far more."""
    found = {}
    for name, images in (("train", train_batch), ("eval", clean_batch)):
        images = images.float()
        found[f"{name}_mean"] = images.mean(dim=(0, 2, 3)).tolist()
        found[f"{name}_std"] = images.std(dim=(0, 2, 3), correction=0).tolist()
    shift = float(np.abs(np.subtract(found["train_mean"], found["eval_mean"])).max())
    ratio = np.divide(found["train_std"], np.maximum(found["eval_std"], 1e-12))
    ok = shift <= 1.0 and bool(np.all((ratio > 1 / 3) & (ratio < 3)))
    return Finding("input-scale", _severity(ok), {name: _plain(values) for name, values in found.items()})


def _severity(ok: bool) -> Severity:
    return "ok" if ok else "warn"


def _model_size(module: nn.Module, size: int) -> Finding:
    """Compares the image size of a transformer; a convolutional network takes any size, right or wrong."""
    embed = getattr(module, "patch_embed", None)
    expects, grid = getattr(embed, "img_size", None), getattr(embed, "grid_size", None)
    if expects is None or grid is None:
        return Finding("model-input", "note", {"size": size})
    params = {"size": size, "model_size": list(expects), "tokens": int(np.prod(grid))}
    return Finding("model-input", "ok" if tuple(expects) == (size, size) else "fail", params)


def drift(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Finding:
    """Checks on one clean training batch that batch norm's running statistics fit the images (check 2).

    Compares accuracy with batch statistics and with running statistics. Only normalisation layers change
    mode, because dropout would cause a difference too. The module is restored, running statistics included.

    Args:
        module: The network.
        images: float32 (n, 3, H, W), normalised.
        labels: int64 (n,).
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    if not norms:
        return Finding("batch-norm-drift")
    was_training = module.training
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with torch.inference_mode():
        module.eval()
        running = _share(module(images), labels)
        for norm in norms:
            norm.train()
        own = _share(module(images), labels)
    for name, buffer in module.named_buffers():
        buffer.copy_(kept[name])
    module.train(was_training)
    params = {"train_mode_top1": own, "eval_mode_top1": running, "images": len(labels)}
    return Finding("batch-norm-drift", _severity(abs(own - running) <= DRIFT_POINTS), params)


def _share(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return 100.0 * int((logits.argmax(dim=1) == labels).sum()) / len(labels)


def classes(name: str, logits: np.ndarray, labels: np.ndarray) -> list[Finding]:
    """Compares per-class metrics of the predictions `name` (check 3).

    Macro recall equals top-1 on a balanced set. A class that is never predicted, and precision far above
    recall, indicate a model evaluated on other input than it was trained on.

    Args:
        name: Name of the predictions.
        logits: float (n, n_classes).
        labels: int64 (n,).
    """
    n_classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    hits = np.bincount(labels[predicted == labels], minlength=n_classes)
    there = np.bincount(labels, minlength=n_classes)
    predicted_counts = np.bincount(predicted, minlength=n_classes)
    recall = 100.0 * float(np.mean(hits / np.maximum(there, 1)))
    precision = 100.0 * float(np.mean(hits / np.maximum(predicted_counts, 1)))
    top1 = 100.0 * float(np.mean(predicted == labels))
    balanced = bool(np.all(there == there[0]))
    never = int(np.sum((predicted_counts == 0) & (there > 0)))
    gap = precision - recall
    return [
        Finding(
            "macro-recall",
            _severity(abs(recall - top1) < 1e-9) if balanced else "note",
            {"predictions": name, "macro_recall": recall, "top1": top1},
        ),
        Finding(
            "never-predicted",
            _severity(never == 0),
            {"predictions": name, "never": never, "classes": n_classes},
        ),
        Finding(
            "precision-recall-gap",
            _severity(gap < GAP_POINTS),
            {
                "predictions": name,
                "macro_precision": precision,
                "macro_recall": recall,
                "gap_pp": gap,
                "threshold_pp": GAP_POINTS,
            },
        ),
    ]


def training_metrics(rows: Sequence[Mapping[str, Any]], *, mix: str) -> Finding:
    """Checks that the recorded training accuracy is meaningful (check 5).

    With mixing, top-1 against one of two labels is not; accuracy on clean images, lambda-weighted accuracy
    and the loss are.

    Args:
        rows: The epochs of a run, as in events.jsonl.
        mix: The run's `augment.mix`.
    """
    names = ("train_loss", "clean_train_top1", "lam_weighted_train_top1")
    missing = [name for name in names if not rows or any(row.get(name) is None for row in rows)]
    if missing:
        return Finding("training-metrics", "warn", {"missing": missing})
    return Finding("training-metrics", "ok", {"mix": mix} | {name: rows[-1][name] for name in names})


def pretraining(remarks: Sequence[Finding]) -> Finding:
    """Reports the pretraining data (check 6).

    Args:
        remarks: From pretraining_data.remarks.
    """
    return Finding("pretraining-data", "warn" if remarks else "ok", {"remarks": list(remarks)})


def selection(results: Mapping[str, Mapping[str, float]]) -> Finding:
    """Reports what selecting the epoch changes (check 7).

    Args:
        results: Metrics on the test split, by checkpoint.
    """
    top1 = [
        Finding("checkpoint-top1", params={"checkpoint": name, "top1": 100.0 * row["top1"]})
        for name, row in results.items()
    ]
    return Finding("checkpoint-selection", "note" if "best-on-test" in results else "ok", {"top1": top1})
