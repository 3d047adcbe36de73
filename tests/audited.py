"""Result tables that could be real: figures of simulated predictions, in the styles of published tables."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mixscope import metrics

FIGURES = ("top1", "top5", "recall", "precision", "f1")
ENGLISH = ("Experiment", "Dataset", "Model", "Augmentation", "Pretrained")
HEADINGS = {
    "en": (*ENGLISH, "Top-1 Acc. (%)", "Top-5 Acc. (%)", "Recall", "Precision", "F1-Score"),
    "ko": (
        "실험",
        "데이터셋",
        "모델",
        "증강 기법",
        "사전학습",
        "Top-1 정확도",
        "Top-5 정확도",
        "재현율",
        "정밀도",
        "F1 점수",
    ),
    "de": (
        *("Versuch", "Datensatz", "Modell", "Augmentierung", "Vortrainiert", "Genauigkeit (Top-1)"),
        *("Genauigkeit (Top-5)", "Trefferquote", "Präzision", "F1-Maß"),
    ),
    "zh": (
        "实验",
        "数据集",
        "模型",
        "数据增强",
        "预训练",
        "Top-1 准确率",
        "Top-5 准确率",
        "召回率",
        "精确率",
        "F1 值",
    ),
    "ja": (
        "実験",
        "データセット",
        "モデル",
        "データ拡張",
        "事前学習",
        "Top-1 正解率",
        "Top-5 正解率",
        "再現率",
        "適合率",
        "F1 値",
    ),
}
MIXES = {
    "en": ("Default", "MixUp", "CutMix"),
    "ko": ("기본", "믹스업", "컷믹스"),
    "de": ("Ohne", "Mixup", "CutMix"),
    "zh": ("无", "Mixup", "CutMix"),
    "ja": ("なし", "Mixup", "CutMix"),
}
MARKS = ("✗✓", "❌✅", "XO", "×○")


@dataclass(frozen=True)
class Row:
    """One trained model. figures: shares in 0 to 1, in the order of FIGURES, exact."""

    name: str
    model: str
    mix: int
    pretrained: bool
    figures: tuple[float, ...]
    dataset: str = "CIFAR-100"


def confusion(rng: np.random.Generator, accuracy: float, classes: int = 100, each: int = 100) -> np.ndarray:
    """Counts of simulated predictions on a balanced test set: classes differ in how hard they are, and in how
    readily they are predicted."""
    spread = rng.uniform(3, 30)
    recall = rng.beta(accuracy * spread, (1 - accuracy) * spread, classes)
    taste = rng.dirichlet(np.full(classes, rng.uniform(2, 20)))
    counts = np.zeros((classes, classes), np.int64)
    for i in range(classes):
        hits = rng.binomial(each, recall[i])
        others = np.delete(taste, i)
        counts[i] = np.insert(rng.multinomial(each - hits, others / others.sum()), i, hits)
    return counts


def figures(rng: np.random.Generator, accuracy: float) -> tuple[float, ...]:
    """Top-1, top-5, macro recall, precision and F1 of one simulated run, no broken one: without the gap
    between precision and recall that marks those."""
    while True:
        counts = confusion(rng, accuracy)
        precision, recall, f1 = metrics.macro(counts)
        if precision - recall < 0.02:
            top1 = np.trace(counts) / counts.sum()
            top5 = top1 + round((1 - top1) * 6000) / 10_000
            return float(top1), top5, recall, precision, f1


def rows(seed: int) -> list[Row]:
    """Twelve runs: two models x three augmentations x with and without pretraining."""
    return list(_rows(seed))


@cache
def _rows(seed: int) -> tuple[Row, ...]:
    rng = np.random.default_rng(seed)
    made: list[Row] = []
    for pretrained in (False, True):
        for model in ("ResNet18", "ViT-S/4"):
            for mix in range(3):
                accuracy = rng.uniform(0.45, 0.7)
                made.append(Row(f"Exp-{len(made) + 1}", model, mix, pretrained, figures(rng, accuracy)))
    return tuple(made)


@dataclass(frozen=True)
class Style:
    """How a table is printed. order: of the columns. share: 0 to 1 instead of percent."""

    language: str = "en"
    decimals: int = 2
    percent: str = "%"
    bold: bool = False
    share: bool = False
    comma: bool = False
    marks: str = "✗✓"
    order: tuple[int, ...] = tuple(range(10))
    csv: str = ""

    def figure(self, value: float) -> str:
        text = (
            f"{value:.{self.decimals + 2}f}"
            if self.share
            else f"{100 * value:.{self.decimals}f}{self.percent}"
        )
        return text.replace(".", ",") if self.comma else text


def cells(made: list[Row], style: Style) -> list[list[str]]:
    """Headings and rows, before the columns are put into the style's order."""
    best = max(r.figures[0] for r in made)
    grid = [list(HEADINGS[style.language])]
    for row in made:
        printed = [style.figure(v) for v in row.figures]
        if style.bold and row.figures[0] == best:
            printed = [f"**{p}**" for p in printed]
        mix = MIXES[style.language][row.mix]
        grid.append([row.name, row.dataset, row.model, mix, style.marks[row.pretrained], *printed])
    return grid


def text(grid: list[list[str]], style: Style = Style()) -> str:
    """The table as Markdown, or as CSV with the style's separator."""
    lines = [[row[c] for c in style.order] if len(row) == len(style.order) else list(row) for row in grid]
    if style.csv:
        quoted = [[f'"{c}"' if style.csv in c else c for c in line] for line in lines]
        return "\n".join(style.csv.join(line) for line in quoted) + "\n"
    lines.insert(1, [":---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def changed(made: list[Row], at: int, **figures_: float) -> list[Row]:
    """The same rows, with figures of one of them replaced, by name."""
    row = made[at]
    values = tuple(figures_.get(name, v) for name, v in zip(FIGURES, row.figures, strict=True))
    return [*made[:at], replace(row, figures=values), *made[at + 1 :]]
