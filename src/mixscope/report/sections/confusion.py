"""Section on confusion matrices: the most confused pairs, and matrices without annotations."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from mixscope.formatting import number
from mixscope.report.grouping import by_data
from mixscope.report.naming import class_name, short_name, word
from mixscope.report.story import ReportedExperiment, Story, confused
from mixscope.report.words import Words

SIDE = 600  # approximate side of a saved matrix in pixels
NAMED = 20  # largest number of classes named at the axes of a matrix
PAIRS = 15  # confused pairs listed per data set


def by_data_set(story: Story, words: Words) -> list[dict[str, Any]]:
    """For each data set its most confused pairs, and one matrix per experiment."""
    found = []
    for name, experiments in by_data(story).items():
        known = [
            (experiment, experiment.evaluated)
            for experiment in experiments
            if experiment.evaluated is not None
        ]
        if not known:
            continue
        data = story.data[name]
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
                "columns": [short_name(experiment, story, words) for experiment, _ in known],
                "pairs": [
                    {
                        "true": class_name(data, t),
                        "predicted": class_name(data, p),
                        "shares": [float(share[t, p]) for share in shares],
                    }
                    for t, p in top
                    if mean[t, p] > 0
                ],
                "matrices": [_matrix(experiment, order, data, story, words) for experiment, _ in known],
            }
        )
    return found


def _shares(counts: np.ndarray) -> np.ndarray:
    """Percent of each true class, float64 (n_classes, n_classes)."""
    there = counts.sum(axis=1, keepdims=True)
    result: np.ndarray = 100.0 * np.divide(counts, there, out=np.zeros(counts.shape), where=there > 0)
    return result


def _matrix(
    experiment: ReportedExperiment, order: np.ndarray, data: Any, story: Story, words: Words
) -> dict[str, Any]:
    assert experiment.evaluated is not None
    counts = experiment.evaluated.counts[np.ix_(order, order)]
    pairs = ", ".join(
        words(
            "confusion.pair",
            true=class_name(data, c.true),
            predicted=class_name(data, c.predicted),
            share=number(100 * c.share, 1),
        )
        for c in confused(experiment, most=3)
    )
    title = words("confusion.matrix", cell=short_name(experiment, story, words), experiment=experiment.name)
    text = words(
        "confusion.matrix_text",
        classes=len(counts),
        seeds=len(experiment.evaluated.seeds),
        right=number(100.0 * float(np.trace(counts)) / max(1, int(counts.sum()))),
        pairs=pairs,
    )
    raw = np.minimum(counts, 65535).astype("<u2").tobytes()
    png = confusion_png(counts)
    return {
        "id": f"confusion-{word(experiment.name)}",
        "png": png,
        "title": title,
        "text": f"{title}. {text}",
        "pairs": pairs,
        "image": "data:image/png;base64," + base64.b64encode(png).decode(),
        "counts": base64.b64encode(raw).decode(),
    }


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


def enlarged(png: bytes) -> bytes:
    """A matrix as a standalone image: on white, every entry a square of whole pixels."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    times = max(1, SIDE // picture.width)
    buffer = io.BytesIO()
    picture.resize((times * picture.width, times * picture.height), Image.Resampling.NEAREST).save(
        buffer, "PNG"
    )
    return buffer.getvalue()
