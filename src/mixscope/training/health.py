"""Health checks of a run: each would have caught a mistake that was really made.

Pure functions: figures in, one finding out. A finding says what was looked at, whether it is well,
the figures, and one sentence for a person.

What does not belong here: where findings are written and shown (loop.py, runs/execute.py), and what
a failed one means for a claim (claims).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from mixscope.data.loader import InputSpec

DRIFT_POINTS = 10.0  # train-mode against eval-mode accuracy on a batch, percentage points
GAP_POINTS = 2.5  # macro precision above macro recall; marked every invalid cell of a published table


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at a run. ok: None when there is nothing to judge, only something to know."""

    check: str
    ok: bool | None
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in events.jsonl and summary.json, under these names."""
        return asdict(self)


def contract(
    *,
    train: InputSpec,
    judged: Mapping[str, InputSpec],
    module: nn.Module,
    train_batch: torch.Tensor,
    clean_batch: torch.Tensor,
) -> list[Finding]:
    """Whether the model is trained on what it is judged on (check 1), before the first step.

    judged: by split, what evaluation will give the model. train_batch, clean_batch: float32 (n, 3, H, W),
    the first batch of training and the first of evaluation, normalised.
    """
    return [
        _same_input(train, judged),
        _same_scale(train_batch, clean_batch),
        _model_size(module, train.size),
    ]


def _same_input(train: InputSpec, judged: Mapping[str, InputSpec]) -> Finding:
    mean = [round(float(v), 4) for v in train.mean]
    figures = {"size": train.size, "mean": mean, "std": [round(float(v), 4) for v in train.std]}
    wrong = [
        f"{split} {name} {_shown(getattr(spec, name))} where training has {_shown(getattr(train, name))}"
        for split, spec in judged.items()
        for name in ("size", "channels", "mean", "std")
        if not np.array_equal(getattr(spec, name), getattr(train, name))
    ]
    if wrong:
        return Finding("contract", False, f"train and eval differ: {'; '.join(wrong)}", figures)
    shown = " ".join(f"{v:.3f}" for v in mean)
    sentence = f"train and eval agree: {train.size} px, mean {shown}, {train.channels}"
    return Finding("contract", True, sentence, figures)


def _shown(value: object, digits: int = 3) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(f"{v:.{digits}f}" for v in value)
    return str(value)


def _same_scale(train_batch: torch.Tensor, clean_batch: torch.Tensor) -> Finding:
    """Augmentation pads and blends, so scales differ somewhat; bytes and floats differ by far more."""
    figures = {}
    for name, images in (("train", train_batch), ("eval", clean_batch)):
        images = images.float()
        figures[f"{name}_mean"] = images.mean(dim=(0, 2, 3)).tolist()
        figures[f"{name}_std"] = images.std(dim=(0, 2, 3), correction=0).tolist()
    shift = float(np.abs(np.subtract(figures["train_mean"], figures["eval_mean"])).max())
    ratio = np.divide(figures["train_std"], np.maximum(figures["eval_std"], 1e-12))
    ok = shift <= 1.0 and bool(np.all((ratio > 1 / 3) & (ratio < 3)))
    figures = {name: [round(v, 4) for v in values] for name, values in figures.items()}
    numbers = ", ".join(
        f"{split} mean {_shown(figures[f'{split}_mean'], 2)} std {_shown(figures[f'{split}_std'], 2)}"
        for split in ("train", "eval")
    )
    verdict = "of one scale" if ok else "not of one scale"
    return Finding("first-batch", ok, f"first batches {verdict}: {numbers}", figures)


def _model_size(module: nn.Module, size: int) -> Finding:
    """A transformer knows its image size; a convolutional net takes any, so that a wrong one goes unseen."""
    embed = getattr(module, "patch_embed", None)
    expects, grid = getattr(embed, "img_size", None), getattr(embed, "grid_size", None)
    if expects is None or grid is None:
        return Finding(
            "model-input", None, f"the model takes images of any size; it is given {size} px", {"size": size}
        )
    tokens = int(np.prod(grid))
    figures = {"size": size, "model_size": list(expects), "tokens": tokens}
    if tuple(expects) != (size, size):
        sentence = f"the model is made for {expects[0]}x{expects[1]} px and is given {size} px"
        return Finding("model-input", False, sentence, figures)
    sentence = f"the model sees {grid[0]}x{grid[1]} = {tokens} tokens of a {size} px image"
    return Finding("model-input", True, sentence, figures)


def drift(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Finding:
    """Whether batch norm's running statistics fit the images (check 2), on one clean training batch.

    Accuracy with the batch's own statistics against accuracy with the running ones. Only normalisation
    layers change mode, since dropout would make a difference of its own. The module is left as it was,
    running statistics included.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    if not norms:
        return Finding("batch-norm-drift", None, "the model has no batch norm that could drift")
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
    gap = own - running
    ok = abs(gap) <= DRIFT_POINTS
    figures = {"train_mode_top1": own, "eval_mode_top1": running, "images": len(labels)}
    verdict = "fits" if ok else "has drifted away from"
    sentence = f"batch norm {verdict} clean images: {own:.1f} % in train mode, {running:.1f} % in eval mode"
    return Finding("batch-norm-drift", ok, sentence, figures)


