"""The embedded data set `cues`: images with one local and one global cue that can be set independently.

The local cue is the orientation of a grating, pi * L / 6, whose phase is drawn independently in every cell of
8 px, so that no information about it extends beyond a cell. The global cue is the cyclic order of four glyphs
of equal ink over the four quadrants, under a random rotation and jitter: every quadrant holds every glyph
equally often in any order, as does the whole image, so neither a bag of patches nor a single position reveals
the order. Six orders, six orientations, six classes.

A scene is everything but the two cues: phases, jitter, rotation, noise. It is a pure function of seed, split
and index, and an image is a pure function of scene, L, G and the parameters. do(L) and do(G) therefore change
one cue and nothing else, and all test splits show the same scenes. All arithmetic is on integers, from raw
words of the generator: the same bits on every machine.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixscope import rng
from mixscope.data.content import Content, Split
from mixscope.data.disk import save_picture
from mixscope.errors import ConfigError, unknown
from mixscope.study import document

CUES = ("local", "global")
CLASSES = 6
CELL = 8  # px, side of a cell with one phase of the grating
FARTHEST = 4  # px from the centre of a quadrant to where a glyph of 8 px meets its border
PERIOD = 4  # px, of the grating
TURN = 256  # steps of a full phase
GREY = 128
STEPS = 8  # steps of contrast per grey level
FULL = 127  # amplitude of a cue at contrast 127, in grey levels
FULL_PART = 256  # value of local_part and global_part at full contrast

SCENES = {"train": 0, "test": 1}  # images depend on these numbers: append, never renumber
SPLITS = ("iid", "conflict", "local-only", "global-only", "shuffled", "low-pass")

# Four glyphs of 24 px: a ring, a plus, a saltire and a diamond, by rows; # is ink.
GLYPH_ROWS = (
    (".######.", "#......#", "#......#", "#......#", "#......#", "#......#", "#......#", ".######."),
    ("...##...", "...##...", "...##...", ".######.", ".######.", "...##...", "...##...", "...##..."),
    ("##....##", ".##..##.", "..#..#..", "...##...", "...##...", "..#..#..", ".##..##.", "##....##"),
    ("........", "...##...", "..####..", ".######.", ".######.", "..####..", "...##...", "........"),
)
GLYPHS = np.array([[[c == "#" for c in row] for row in rows] for rows in GLYPH_ROWS])
# The six cyclic orders of four glyphs, clockwise from glyph 0.
ORDERS = np.array([(0, *rest) for rest in itertools.permutations((1, 2, 3))])
# Quadrants clockwise from the upper left: row, column.
QUADRANTS = ((0, 0), (0, 1), (1, 1), (1, 0))
PERMUTATIONS = np.array(list(itertools.permutations(range(4))))
# Low-pass: two passes of a 4-pixel mean along each axis; 3 % of the grating remains in a cell.
BLUR = (1, 2, 3, 4, 3, 2, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """The parameters of a set of cues.

    Attributes:
        size: Side of the images, 32 or 64 px.
        local_contrast: Amplitude of the grating in grey levels, 0 to 127, in steps of 1/8.
        global_contrast: Brightness of the glyphs in grey levels, 0 to 127, in steps of 1/8.
        noise: Standard deviation of the noise in grey levels, 0 to 127.
        faded: Largest fraction of its contrast that a cue may lack. The contrast of each cue in each image is
            uniform between 1 - faded and 1 of its full value; at 1 some images hardly show a cue, and which
            cue is more informative varies between images.
        local_shown: Fraction of images that show the local cue.
        global_shown: Fraction of images that show the global cue.
        moved: Fraction of glyphs that are shifted from the centre of their quadrant.
        jitter: Largest shift in px along each axis at 32 px (twice as far at 64 px).
        local_predictivity: Fraction of training and iid images whose local cue is that of the class; the
            others have another value, drawn uniformly. 1/6 is chance.
        global_predictivity: The same for the global cue.
        train: Number of training images.
        test: Number of images of each test split.
        seed: Seed of every draw.
    """

    size: int = 32
    local_contrast: float = 24.0
    global_contrast: float = 90.0
    noise: int = 16
    faded: float = 0.0
    local_shown: float = 1.0
    global_shown: float = 1.0
    moved: float = 0.5
    jitter: int = 1
    local_predictivity: float = 1.0
    global_predictivity: float = 1.0
    train: int = 12000
    test: int = 1200
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size not in (32, 64):
            raise ConfigError("out-of-range", f"size must be 32 or 64 px, got {self.size}", key="cues")
        bounds = dict.fromkeys(("local_contrast", "global_contrast", "noise"), FULL) | {"jitter": FARTHEST}
        shares = ("predictivity", "shown")
        bounds |= dict.fromkeys(("faded", "moved", *(f"{c}_{s}" for c in CUES for s in shares)), 1)
        for name, top in bounds.items():
            if not 0 <= getattr(self, name) <= top:
                raise ConfigError(
                    "out-of-range", f"{name} must lie in 0 to {top}, got {getattr(self, name)}", key="cues"
                )
        for name in (f"{cue}_contrast" for cue in CUES):
            if getattr(self, name) * STEPS % 1:
                raise ConfigError(
                    "out-of-range",
                    f"{name} must be a multiple of 1/{STEPS}, got {getattr(self, name)}",
                    key="cues",
                )
        for name in ("train", "test"):
            if getattr(self, name) < CLASSES:
                raise ConfigError(
                    "out-of-range",
                    f"{name} must be {CLASSES} images or more, got {getattr(self, name)}",
                    key="cues",
                )
        if self.seed < 0:
            raise ConfigError("out-of-range", f"seed must be 0 or more, got {self.seed}", key="cues")


# Parameters for the models of the study local-global: contrasts and the fraction of images with glyphs are
# chosen so that a model learns either cue alone about equally well, predictivities by the rule in
# docs/notes/local-global.md.
BUILT_IN = {
    "cues": Parameters(),
    "cues-resnet": Parameters(
        local_contrast=8.0,
        global_contrast=110.0,
        faded=1.0,
        global_shown=0.65,
        moved=0.0,
        local_predictivity=0.8,
        train=80000,
    ),
    "cues-vit": Parameters(
        local_contrast=11.5,
        global_contrast=120.0,
        faded=1.0,
        global_shown=0.9,
        moved=0.0,
        local_predictivity=0.8,
        train=80000,
    ),
}
# What `mixscope cues match` found with these parameters: the share that the model gets right when trained on
# one cue alone, right in every image, as the mean of so many trainings (docs/notes/local-global.md).
MATCHED: dict[str, dict[str, float]] = {
    "cues-resnet": {"local": 0.640, "global": 0.648, "trainings": 1},
    "cues-vit": {"local": 0.776, "global": 0.794, "trainings": 1},
}
TITLES = {
    "cues": "a local against a global cue, made here, 32 or 64 px, no download",
    "cues-resnet": "cues, its parameters set for the small ResNet of study local-global",
    "cues-vit": "cues, its parameters set for the small ViT of study local-global",
}


def parsed(tree: Mapping[str, Any], *, file: Path) -> Parameters:
    """Reads parameters from a mapping, as in a file or a manifest.

    Args:
        tree: Values by field of Parameters.
        file: The file, for error messages.

    Raises:
        ConfigError: If a key is unknown or a value is invalid; names the key.
    """
    hints = {f.name: f.type for f in dataclasses.fields(Parameters)}
    for key, value in tree.items():
        if key not in hints:
            raise ConfigError("unknown-name", unknown("parameter", key, hints), key=key, path=file)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (hints[key] is int and not isinstance(value, int)):
            expected = "a whole number" if hints[key] is int else "a number"
            raise ConfigError("wrong-type", f"expected {expected}, got {value!r}", key=key, path=file)
    return Parameters(**tree)


def chosen(default: Parameters, file: Path | None, size: int | None) -> Parameters:
    """Reads parameters from a YAML file (keys as in Parameters), else the default; `size` overrides either.

    Raises:
        ConfigError: If the file is invalid.
    """
    found = default if file is None else parsed(document.read(file).tree, file=file)
    return found if size is None else dataclasses.replace(found, size=size)


@dataclass(frozen=True, slots=True)
class Scenes:
    """n images without their cues.

    Attributes:
        label: int64 (n,), index modulo 6.
        rotation: (n,), quadrant of glyph 0.
        jitter: (n, 4, 2), shift in rows and columns of each quadrant's glyph, px.
        phase: (n, H/8, W/8), phase of each cell, in 256ths of a turn.
        noise: int32 (n, H, W), in 127ths of the grey levels of `Parameters.noise`.
        local_chance: float64 (n,) in [0, 1), decides whether L is the class's.
        global_chance: float64 (n,) in [0, 1), decides whether G is the class's.
        local_step: int64 (n,), 1 to 5, from one value of L to another.
        global_step: int64 (n,), 1 to 5, from one value of G to another.
        permutation: (n, 4), source of each quadrant in the shuffled split.
        local_part: int32 (n,), contrast of the local cue, in 256ths.
        global_part: int32 (n,), contrast of the global cue, in 256ths.
    """

    label: np.ndarray
    rotation: np.ndarray
    jitter: np.ndarray
    phase: np.ndarray
    noise: np.ndarray
    local_chance: np.ndarray
    global_chance: np.ndarray
    local_step: np.ndarray
    global_step: np.ndarray
    permutation: np.ndarray
    local_part: np.ndarray
    global_part: np.ndarray


# Of the raw words of a scene: which means what. The phases follow these, then the noise, then the parts.
ROTATION, JITTER = 0, 1
LOCAL_CHANCE, GLOBAL_CHANCE, LOCAL_STEP, GLOBAL_STEP, PERMUTATION = 9, 10, 11, 12, 13
MOVED, HEAD = 14, 18
PARTS = 2


def draw(parameters: Parameters, scenes: str, index: np.ndarray) -> Scenes:
    """Draws scenes; none depends on another.

    Words are taken raw from the bit generator, whose stream is fixed by numpy's compatibility policy.

    Args:
        parameters: Parameters of the set.
        scenes: "train" or "test".
        index: int64 (n,).
    """
    size, cells = parameters.size, (parameters.size // CELL) ** 2
    count = HEAD + cells + size * size // 2 + PARTS
    words = np.empty((len(index), count), dtype=np.uint64)
    for row, at in zip(words, index.tolist(), strict=True):
        bits = rng.generator(parameters.seed, "cues", SCENES[scenes], at).bit_generator
        row[:] = bits.random_raw(count)
    reach = parameters.jitter * (size // 32)
    moved = _share(words[:, MOVED : MOVED + 4]) < parameters.moved
    small = np.ascontiguousarray(words[:, HEAD + cells : -PARTS]).astype("<u8", copy=False).view(np.uint8)
    # Centred sum of four bytes per pixel: nearly normal, sd 147.8; 55/64 of it has sd 127.
    noise = small.reshape(len(index), size, size, 4).sum(axis=3, dtype=np.int32) - 510
    return Scenes(
        label=index.astype(np.int64) % CLASSES,
        rotation=_below(4, words[:, ROTATION]),
        jitter=(_below(2 * reach + 1, words[:, JITTER : JITTER + 8]).reshape(-1, 4, 2) - reach)
        * moved[..., None],
        phase=_below(TURN, words[:, HEAD : HEAD + cells]).reshape(-1, size // CELL, size // CELL),
        noise=noise * 55 // 64,
        local_chance=_share(words[:, LOCAL_CHANCE]),
        global_chance=_share(words[:, GLOBAL_CHANCE]),
        local_step=1 + _below(CLASSES - 1, words[:, LOCAL_STEP]),
        global_step=1 + _below(CLASSES - 1, words[:, GLOBAL_STEP]),
        permutation=PERMUTATIONS[_below(len(PERMUTATIONS), words[:, PERMUTATION])],
        local_part=_part(words[:, -2], parameters.faded, parameters.local_shown),
        global_part=_part(words[:, -1], parameters.faded, parameters.global_shown),
    )


def _below(n: int, words: np.ndarray) -> np.ndarray:
    """Integers 0 to n - 1, int64, from the upper halves of words."""
    return ((words >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.int64)


def _part(words: np.ndarray, faded: float, shown: float) -> np.ndarray:
    """Contrast from the upper half of a word; from the lower half whether the cue is shown at all."""
    there = (words & np.uint64(0xFFFF_FFFF)).astype(np.float64) * 2.0**-32 < shown
    return np.where(there, FULL_PART - _below(round(faded * FULL_PART) + 1, words), 0).astype(np.int32)


def _share(words: np.ndarray) -> np.ndarray:
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def cues(scenes: Scenes, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cues of training and iid images: those of the class, or others by the predictivities.

    Returns:
        L and G, int64 (n,) each.
    """

    def value(chance: np.ndarray, predictivity: float, step: np.ndarray) -> np.ndarray:
        found: np.ndarray = (scenes.label + np.where(chance < predictivity, 0, step)) % CLASSES
        return found

    return (
        value(scenes.local_chance, parameters.local_predictivity, scenes.local_step),
        value(scenes.global_chance, parameters.global_predictivity, scenes.global_step),
    )


