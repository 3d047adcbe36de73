"""Where models look: Grad-CAM, integrated gradients and attention rollout, and how much falls on the object.

Maps are of the true class, whatever the model says, so that all runs answer one question. Where the data
have a box around the object (Tiny-ImageNet has), of each method:

    inside    the share of a map's mass that lies in the box
    area      the share of the image that the box covers: what an even map would have inside
    over      the first less the second

A map of Grad-CAM or rollout is as coarse as the layer that it comes from. Below 8 x 8 it says nothing of
where: then it is drawn with its size beside it, and its figure is missing. Integrated gradients have a value
for each pixel always.

Grad-CAM and integrated gradients need the extra `explain`.

What does not belong here: the methods (saliency.py) and the drawing (sheets.py).
"""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixscope import metrics
from mixscope.analysis import attacks, cells, saliency, sheets
from mixscope.analysis.subject import Progress, Subject
from mixscope.data.store import Store
from mixscope.errors import ConfigError
from mixscope.study.matrix import PlannedRun, Study

VERSION = 1
METHODS = {"gradcam": "Grad-CAM", "integrated": "Integrated gradients", "rollout": "Attention rollout"}
COARSE = 8  # a grid of fewer a side says nothing of where
MOST = 500  # images that are looked at
SHEETS = 6  # images that are drawn
COST = 3 + 3 * saliency.INTEGRATED + 2
NAMES = {
    **{f"inside-{method}": f"inside {said}" for method, said in METHODS.items()},
    **{f"over-{method}": f"over {said}" for method, said in METHODS.items()},
    "area": "box",
}


def refusal(run: PlannedRun, store: Store) -> str | None:
    """The extra has to be there."""
    for package in ("pytorch_grad_cam", "captum"):
        if importlib.util.find_spec(package) is None:
            return (
                f"{package} is not installed; `pip install 'mixscope[explain]'` brings what attribution needs"
            )
    return None


def images(store: Store, limit: int | None) -> int:
    """Integrated gradients take most: a gradient for each of their steps."""
    return COST * min(limit or MOST, MOST, len(store.labels("test")))


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """One run.

    images                  int, how many
    grids                   {method: [rows, columns]} of the maps, before they are drawn at the images' size
    refused                 {method: why there is no map}
    inside-<method>, area   float64 (n,), nan for an image without a box or a map without mass; the first are
                            left out where a method is refused or coarse, all where the data have no boxes
    classes, names          of the drawn images, int64 (k,) and their names; said: what the run says of each:
                            its class's name; sure: float64 (k,); pictures: uint8 (k, 3, H, W); boxes: int64
                            (k, 4), left out where there are none
    map-<method>            float32 (k, H, W), those of the drawn images
    """
    some = subject.sample(split, min(limit or MOST, MOST))
    boxes = subject.store.boxes(some.stored)
    module, size = subject.module, subject.store.size
    grids: dict[str, list[int]] = {"integrated": [size, size]}
    refused = {}
    at = None
    try:
        at = saliency.layer(module, size)
        grids["gradcam"] = list(at.grid)
    except ConfigError as problem:
        refused["gradcam"] = str(problem)
    if saliency.attends(module):
        grids["rollout"] = list(module.patch_embed.grid_size)  # type: ignore[union-attr,arg-type]
    else:
        refused["rollout"] = f"{subject.config.model.arch} has no blocks of attention over patches"
    parts: dict[str, list[np.ndarray]] = {method: [] for method in grids}
    done = 0
    for batch in subject.batches(some.pixels, some.classes, min(attacks.BATCH, 64)):
        shown, classes = batch.images.clone(), batch.labels.clone()
        if at is not None:
            parts["gradcam"].append(saliency.gradcam(module, at, shown, classes))
        parts["integrated"].append(saliency.integrated(module, shown, classes))
        if "rollout" in grids:
            parts["rollout"].append(saliency.rolled(module, shown))
        done += len(classes)
        progress(done, len(some.ids))
    maps = {method: np.concatenate(each) for method, each in parts.items()}
    found: dict[str, Any] = {"images": len(some.ids), "grids": grids, "refused": refused}
    if boxes is not None:
        mine = np.asarray(boxes)[some.ids].astype(np.int64)
        covers = covered(mine, size)
        found["area"] = np.where(covers.any(axis=(1, 2)), covers.mean(axis=(1, 2)), np.nan)
        found |= {
            f"inside-{method}": inside(each, covers)
            for method, each in maps.items()
            if not coarse(grids[method])
        }
        found["boxes"] = mine[:SHEETS]
    few = slice(0, SHEETS)
    p = np.exp(metrics.log_softmax(subject.logits(some.pixels[few], some.classes[few])))
    label = subject.store.class_names
    return found | {
        "classes": some.classes[few],
        "names": [label[c] for c in some.classes[few]],
        "said": [label[c] for c in p.argmax(axis=1)],
        "right": (p.argmax(axis=1) == some.classes[few]).tolist(),
        "sure": p.max(axis=1),
        "pictures": some.pixels[few],
        **{f"map-{method}": each[few] for method, each in maps.items()},
    }


def coarse(grid: Sequence[int]) -> bool:
    """Whether a map of this size says nothing of where."""
    return min(grid) < COARSE