def _share(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return 100.0 * int((logits.argmax(dim=1) == labels).sum()) / len(labels)


def classes(name: str, logits: np.ndarray, labels: np.ndarray) -> list[Finding]:
    """How the classes fare in predictions `name` (check 3).

    logits: float (n, n_classes). labels: int64 (n,).
    Macro recall equals top-1 on a balanced set; a class that is never predicted, and precision far above
    recall, mark a model that was judged on other input than it was trained on.
    """
    n_classes = logits.shape[1]
    said = logits.argmax(axis=1)
    hits = np.bincount(labels[said == labels], minlength=n_classes)
    there = np.bincount(labels, minlength=n_classes)
    predicted = np.bincount(said, minlength=n_classes)
    recall = 100.0 * float(np.mean(hits / np.maximum(there, 1)))
    precision = 100.0 * float(np.mean(hits / np.maximum(predicted, 1)))
    top1 = 100.0 * float(np.mean(said == labels))
    balanced = bool(np.all(there == there[0]))
    same = abs(recall - top1) < 1e-9
    figures = {"macro_recall": recall, "top1": top1, "balanced": balanced}
    if balanced:
        verdict = "equals" if same else "differs from"
        sentence = f"{name}: macro recall {recall:.2f} % {verdict} top-1 {top1:.2f} % on a balanced set"
    else:
        sentence = f"{name}: classes differ in size, so macro recall {recall:.2f} % is not top-1 {top1:.2f} %"
    never = int(np.sum((predicted == 0) & (there > 0)))
    gap = precision - recall
    return [
        Finding(f"macro-recall/{name}", same if balanced else None, sentence, figures),
        Finding(
            f"never-predicted/{name}",
            never == 0,
            f"{name}: {never} of {n_classes} classes are never predicted",
            {"never_predicted": never, "classes": n_classes},
        ),
        Finding(
            f"precision-recall/{name}",
            gap < GAP_POINTS,
            f"{name}: macro precision {precision:.2f} % is {gap:+.2f} pp against recall {recall:.2f} %"
            f" (an alarm from {GAP_POINTS:+.1f})",
            {"macro_precision": precision, "macro_recall": recall, "gap": gap},
        ),
    ]


def training_figures(rows: Sequence[Mapping[str, Any]], *, mix: str) -> Finding:
    """Whether training accuracy means something (check 5): rows are the epochs of a run.

    Under mixing, top-1 against one of two labels means nothing; the clean subset, the lambda-weighted
    share and the loss do.
    """
    names = ("train_loss", "clean_train_top1", "lam_weighted_train_top1")
    missing = [name for name in names if any(row.get(name) is None for row in rows)]
    ok = bool(rows) and not missing
    figures = {name: rows[-1].get(name) if rows else None for name in names}
    if not ok:
        return Finding(
            "training-figures", False, f"training figures are missing: {', '.join(missing)}", figures
        )
    sentence = (
        f"under mix={mix} the last epoch has loss {figures['train_loss']:.3f}, clean-train"
        f" {figures['clean_train_top1']:.1f} %, lambda-weighted {figures['lam_weighted_train_top1']:.1f} %"
    )
    return Finding("training-figures", True, sentence, figures)


def weights(warnings: Sequence[str], provenance: Mapping[str, Any]) -> Finding:
    """What the first weights have seen (check 6). warnings: of those who know the weights."""
    figures = dict(provenance)
    if warnings:
        return Finding("weights", False, "; ".join(warnings), figures)
    return Finding("weights", True, "the first weights have seen nothing that this run is judged on", figures)


def selection(figures: Mapping[str, Mapping[str, float]]) -> Finding:
    """What choosing the epoch is worth (check 7). figures: by checkpoint, its figures on the test split."""
    top1 = {name: 100.0 * row["top1"] for name, row in figures.items()}
    shown = ", ".join(f"{name} {value:.2f} %" for name, value in top1.items())
    honest = "best-on-test" not in top1
    return Finding("selection", True if honest else None, f"test top-1 by checkpoint: {shown}", top1)