# --- from a scene and its cues to an image -------------------------------------------------------


@functools.cache
def _waves() -> tuple[np.ndarray, np.ndarray]:
    """Integer tables of the grating.

    Returns:
        The profile over a turn, -127 to 127; and by orientation the phase steps per column and per row, (6,
        2).
    """
    profile = np.array([round(FULL * math.sin(2 * math.pi * k / TURN)) for k in range(TURN)], np.int32)
    angles = [math.pi * k / CLASSES for k in range(CLASSES)]
    steps = [[round(TURN / PERIOD * math.cos(a)), round(TURN / PERIOD * math.sin(a))] for a in angles]
    return profile, np.array(steps)


def gratings(phase: np.ndarray, local: np.ndarray, size: int) -> np.ndarray:
    """Renders the local cue alone: orientation pi * local / 6, one phase per cell.

    Args:
        phase: (n, H/8, W/8).
        local: int64 (n,).
        size: Side of the image in pixels.

    Returns:
        int32 (n, H, W), -127 to 127.
    """
    profile, steps = _waves()
    along = np.arange(size) % CELL
    turn = steps[local, 0][:, None, None] * along + steps[local, 1][:, None, None] * along[:, None]
    turn += phase.repeat(CELL, axis=1).repeat(CELL, axis=2)
    found: np.ndarray = profile[turn % TURN]
    return found


