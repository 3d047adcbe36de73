"""Section on confusion matrices: the most confused pairs, and one matrix per experiment."""

import base64
import io
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mixscope import fonts
from mixscope.formatting import number
from mixscope.report.content import ReportContent, ReportedExperiment, confused
from mixscope.report.grouping import by_data
from mixscope.report.labels import class_name, short_name, word
from mixscope.report.texts import Texts

SIDE = 600  # approximate side of a saved matrix in pixels
NAMED = 20  # largest number of classes named at the axes of a matrix
GAP = 10  # between the parts of a saved matrix, in pixels
PAIRS = 15  # confused pairs listed per data set


def by_data_set(content: ReportContent, texts: Texts) -> list[dict[str, Any]]:
    """For each data set its most confused pairs, and one matrix per experiment."""
    found = []
    for name, experiments in by_data(content).items():
        known = [
            (experiment, experiment.evaluated)
            for experiment in experiments
            if experiment.evaluated is not None
        ]
        if not known:
            continue
        data = content.data[name]
        k = len(known[0][1].counts)
        of = np.array(data.superclass_of) if len(data.superclass_of) == k else np.zeros(k, np.int64)
        order = np.argsort(of, kind="stable")
        names = [class_name(data, int(i)) for i in order]
        shares = [_shares(evaluated.counts) for _, evaluated in known]
        mean = np.mean(shares, axis=0)
        np.fill_diagonal(mean, 0.0)
        top = [divmod(int(i), k) for i in np.argsort(-mean, axis=None, kind="stable")[:PAIRS]]
        found.append(
            {
                "id": word(name),
                "name": name,
                "classes": names,
                "few": k <= NAMED,
                "ordered": len(data.superclass_of) == k,
                "columns": [short_name(experiment, content, texts) for experiment, _ in known],
                "pairs": [
                    {
                        "true": class_name(data, t),
                        "predicted": class_name(data, p),
                        "shares": [float(share[t, p]) for share in shares],
                    }
                    for t, p in top
                    if mean[t, p] > 0
                ],
                "matrices": [_matrix(experiment, order, data, content, texts) for experiment, _ in known],
            }
        )
    return found


def _shares(counts: np.ndarray) -> np.ndarray:
    """Percent of each true class, float64 (n_classes, n_classes)."""
    there = counts.sum(axis=1, keepdims=True)
    result: np.ndarray = 100.0 * np.divide(counts, there, out=np.zeros(counts.shape), where=there > 0)
    return result


def _matrix(
    experiment: ReportedExperiment, order: np.ndarray, data: Any, content: ReportContent, texts: Texts
) -> dict[str, Any]:
    assert experiment.evaluated is not None
    counts = experiment.evaluated.counts[np.ix_(order, order)]
    pairs = ", ".join(
        texts(
            "confusion.pair",
            true=class_name(data, c.true),
            predicted=class_name(data, c.predicted),
            share=number(100 * c.share, 1),
        )
        for c in confused(experiment, most=3)
    )
    title = texts("confusion.matrix", name=short_name(experiment, content, texts), experiment=experiment.name)
    text = texts(
        "confusion.matrix_text",
        classes=len(counts),
        seeds=len(experiment.evaluated.seeds),
        right=number(100.0 * float(np.trace(counts)) / max(1, int(counts.sum()))),
        pairs=pairs,
    )
    png = confusion_png(counts)
    return {
        "id": f"confusion-{word(experiment.name)}",
        "png": png,
        "title": title,
        "text": f"{title}. {text}",
        "pairs": pairs,
        "image": "data:image/png;base64," + base64.b64encode(png).decode(),
        "counts": packed(counts),
    }


def packed(counts: np.ndarray) -> str:
    """Counts for the page's script, base64: a byte each if all are below 256, else two, at most 65,535."""
    kind = "<u1" if counts.max(initial=0) < 256 else "<u2"
    return base64.b64encode(np.minimum(counts, 65535).astype(kind).tobytes()).decode()


def confusion_png(counts: np.ndarray) -> bytes:
    """One pixel per entry: confusions blue, the diagonal grey, stronger for larger values.

    Transparent where 0.

    The transparent background suits light and dark pages.

    Args:
        counts: int (n_classes, n_classes).
    """
    shares = _shares(counts)
    aside = shares.copy()
    np.fill_diagonal(aside, 0.0)
    strength = np.sqrt(aside / (aside.max() or 1.0))
    level = np.where(shares > 0, np.maximum(1, np.rint(strength * 127)), 0)
    level[np.diag_indices(len(level))] = 128 + np.rint(np.diag(shares) / 100.0 * 127)
    picture = Image.fromarray(level.astype(np.uint8), mode="P")
    picture.putpalette([0, 122, 204] * 128 + [128, 134, 142] * 128)
    clear = bytes([*(round(i * 255 / 127) for i in range(128)), *(round(i * 200 / 127) for i in range(128))])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True, transparency=clear)
    return buffer.getvalue()


def saved(matrix: Mapping[str, Any], names: Sequence[str], texts: Texts) -> bytes:
    """A matrix as a separate image: on white, with its title, its axes and, if they are few, its classes.

    Args:
        matrix: One of `by_data_set`'s matrices.
        names: Names of the classes, in its order.
        texts: Texts.
    """
    grid = _enlarged(matrix["png"])
    names = names if len(names) <= NAMED else []
    titles = [texts("confusion.axis_true"), texts("confusion.axis_predicted"), matrix["title"]]
    font = fonts.font(14, [*titles, *names])
    (true, predicted, title), labels = ([_text(each, font) for each in texts] for texts in (titles, names))
    longest = max((label.width for label in labels), default=0)
    left, top = true.height + longest + 3 * GAP, title.height + 2 * GAP
    width = max(left + grid.width, title.width + GAP) + GAP
    sheet = Image.new("RGB", (width, top + grid.height + longest + predicted.height + 3 * GAP), "white")
    sheet.paste(title, (GAP, GAP))
    sheet.paste(grid, (left, top))
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + grid.width, top + grid.height), outline="gray")
    for i, label in enumerate(labels):
        middle = (2 * i + 1) * grid.width // (2 * len(labels))
        sheet.paste(label, (left - GAP - label.width, top + middle - label.height // 2))
        upright = label.transpose(Image.Transpose.ROTATE_90)
        sheet.paste(upright, (left + middle - upright.width // 2, top + grid.height + GAP))
    true = true.transpose(Image.Transpose.ROTATE_90)
    sheet.paste(true, (GAP, top + (grid.height - true.height) // 2))
    below = top + grid.height + longest + 2 * GAP
    sheet.paste(predicted, (left + (grid.width - predicted.width) // 2, below))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _enlarged(png: bytes) -> Image.Image:
    """A matrix on white, every entry a square of whole pixels."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    times = max(1, SIDE // picture.width)
    return picture.resize((times * picture.width, times * picture.height), Image.Resampling.NEAREST)


def _text(text: str, font: fonts.Font) -> Image.Image:
    """A line of text, black on white, as large as it; a control character becomes a space."""
    text = "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)
    _, _, right, bottom = font.getbbox(text)
    tile = Image.new("RGB", (max(1, math.ceil(right)), max(1, math.ceil(bottom))), "white")
    ImageDraw.Draw(tile).text((0, 0), text, "black", font)
    return tile
