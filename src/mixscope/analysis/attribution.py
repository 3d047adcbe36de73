"""Attribution.

Grad-CAM, integrated gradients and attention rollout, and how much of each map is on the object.

Maps are for the true class, whatever the prediction, so that they are comparable between runs. Where the data
have bounding boxes (Tiny-ImageNet), for each method:

    inside    fraction of the map's mass inside the box
    area      fraction of the image covered by the box: `inside` of a uniform map
    over      inside minus area
    follows   inside minus the mass of the mean map of the run's other images in the same box: objects are
              mostly central, so a map that is always central exceeds the area without following the object

A map of Grad-CAM or rollout has the resolution of its layer. Below 8 x 8 it does not localize: it is drawn
with its size, and its values are missing. Integrated gradients have pixel resolution, but cost twelve times
as much as the others together: they are computed for MOST images.

Grad-CAM and integrated gradients need the extra `explain`.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from mixscope import i18n, metrics, tabular
from mixscope.analysis import attacks, experiments, saliency, sheets, summary
from mixscope.analysis.trained_run import Progress, Subject
from mixscope.data.store import Store
from mixscope.errors import ConfigError, extra
from mixscope.findings import Finding
from mixscope.results import Results, Run
from mixscope.study.config import RunConfig

VERSION = 2
METHODS = {"gradcam": "Grad-CAM", "integrated": "Integrated gradients", "rollout": "Attention rollout"}
COARSE = 8  # smallest grid, per side, that localizes
MOST = 200  # images for integrated gradients
SHEETS = 6  # drawn images
BATCH = min(attacks.BATCH, 64)
COST = 3 + 2  # Grad-CAM and rollout, in forward passes per image
COMPARED = ("inside", "follows")  # all runs have the same boxes, so `over` differs as `inside` does
NAMES = {
    **{
        f"{figure}-{m}": f"{figure} {description}"
        for figure in ("inside", "over", "follows")
        for m, description in METHODS.items()
    },
    "area": "box",
}
BOUNDS = {name: (-1.0 if name.startswith(("over", "follows")) else 0.0, 1.0) for name in NAMES}


def refusal(config: RunConfig, store: Store) -> str | None:
    """Why runs cannot be analysed: the extra is not installed."""
    for package in ("pytorch_grad_cam", "captum"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed; {extra('explain')}"
    return None


def images(store: Store, n: int) -> int:
    """Cost in forward passes, mostly integrated gradients with a gradient per step."""
    return COST * n + 3 * saliency.INTEGRATED * min(n, MOST)


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run.

    images                  int, number of images
    grids                   {method: [rows, columns]} of the maps before resizing
    refused                 {method: a finding as data, why there is no map}
    massless                {method: fraction of its maps that are 0 everywhere}
    inside-<method>, follows-<method>, area
                            float64 (n,), nan for an image without a box, without a map, or with a map without
                            mass; the first two are omitted where a method is refused or coarse, all where the
                            data have no boxes
    classes, names          of the drawn images, int64 (k,) and class names; said: predicted class name; sure:
                            its probability, float64 (k,); pictures: uint8 (k, 3, H, W); boxes: int64 (k, 4),
                            omitted where there are none
    map-<method>            float32 (k, H, W), of the drawn images
    """
    some = subject.sample(split, limit)
    n, module, size = len(some.ids), subject.module, subject.store.size
    few = np.isin(some.ids, subject.sample(split, min(limit or MOST, MOST)).ids)
    shown = np.flatnonzero(few)[:SHEETS]
    stored_boxes = subject.store.boxes(some.stored)
    boxes = None if stored_boxes is None else np.asarray(stored_boxes)[some.ids].astype(np.int64)
    grids, refused, maps = _ways(module, size, subject.config.model.arch)
    found: dict[str, Any] = {"images": n, "grids": grids, "refused": refused, "massless": {}}
    if boxes is not None:
        area = covered(boxes, size).mean(axis=(1, 2))
        found["area"] = np.where(area > 0, area, np.nan)
        found["boxes"] = boxes[shown]
    done, all_of_it = 0, images(subject.store, n)
    for method, map_of in maps.items():
        rows = np.flatnonzero(few) if method == "integrated" else np.arange(n)
        costs = 3 * saliency.INTEGRATED if method == "integrated" else COST / (len(maps) - 1)
        shares = Shares(n, size)
        drawn = []
        for batch in subject.batches(some.pixels[rows], some.classes[rows], BATCH):
            mine = rows[batch.ids]
            made = map_of(batch.images.clone(), batch.labels.clone())
            drawn.append(made[np.isin(mine, shown)])
            shares.add(mine, made, None if boxes is None else covered(boxes[mine], size))
            done += round(costs * len(mine))
            progress(min(done, all_of_it), all_of_it)
        found[f"map-{method}"] = np.concatenate(drawn)
        found["massless"][method] = shares.massless
        if boxes is not None and not coarse(grids[method]):
            found[f"inside-{method}"] = shares.inside
            found[f"follows-{method}"] = shares.inside - shares.others(boxes)
    p = np.exp(metrics.log_softmax(subject.logits(some.pixels[shown], some.classes[shown])))
    label = subject.store.class_names
    return found | {
        "classes": some.classes[shown],
        "names": [label[c] for c in some.classes[shown]],
        "said": [label[c] for c in p.argmax(axis=1)],
        "right": (p.argmax(axis=1) == some.classes[shown]).tolist(),
        "sure": p.max(axis=1),
        "pictures": some.pixels[shown],
    }


