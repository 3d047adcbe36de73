"""Sheets of one image each: the original, then the prediction and attribution maps of every run."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mixscope import fonts

TILE, GAP, HEAD, FOOT, SIDE = 132, 8, 34, 34, 92
INK, FAINT, PAPER = (20, 24, 32), (110, 116, 128), (255, 255, 255)
HEAT = np.array(
    [[12, 16, 80], [34, 100, 200], [90, 200, 160], [250, 220, 70], [230, 50, 30]], dtype=np.float64
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The column of a run.

    Attributes:
        head: Model.
        augmentation: Augmentation.
        prediction: Prediction and its probability.
        right: Whether the prediction is correct.
        maps: By method float (H, W), or None where there is none.
        notes: Remark by method where there is no map.
    """

    head: str
    augmentation: str
    prediction: str
    right: bool
    maps: dict[str, np.ndarray | None]
    notes: dict[str, str]


def sheet(
    picture: np.ndarray,
    label: str,
    columns: Sequence[Column],
    methods: dict[str, str],
    box: Sequence[int] | None,
) -> bytes:
    """Draws a sheet as PNG.

    Args:
        picture: uint8 (3, H, W).
        label: Title.
        columns: One per run.
        methods: Names of the rows.
        box: x0, y0, x1, y1 in pixels, inclusive.
    """
    width = SIDE + (TILE + GAP) * (1 + len(columns)) + GAP
    height = HEAD + (TILE + GAP) * len(methods) + FOOT
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    notes = [label, *(column.prediction for column in columns), *(column.augmentation for column in columns)]
    font = fonts.font(13, [*methods.values(), *(column.head for column in columns)])
    small = fonts.font(12, notes)
    for row, method in enumerate(methods.values()):
        for at, word in enumerate(method.split()):
            pen.text((GAP, HEAD + row * (TILE + GAP) + TILE // 2 - 16 + 16 * at), word, INK, font)
    x = SIDE
    pen.text((x, 4), "original", INK, font)
    pen.text((x, 18), _short(pen, label, small), FAINT, small)
    page.paste(_tile(picture, None, box), (x, HEAD))
    for place, column in enumerate(columns, start=1):
        x = SIDE + place * (TILE + GAP)
        pen.text((x, 4), _short(pen, column.head, font), INK, font)
        pen.text((x, 18), _short(pen, column.augmentation, small), FAINT, small)
        for row, method in enumerate(methods):
            y = HEAD + row * (TILE + GAP)
            drawn = column.maps.get(method)
            if drawn is not None:
                page.paste(_tile(picture, drawn, box), (x, y))
            note = column.notes.get(method)
            if note is not None:
                words = pen.textbbox((0, 0), note, small)
                top = y if drawn is not None else y + TILE // 2 - 8
                pen.rectangle((x, top, x + words[2] + 6, top + 17), PAPER)
                pen.text((x + 3, top + 1), note, FAINT, small)
        y = HEAD + len(methods) * (TILE + GAP)
        pen.text((x, y), _short(pen, column.prediction, small), INK if column.right else FAINT, small)
        if column.right:
            pen.text((x, y + 14), "right", INK, small)
    written = io.BytesIO()
    page.save(written, "PNG", optimize=True)
    return written.getvalue()


def _short(pen: ImageDraw.ImageDraw, text: str, font: fonts.Font) -> str:
    while text and pen.textlength(text, font) > TILE + GAP - 4:
        text = text[:-1]
    return text


def _tile(picture: np.ndarray, drawn: np.ndarray | None, box: Sequence[int] | None) -> Image.Image:
    """The enlarged image under a map (if there is one), with its box."""
    size = picture.shape[1]
    if drawn is None:
        values = picture.transpose(1, 2, 0)
    else:
        grey = picture.mean(axis=0)[:, :, None]
        top = float(np.quantile(drawn, 0.99)) or float(drawn.max()) or 1.0
        values = np.rint(0.4 * grey + 0.6 * heat(np.clip(drawn / top, 0, 1))).astype(np.uint8)
    tile = Image.fromarray(np.ascontiguousarray(values)).resize((TILE, TILE), Image.Resampling.NEAREST)
    if box is not None:
        scale = TILE / size
        x0, y0, x1, y1 = box
        edges = (x0 * scale, y0 * scale, (x1 + 1) * scale - 1, (y1 + 1) * scale - 1)
        ImageDraw.Draw(tile).rectangle(edges, outline=(255, 255, 255), width=1)
    return tile


def heat(values: np.ndarray) -> np.ndarray:
    """Colours from blue over green to red, float (H, W, 3) in 0 to 255, of values in 0 to 1."""
    places = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(values, places, HEAT[:, c]) for c in range(3)], axis=-1)