def covered(boxes: np.ndarray, size: int) -> np.ndarray:
    """The pixels of each box, bool (n, size, size). boxes: int (n, 4) x0, y0, x1, y1, the last ones within
    it; a box that is none, with an end before its beginning, covers nothing."""
    along = np.arange(size)
    columns = (along >= boxes[:, [0]]) & (along <= boxes[:, [2]])
    rows = (along >= boxes[:, [1]]) & (along <= boxes[:, [3]])
    found: np.ndarray = rows[:, :, None] & columns[:, None, :]
    return found


def inside(maps: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The share of each map's mass on its box, float64 (n,); nan without a box or without mass.

    maps: float (n, H, W), nowhere negative. covers: bool (n, H, W).
    """
    whole = maps.sum(axis=(1, 2), dtype=np.float64)
    within = (maps * covers).sum(axis=(1, 2), dtype=np.float64)
    known = covers.any(axis=(1, 2)) & (whole > 0)
    found: np.ndarray = np.where(known, within / np.where(whole > 0, whole, 1.0), np.nan)
    return found


def compare(study: Study, found: cells.Found) -> dict[str, Any]:
    """All runs together: `cells.document` of NAMES, over images that every run of a data set has a map with
    mass of, and for each experiment grids, and notes: {method: what is to be said of it}, where it is
    refused or coarse."""
    by_data: dict[str, list[Mapping[str, Any]]] = {}
    for planned, one in found:
        by_data.setdefault(planned.config.data.name, []).append(one)
    usable = {data: _usable(founds) for data, founds in by_data.items()}
    whose = {id(one): usable[planned.config.data.name] for planned, one in found}
    made = cells.gather(found, lambda founds: _values(founds, whose[id(founds[0])]))
    document = cells.document(made)
    # All were shown the same boxes, so only what is inside them differs.
    document["contrasts"] = [c for c in document["contrasts"] if c["figure"].startswith("inside")]
    return {
        "what": "attribution",
        "study": study.name,
        "runs": len(found),
        **document,
        "grids": {cell.experiment: cell.founds[0]["grids"] for cell in made},
        "notes": {cell.experiment: _notes(cell.founds[0]) for cell in made},
    }


def _usable(founds: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Of each figure, the images that all runs which have it know it of, bool (n,)."""
    found = {}
    for name in NAMES:
        known = [np.isfinite(one[name]) for one in founds if name in one]
        if known:
            found[name] = np.all(known, axis=0)
    return found


def _values(founds: Sequence[Mapping[str, Any]], usable: Mapping[str, np.ndarray]) -> cells.Values:
    figures: dict[str, np.ndarray | None] = {}
    for name, kept in usable.items():
        if all(name in one for one in founds) and kept.sum() >= 2:
            figures[name] = np.stack([one[name][kept] for one in founds])
            if name != "area":
                over = np.stack([(one[name] - one["area"])[kept] for one in founds])
                figures[name.replace("inside", "over")] = over
    return figures


def _notes(one: Mapping[str, Any]) -> dict[str, str]:
    notes = dict(one["refused"])
    for method, grid in one["grids"].items():
        if coarse(grid):
            notes[method] = (
                f"its map is {grid[0]} x {grid[1]}, too coarse to say where; it takes {COARSE} x {COARSE}"
            )
    return notes


def pictures(found: cells.Found) -> dict[str, bytes]:
    """Sheets of the first seeds, a PNG an image: <data>-<number>.png."""
    by_data: dict[str, dict[str, tuple[PlannedRun, Mapping[str, Any]]]] = {}
    for planned, one in found:
        by_data.setdefault(planned.config.data.name, {}).setdefault(planned.name, (planned, one))
    drawn = {}
    for data, runs in by_data.items():
        first = next(iter(runs.values()))[1]
        for at in range(len(first["classes"])):
            columns = [_column(planned, one, at) for planned, one in runs.values()]
            box = first["boxes"][at] if "boxes" in first else None
            drawn[f"{data}-{at + 1}.png"] = sheets.sheet(
                first["pictures"][at], first["names"][at], columns, METHODS, box
            )
    return drawn


def _column(planned: PlannedRun, one: Mapping[str, Any], at: int) -> sheets.Column:
    notes = {}
    for method in METHODS:
        if method in one["refused"]:
            notes[method] = "none"
        elif coarse(one["grids"][method]):
            rows, columns = one["grids"][method]
            notes[method] = f"{rows} x {columns}: too coarse"
        drawn = one.get(f"map-{method}")
        if drawn is not None and not drawn[at].any():
            notes[method] = "nothing speaks for it"
    return sheets.Column(
        head=planned.cell.get("model", planned.config.model.arch),
        arm=planned.cell.get("augmentation", planned.config.augment.mix),
        said=f"{one['said'][at]} {100 * one['sure'][at]:.0f} %",
        right=one["right"][at],
        maps={method: one.get(f"map-{method}", [None] * (at + 1))[at] for method in METHODS},
        notes=notes,
    )


def lines(compared: Mapping[str, Any]) -> list[str]:
    """The share of mass in the box by cell, contrasts, and what cannot be said."""
    found = ["share of a map's mass inside the object's box; an even map has the box's share of the image"]
    found += cells.lines(compared, NAMES)
    notes = [
        [name, METHODS[method], said]
        for name, each in compared["notes"].items()
        for method, said in each.items()
    ]
    return [*found, "", *cells.aligned(notes)] if notes else found