def arrangement(rotation: np.ndarray, glob: np.ndarray) -> np.ndarray:
    """Returns the glyph of each quadrant, clockwise from the upper left, int64 (n, 4)."""
    place = (np.arange(4) - rotation[:, None]) % 4
    found: np.ndarray = ORDERS[glob[:, None], place]
    return found


def inks(scenes: Scenes, glob: np.ndarray, size: int) -> np.ndarray:
    """Renders the global cue alone: bool (n, H, W), True where there is ink; all images have equal counts."""
    scale = size // 32
    glyphs = GLYPHS.repeat(scale, axis=1).repeat(scale, axis=2)
    side = glyphs.shape[1]
    ink = np.zeros((len(glob), size, size), dtype=bool)
    own = np.arange(len(glob))[:, None, None]
    held = arrangement(scenes.rotation, glob)
    for at, (row, column) in enumerate(QUADRANTS):
        corner = np.array((row, column)) * (size // 2) + (size // 2 - side) // 2
        top, left = (scenes.jitter[:, at] + corner).T
        rows = top[:, None, None] + np.arange(side)[:, None]
        columns = left[:, None, None] + np.arange(side)
        ink[own, rows, columns] = glyphs[held[:, at]]
    return ink


def render(
    scenes: Scenes,
    local: np.ndarray | None,
    glob: np.ndarray | None,
    parameters: Parameters,
    *,
    shuffled: bool = False,
    low_pass: bool = False,
) -> np.ndarray:
    """Renders grey images of scenes with the given cues.

    Args:
        scenes: The scenes.
        local: int64 (n,); None leaves the cue out.
        glob: int64 (n,); None leaves the cue out.
        parameters: Parameters of the set.
        shuffled: Permute the quadrants by the scene's own permutation.
        low_pass: Blur at the end.

    Returns:
        uint8 (n, 3, H, W).
    """
    level = STEPS * parameters.noise * scenes.noise  # in units of which a grey level has `unit`
    unit = STEPS * FULL
    if local is not None:
        amplitude = round(STEPS * parameters.local_contrast) * scenes.local_part // FULL_PART
        level = level + amplitude[:, None, None] * gratings(scenes.phase, local, parameters.size)
    if glob is not None:
        amplitude = round(unit * parameters.global_contrast) * scenes.global_part // FULL_PART
        level = level + amplitude[:, None, None] * inks(scenes, glob, parameters.size).astype(np.int32)
    grey: np.ndarray = np.clip(GREY + (level + unit // 2) // unit, 0, 255)
    if shuffled:
        grey = _shuffle(grey, scenes.permutation)
    if low_pass:
        grey = _blur(grey)
    return grey.astype(np.uint8)[:, None].repeat(3, axis=1)


def _shuffle(grey: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    half = grey.shape[1] // 2
    corners = np.array(QUADRANTS) * half
    found, own = np.empty_like(grey), np.arange(len(grey))[:, None, None]
    for at, (top, left) in enumerate(corners.tolist()):
        start = corners[permutation[:, at]]
        rows = start[:, 0][:, None, None] + np.arange(half)[:, None]
        columns = start[:, 1][:, None, None] + np.arange(half)
        found[:, top : top + half, left : left + half] = grey[own, rows, columns]
    return found


def _blur(grey: np.ndarray) -> np.ndarray:
    reach, total = len(BLUR) // 2, sum(BLUR) ** 2
    size = grey.shape[1]
    wide = np.pad(grey, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    down, both = np.zeros_like(wide[:, :size]), np.zeros_like(grey)
    for i, weight in enumerate(BLUR):
        down += weight * wide[:, i : i + size]
    for i, weight in enumerate(BLUR):
        both += weight * down[:, :, i : i + size]
    blurred: np.ndarray = (both + total // 2) // total
    return blurred


# --- splits and interventions --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """Rendered images with their cues.

    Attributes:
        images: uint8 (n, 3, H, W).
        labels: int64 (n,), class.
        local: int64 (n,), L; -1 where it is not shown.
        glob: int64 (n,), G; -1 where it is not shown.
    """

    images: np.ndarray
    labels: np.ndarray
    local: np.ndarray
    glob: np.ndarray


def split(parameters: Parameters, name: str, index: np.ndarray) -> Shown:
    """Renders images of "train" or of a test split; in all test splits, index i is scene i.

    iid: as in training. conflict: L is the class's and G another. local-only and global-only: the other cue
    is left out. shuffled: both cues are the class's, then the quadrants are permuted, which keeps L and makes
    G uniform. low-pass: both are the class's, blurred until little is left of the grating.

    Args:
        parameters: Parameters of the set.
        name: Name of the split.
        index: int64 (n,).

    Raises:
        ConfigError: If the split is unknown.
    """
    if name not in ("train", *SPLITS):
        raise ConfigError("unknown-name", unknown("split", name, ("train", *SPLITS)), key="cues")
    scenes = draw(parameters, "train" if name == "train" else "test", index)
    both, none = scenes.label, np.full(len(index), -1)
    if name in ("train", "iid"):
        local, glob = cues(scenes, parameters)
        return Shown(render(scenes, local, glob, parameters), scenes.label, local, glob)
    if name == "conflict":
        other = (both + scenes.global_step) % CLASSES
        return Shown(render(scenes, both, other, parameters), scenes.label, both, other)
    if name == "local-only":
        return Shown(render(scenes, both, None, parameters), scenes.label, both, none)
    if name == "global-only":
        return Shown(render(scenes, None, both, parameters), scenes.label, none, both)
    if name == "shuffled":
        glob = order_of(np.take_along_axis(arrangement(scenes.rotation, both), scenes.permutation, axis=1))
        return Shown(render(scenes, both, both, parameters, shuffled=True), scenes.label, both, glob)
    return Shown(render(scenes, both, both, parameters, low_pass=True), scenes.label, both, both)


def order_of(held: np.ndarray) -> np.ndarray:
    """The global cue, int64 (n,), of quadrants with these glyphs, (n, 4), clockwise."""
    first = (held == 0).argmax(axis=1)
    turned = np.take_along_axis(held, (first[:, None] + np.arange(4)) % 4, axis=1)
    found: np.ndarray = (turned[:, None] == ORDERS).all(axis=2).argmax(axis=1)
    return found


def intervened(parameters: Parameters, cue: str, index: np.ndarray) -> Shown:
    """Renders the iid images after do(L) or do(G).

    The cue takes one of its five other values, uniformly by the scene; everything else stays.

    Args:
        parameters: Parameters of the set.
        cue: "local" or "global".
        index: int64 (n,).

    Returns:
        Images with the labels from before the intervention.
    """
    scenes = draw(parameters, "test", index)
    local, glob = cues(scenes, parameters)
    if cue == "local":
        local = (local + scenes.local_step) % CLASSES
    else:
        assert cue == "global"
        glob = (glob + scenes.global_step) % CLASSES
    return Shown(render(scenes, local, glob, parameters), scenes.label, local, glob)


def content(parameters: Parameters, block: int = 500) -> Content:
    """The training images and the iid test images, as the store takes them."""

    def part(name: str, count: int) -> Split:
        return Split(
            count=count,
            images=(
                split(parameters, name, np.arange(a, min(a + block, count))).images
                for a in range(0, count, block)
            ),
            labels=np.arange(count) % CLASSES,
        )

    return Content(
        size=parameters.size,
        class_names=tuple(f"{180 * k // CLASSES} degrees, order {k}" for k in range(CLASSES)),
        splits={"train": part("train", parameters.train), "test": part("iid", parameters.test)},
        notes=(
            "the test split is iid; the other test splits are made from the parameters when they are used",
        ),
        made_with={"cues": dataclasses.asdict(parameters)},
    )


def sheet(parameters: Parameters, file: Path) -> None:
    """Draws the first image of each class (columns) in training and in every test split (rows), as a PNG."""
    from PIL import Image, ImageDraw, ImageFont

    tile, gap, left, top = 96, 8, 110, 28
    rows = ("train", *SPLITS)
    width, height = left + CLASSES * (tile + gap), top + len(rows) * (tile + gap)
    drawn = Image.new("L", (width, height), 255)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(14)
    for column in range(CLASSES):
        pen.text((left + column * (tile + gap), 6), f"class {column}", fill=60, font=font)
    for row, name in enumerate(rows):
        y = top + row * (tile + gap)
        pen.text((8, y + tile // 2 - 8), name, fill=60, font=font)
        for column, image in enumerate(split(parameters, name, np.arange(CLASSES)).images[:, 0]):
            large = Image.fromarray(image).resize((tile, tile), Image.Resampling.NEAREST)
            drawn.paste(large, (left + column * (tile + gap), y))
    save_picture(drawn, file, optimize=True)