Ways = dict[str, Callable[[torch.Tensor, torch.Tensor], np.ndarray]]  # maps from images and classes


def _ways(module: torch.nn.Module, size: int, arch: str) -> tuple[dict[str, list[int]], dict[str, Any], Ways]:
    """Grids by method, reasons for refused methods, and functions that compute maps float32 (n, H, W)."""
    grids, refused = {}, {}
    maps: Ways = {}
    try:
        at = saliency.layer(module, size)
    except ConfigError as problem:
        refused["gradcam"] = problem.finding.to_dict()
    else:
        grids["gradcam"] = list(at.grid)
        maps["gradcam"] = lambda images, classes: saliency.gradcam(module, at, images, classes)
    if saliency.attends(module):
        patches: Any = module.patch_embed
        grids["rollout"] = list(patches.grid_size)
        maps["rollout"] = lambda images, _: saliency.rolled(module, images)
    else:
        refused["rollout"] = Finding("attribution-no-attention", params={"model": arch}).to_dict()
    grids["integrated"] = [size, size]
    maps["integrated"] = lambda images, classes: saliency.integrated(module, images, classes)
    return grids, refused, maps


class Shares:
    """Mass of maps inside their boxes, accumulated over batches of n images of side `size` pixels.

    Attributes:
        inside: float64 (n,), nan for images not added, without box or without mass.
    """

    def __init__(self, n: int, size: int) -> None:
        self.inside = np.full(n, np.nan)
        self._total = np.zeros((size, size))  # sum of maps normalised to mass 1
        self._added = self._counted = 0

    def add(self, rows: np.ndarray, maps: np.ndarray, covers: np.ndarray | None) -> None:
        """Adds maps, float (k, size, size), of images `rows`, and the pixels of their boxes (if any)."""
        mass = maps.sum(axis=(1, 2), dtype=np.float64)
        self._added += len(maps)
        self._counted += int((mass > 0).sum())
        self._total += (maps[mass > 0] / mass[mass > 0, None, None]).sum(axis=0)
        if covers is not None:
            self.inside[rows] = inside(maps, covers)

    @property
    def massless(self) -> float:
        """The fraction of maps that are 0 everywhere."""
        return 1 - self._counted / self._added

    def others(self, boxes: np.ndarray) -> np.ndarray:
        """Mass of the mean map of the other images inside each image's box.

        Args:
            boxes: int (n, 4).

        Returns:
            float64 (n,), nan where `inside` is nan or there is no other image.
        """
        if self._counted < 2:
            return np.full(len(boxes), np.nan)
        all_of_them = np.array([self._total[y0 : y1 + 1, x0 : x1 + 1].sum() for x0, y0, x1, y1 in boxes])
        found: np.ndarray = (all_of_them - self.inside) / (self._counted - 1)
        return found


def coarse(grid: Sequence[int]) -> bool:
    """Whether a map of this size does not localize."""
    return min(grid) < COARSE


def covered(boxes: np.ndarray, size: int) -> np.ndarray:
    """The pixels of each box, bool (n, size, size).

    Args:
        boxes: int (n, 4), x0, y0, x1, y1, inclusive; a box that ends before its start is empty.
        size: Side of the images in pixels.
    """
    along = np.arange(size)
    columns = (along >= boxes[:, [0]]) & (along <= boxes[:, [2]])
    rows = (along >= boxes[:, [1]]) & (along <= boxes[:, [3]])
    found: np.ndarray = rows[:, :, None] & columns[:, None, :]
    return found


def inside(maps: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The fraction of each map's mass on its box.

    Args:
        maps: float (n, H, W), non-negative.
        covers: bool (n, H, W), pixels of the boxes.

    Returns:
        float64 (n,); nan without box or mass.
    """
    whole = maps.sum(axis=(1, 2), dtype=np.float64)
    within = (maps * covers).sum(axis=(1, 2), dtype=np.float64)
    known = covers.any(axis=(1, 2)) & (whole > 0)
    found: np.ndarray = np.where(known, within / np.where(whole > 0, whole, 1.0), np.nan)
    return found


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs, over the images for which every run of a data set has a map with mass.

    Returns:
        `experiments.document` of NAMES; for each experiment also grids, and notes, {method: a finding as
        data}, where a method is refused, coarse, or based on fewer images.
    """
    usable: dict[str, dict[str, np.ndarray]] = {}
    for method in METHODS:
        having = [(run, one) for run, one in found if f"inside-{method}" in one]
        for data, kept in experiments.common(results, having, partial(_known, method)).items():
            usable.setdefault(data, {})[method] = kept
    made = experiments.gather(
        results,
        [(run, {**one, "usable": usable.get(_data(results, run), {})}) for run, one in found],
        _values,
    )
    document = experiments.document(results, made, BOUNDS)
    document["contrasts"] = [c for c in document["contrasts"] if c["figure"].split("-")[0] in COMPARED]
    return {
        "what": "attribution",
        "study": results.name,
        "runs": len(found),
        **document,
        "grids": {experiment.name: experiment.founds[0]["grids"] for experiment in made},
        "notes": {experiment.name: _notes(experiment, made) for experiment in made},
    }


def _data(results: Results, run: Run) -> str:
    return results.experiment(run.experiment).data


def _known(method: str, one: Mapping[str, Any]) -> np.ndarray:
    found: np.ndarray = np.isfinite(one[f"inside-{method}"])
    return found


def _values(founds: Sequence[Mapping[str, Any]]) -> experiments.Values:
    figures: dict[str, np.ndarray | None] = {}
    for method, kept in founds[0]["usable"].items():
        if all(f"inside-{method}" in one for one in founds) and kept.sum() >= 2:
            within, follows, area = (
                np.stack([one[name][kept] for one in founds])
                for name in (f"inside-{method}", f"follows-{method}", "area")
            )
            figures |= {
                f"inside-{method}": within,
                f"over-{method}": within - area,
                f"follows-{method}": follows,
            }
    if all("area" in one for one in founds):
        area = np.stack([one["area"] for one in founds])
        figures["area"] = area[:, np.isfinite(area).all(axis=0)]
    return figures


def _notes(
    experiment: experiments.Experiment, made: Sequence[experiments.Experiment]
) -> dict[str, dict[str, Any]]:
    one = experiment.founds[0]
    every = [each for other in made if other.data == experiment.data for each in other.founds]
    notes = {method: summary.note(why) for method, why in one["refused"].items()}
    for method, (rows, columns) in one["grids"].items():
        if coarse((rows, columns)):
            params = {"rows": rows, "columns": columns, "fewest": COARSE}
            notes[method] = Finding("attribution-coarse", params=params)
        elif method in one["usable"] and (kept := int(one["usable"][method].sum())) < one["images"]:
            most = MOST if method == "integrated" and one["images"] > MOST else None
            empty = max(of_run["massless"].get(method, 0.0) for of_run in every)
            params = {"kept": kept, "images": one["images"], "most": most, "empty": 100 * empty}
            notes[method] = Finding("attribution-fewer", params=params)
    return {method: note.to_dict() for method, note in notes.items()}


def pictures(results: Results, found: experiments.Found) -> dict[str, bytes]:
    """Sheets of the first seeds, one PNG per image: <data>-<number>.png."""
    by_data: dict[str, list[experiments.Experiment]] = {}
    for experiment in experiments.gather(results, found, lambda _: {}):
        by_data.setdefault(experiment.data, []).append(experiment)
    drawn = {}
    for data, mine in by_data.items():
        first = mine[0].founds[0]
        for at in range(len(first["classes"])):
            columns = [_column(experiment, at) for experiment in mine]
            box = first["boxes"][at] if "boxes" in first else None
            drawn[f"{data}-{at + 1}.png"] = sheets.sheet(
                first["pictures"][at], first["names"][at], columns, METHODS, box
            )
    return drawn


def _column(experiment: experiments.Experiment, at: int) -> sheets.Column:
    one, notes = experiment.founds[0], {}
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
        head=experiment.model,
        augmentation=experiment.augmentation,
        prediction=f"{one['said'][at]} {100 * one['sure'][at]:.0f} %",
        right=one["right"][at],
        maps={method: one.get(f"map-{method}", [None] * (at + 1))[at] for method in METHODS},
        notes=notes,
    )


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Mass inside the box by method and experiment, contrasts, and remarks."""
    found = [
        "inside: share of a map's mass in the object's box; over: less what an even map has there (`box`)",
        "follows: less the mean map of the run's other images in the same box, 0 for a map that never moves",
        experiments.about(compared, lang),
    ]
    figures = ("inside", "over", "follows")
    for method, description in METHODS.items():
        columns = {f"{figure}-{method}": figure for figure in figures} | {"area": "box"}
        if any(c["figures"].get(f"inside-{method}") for c in compared["experiments"]):
            found += ["", description, *experiments.table(compared, columns)]
    found += experiments.differences(compared, NAMES, lang)
    notes = [
        [name, METHODS[method], i18n.render(summary.note(note), lang)]
        for name, each in compared["notes"].items()
        for method, note in each.items()
    ]
    return [*found, "", *tabular.to_text(notes)] if notes else found
