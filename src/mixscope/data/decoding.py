"""Decodes image files to RGB bytes of one size, in parallel, and counts the conversions.

A file's format is recognized from its content, among the formats listed here, whatever its name. JPEG is
decoded in processes, because threads that decode from Python contend for the interpreter lock.
"""

import ctypes
import io
import itertools
import os
import shutil
import signal
import struct
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread, current_thread, main_thread
from typing import Any, NamedTuple

import numpy as np

from mixscope.data.content import WHITE
from mixscope.errors import Code, DataError
from mixscope.hardware import cores

# Pillow's names; none that runs external programs.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
BLOCK = 500  # images decoded per block: a few MB
BLOCK_BYTES = 1 << 26  # smaller blocks for large images
SHARED_SPARE = 1 << 20  # bytes kept free besides shared memory
MOST_PIXELS = 89_478_485  # Pillow's limit: a small file may declare any number of pixels
MOST_NAMED = 10  # files listed in one message
FEWEST_TRIED = 100  # files opened to determine the image size, where there are as many
EXIF_WITHIN = 1 << 16  # bytes at the start of a JPEG file that are searched for EXIF data
ORIENTATION = 0x0112  # EXIF tag; its values 2 to 8 as operations on rows and columns:
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}
NOTES = {  # conversions of images, by key of the counts
    "turned": "images turned as their EXIF orientation says",
    "alpha": "images with transparent pixels, put on {background}",
    "animated": "animations and files of several pages, of which the first was taken",
    "deep": "images of 16 bits a channel, scaled to 8",
    "cut": "damaged or cut files, read as far as they go",
    "stretched": "images stretched to a square",
}
LOOKS_LIKE = {  # kinds of files that are not images, by their first bytes
    b"%!PS": "a PostScript file",
    b"%PDF": "a PDF file",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not fetched",
    b"<": "a page or a drawing in HTML, XML or SVG",
    b"PK": "a zip archive",
}
_UNREADABLE = (
    *(ValueError, OSError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(AttributeError, MemoryError, NotImplementedError, struct.error, zlib.error, Warning),
)


class Encoded(NamedTuple):
    """An encoded image in memory.

    Attributes:
        name: Name for messages.
        content: The bytes of the file.
    """

    name: str
    content: bytes


@dataclass(kw_only=True, slots=True)
class Report:
    """Counts of conversions and faults of images.

    Attributes:
        counts: Number of images by conversion, a key of NOTES.
        first: Name of the first image of each conversion.
        faults: Name and reason of images that cannot be used, at most MOST_NAMED.
        faulty: Number of images that cannot be used.
        sizes: Width and height of images that do not have the expected size.
        background: Colour behind transparent pixels, as "#rrggbb".
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    faulty: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    background: str = WHITE

    def add(self, other: "Report") -> None:
        """Adds the report of later images."""
        self.counts.update(other.counts)
        self.first = other.first | self.first
        self.faults = (self.faults + other.faults)[:MOST_NAMED]
        self.faulty += other.faulty
        self.sizes.update(other.sizes)

    def fault(self, name: str, why: str) -> None:
        """Counts an image that cannot be used."""
        self.faulty += 1
        if len(self.faults) < MOST_NAMED:
            self.faults.append((name, why))

    def notes(self) -> list[str]:
        """One line per conversion."""
        shown = "white" if self.background == WHITE else self.background
        return [
            f"{what.format(background=shown)}: {self.counts[kind]:,}, the first is {_short(self.first[kind])}"
            for kind, what in NOTES.items()
            if self.counts[kind]
        ]

    def error(self) -> DataError | None:
        """One sentence on all images that cannot be used."""
        if not self.faulty:
            return None
        (name, why), *others = self.faults
        if self.faulty == self.sizes.total() > 1:
            sizes = ", ".join(f"{w} x {h} ({n:,})" for (w, h), n in self.sizes.most_common(5))
            named = ", ".join(_short(name) for name, _ in others)
            more = f" and {self.faulty - len(self.faults):,} more" if self.faulty > len(self.faults) else ""
            text = (
                f"{why}, and {self.faulty - 1:,} more are not either: {named}{more}; sizes {sizes}; give"
                " --size N to resize them"
            )
        elif self.faulty == 1:
            text = f"{why}; {'give --size N to resize it, or ' if self.sizes else ''}replace or remove it"
        else:
            named = "; ".join(f"{_short(name)} {why}" for name, why in others)
            more = f"; and {self.faulty - len(self.faults):,} more" if self.faulty > len(self.faults) else ""
            resize = "give --size N for those of another size, " if self.sizes else ""
            text = (
                f"{why}, and {self.faulty - 1:,} more cannot be used: {named}{more}; {resize}replace or"
                f" remove {'the others' if self.sizes else 'them'}"
            )
        code: Code = "wrong-type" if self.faulty == self.sizes.total() else "damaged-file"
        return DataError(code, text, path=name)


def _short(name: str) -> str:
    return "/".join(Path(name).parts[-3:])


def in_turn(
    parts: Sequence[Sequence[str] | Sequence[Encoded]], size: int, exact: bool, report: Report | None = None
) -> list[Iterator[np.ndarray]]:
    """Decodes lists of files in parallel, one list after the other, in blocks.

    All lists share one process pool, whose start takes a second. Memory is bounded by a few blocks; a block
    is overwritten after the next one is requested. Processes decode into shared memory: sending pixels
    through a pipe took longer than decoding them.

    Args:
        parts: Lists of paths or encoded images.
        size: Side of the decoded images in pixels.
        exact: Reject images of another size instead of resizing them.
        report: Filled while images are decoded; complete after the last one.

    Returns:
        One iterator per list over uint8 (n, 3, size, size), to be consumed in order. After its last block the
        last one raises DataError, which names images that are damaged, or have another size although `exact`
        is set.
    """
    report = Report() if report is None else report
    step = max(1, min(BLOCK, BLOCK_BYTES // (3 * size**2), max(map(len, parts), default=0)))
    blocks = [[(files, slice(i, i + step)) for i in range(0, len(files), step)] for files in parts]
    ends = list(itertools.accumulate(map(len, blocks)))
    made = enumerate(_decoded([block for part in blocks for block in part], step, size, exact, report))

    def part(begin: int, end: int) -> Iterator[np.ndarray]:
        for expected, (at, block) in zip(range(begin, end), made, strict=False):
            assert at == expected, "lists are asked for in their order"
            yield block
        if end == ends[-1]:
            next(made, None)  # shuts down the processes

    return [part(end - len(each), end) for each, end in zip(blocks, ends, strict=True)]


def _decoded(
    blocks: Sequence[tuple[Sequence[str] | Sequence[Encoded], slice]],
    step: int,
    size: int,
    exact: bool,
    report: Report,
) -> Iterator[np.ndarray]:
    workers = min(cores(), len(blocks))
    blocks_made = (
        _decoded_here(blocks, size, exact, report)
        if workers == 1 or not _room_to_share(2 * workers * step * 3 * size**2)
        else _decoded_in_processes(blocks, workers, step, size, exact, report)
    )
    yield from blocks_made
    if (problem := report.error()) is not None:
        raise problem


def _room_to_share(size: int) -> bool:
    """Whether there is enough shared memory; without it the first write would crash the process.

    A container often has 64 MB; multiprocessing then uses the folder for temporary files.
    """
    for folder in ("/dev/shm", ""):
        with suppress(OSError):  # also where the folder for temporary files is missing
            if shutil.disk_usage(folder or tempfile.gettempdir()).free > size + SHARED_SPARE:
                return True
    return False


def _decoded_here(
    blocks: Sequence[tuple[Sequence[str] | Sequence[Encoded], slice]], size: int, exact: bool, report: Report
) -> Iterator[np.ndarray]:
    for files, part in blocks:
        some = files[part]
        block = np.empty((len(some), 3, size, size), np.uint8)
        report.add(_decode(some, block, exact, report.background))
        yield block


def _decoded_in_processes(
    blocks: Sequence[tuple[Sequence[str] | Sequence[Encoded], slice]],
    workers: int,
    step: int,
    size: int,
    exact: bool,
    report: Report,
) -> Iterator[np.ndarray]:
    pixels = 3 * size**2
    context, ahead = get_context("spawn"), 2 * workers
    shared: Any = context.RawArray(ctypes.c_uint8, ahead * step * pixels)
    places = np.frombuffer(shared, np.uint8).reshape(ahead, step, 3, size, size)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(shared, places.shape))

    def submit(at: int) -> tuple[int, Future[Report]]:
        files, part = blocks[at]
        some = files[part]
        return len(some), pool.submit(_decode_into, at % ahead, some, exact, report.background)

    try:
        with _deaf_to_interrupts():  # all workers are started by the first blocks
            waiting = [submit(at) for at in range(min(ahead, len(blocks)))]
        for at in range(len(blocks)):
            count, found = waiting.pop(0)
            report.add(found.result())
            yield places[at % ahead, :count]
            if at + ahead < len(blocks):
                waiting.append(submit(at + ahead))
    finally:
        pool.shutdown(cancel_futures=True)


_places: np.ndarray  # in a worker: the blocks shared with the parent process


def _begin(shared: Any, shape: tuple[int, ...]) -> None:
    """Initializes a worker process."""
    global _places
    _places = np.frombuffer(shared, np.uint8).reshape(shape)
    _end_with_parent()


def _decode_into(
    place: int, files: Sequence[str] | Sequence[Encoded], exact: bool, background: str
) -> Report:
    return _decode(files, _places[place, : len(files)], exact, background)


def _end_with_parent() -> None:
    """Ends a worker when its parent is killed; otherwise it would wait for work forever."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C; the parent shuts them down and reports once.

    They inherit the signal mask. In this process the mask is not sufficient, since the signal may be
    delivered to any other thread and interrupt the start of a worker: here Ctrl-C takes effect after the
    block.
    """
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    ours = current_thread() is main_thread() and before is not None  # only the main thread may set a handler
    if ours:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    resource_tracker.ensure_running()  # its start would reset the mask
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if ours:
            signal.signal(signal.SIGINT, before)
            if came:
                signal.raise_signal(signal.SIGINT)


def decode(
    files: Sequence[str] | Sequence[Encoded], *, size: int, exact: bool, into: np.ndarray | None = None
) -> np.ndarray:
    """Decodes image files to RGB; grey images are converted.

    Args:
        files: Paths or encoded images.
        size: Side of the decoded images in pixels.
        exact: Reject images of another size instead of resizing them.
        into: Array to write to; allocated if None.

    Returns:
        uint8 (n, 3, size, size).

    Raises:
        DataError: If images cannot be used; names them.
    """
    block = np.empty((len(files), 3, size, size), dtype=np.uint8) if into is None else into
    if (problem := _decode(files, block, exact).error()) is not None:
        raise problem
    return block


def _decode(
    files: Sequence[str] | Sequence[Encoded], block: np.ndarray, exact: bool, background: str = WHITE
) -> Report:
    """Fills `block`; rows of images that cannot be used are undefined."""
    from PIL import Image

    report, size = Report(), block.shape[-1]
    with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
        for i in range(len(files)):
            file: str | Encoded = files[i]
            name, content = (file, None) if isinstance(file, str) else (file.name, file.content)
            try:
                content = _content(name) if content is None else content
                pixels, kinds = _jpeg(content) if content[:2] == b"\xff\xd8" else _pillow(content, background)
            except (*_UNREADABLE, Image.DecompressionBombError) as problem:
                report.fault(name, _why(content, problem))
                continue
            if pixels.shape != (size, size, 3):
                height, width, _ = pixels.shape
                if exact:
                    report.fault(name, f"is {width} x {height} pixels, expected {size} x {size}")
                    report.sizes[width, height] += 1
                    continue
                if height != width:
                    kinds = (*kinds, "stretched")
                pixels = _resized(pixels, size)
            block[i] = pixels.transpose(2, 0, 1)
            for kind in kinds:
                report.counts[kind] += 1
                report.first.setdefault(kind, name)
    return report


def _content(name: str) -> bytes:
    """The bytes of a file.

    `open` and `read` would take twice as long, a seventh of the time to decode a small image.
    """
    file = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _why(content: bytes | None, problem: BaseException) -> str:
    """Why a file cannot be read as an image, as the end of a sentence."""
    from PIL import UnidentifiedImageError

    if content == b"":
        what = "it is empty"
    elif isinstance(problem, MemoryError):
        what = "it needs more memory than there is"
    elif isinstance(problem, UnidentifiedImageError):
        start = (content or b"").lstrip()
        kind = next((kind for magic, kind in LOOKS_LIKE.items() if start.startswith(magic)), None)
        what = f"it is {kind}" if kind else f"its content is none of {', '.join(FORMATS)}"
    else:
        what = str(problem) or type(problem).__name__
    return f"cannot be read as an image ({what})"


def _jpeg(content: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns pixels, uint8 (H, W, 3), and the conversions."""
    import simplejpeg

    height, width, *_ = simplejpeg.decode_jpeg_header(content)
    if height * width > MOST_PIXELS:
        raise ValueError(f"it claims {width:,} x {height:,} pixels, at most {MOST_PIXELS:,} are read")
    kinds: tuple[str, ...] = ()
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(content, colorspace="RGB")
    except ValueError:
        try:
            pixels = simplejpeg.decode_jpeg(content, colorspace="RGB", strict=False)
        except ValueError:  # unsupported colour spaces
            return _pillow(content)
        kinds = ("cut",)
    if content.find(b"Exif\0\0", 0, EXIF_WITHIN) >= 0 and (turn := TURNS.get(_orientation(content))):
        return turn(pixels), (*kinds, "turned")
    return pixels, kinds


def _orientation(content: bytes) -> int:
    """The EXIF orientation of a file, 1 where there is none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return int(image.getexif().get(ORIENTATION, 1))
    except (*_UNREADABLE, Image.DecompressionBombError):
        return 1


def _pillow(content: bytes, background: str = WHITE) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns pixels, uint8 (H, W, 3), and the conversions."""
    from PIL import Image

    kinds: list[str] = []
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if getattr(image, "is_animated", False):
            kinds.append("animated")
        orientation = image.getexif().get(ORIENTATION, 1)
        image.load()
        # Pillow rotates TIFF files itself and removes the tag.
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
        if orientation in TURNS:
            kinds.append("turned")
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
            kinds.append("deep")
            deep = np.asarray(image).astype(np.uint32)
            pixels = np.repeat(((deep + 128) // 257).astype(np.uint8)[:, :, None], 3, axis=2)
        elif image.mode in ("I", "F"):
            raise ValueError(f"its pixels are numbers of 32 bits, mode {image.mode}; expected 8 or 16 bits")
        else:
            if image.format == "PNG" and content[24:25] == b"\x10":  # Pillow has kept the upper 8 bits
                kinds.append("deep")
            if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
                clear = image.convert("RGBA")
                if clear.getchannel("A").getextrema()[0] != 255:
                    kinds.append("alpha")
                    clear = Image.alpha_composite(Image.new("RGBA", clear.size, background), clear)
                pixels = np.asarray(clear.convert("RGB"))
            else:
                pixels = np.asarray(image.convert("RGB"))
    return (pixels if turn is None else turn(pixels)), tuple(kinds)


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def side(files: Iterable[str | Encoded], count: int) -> int:
    """Returns the side in pixels of most images; of equally common sizes the largest.

    Of many images a sample is opened, evenly spaced, since small ones may come first.

    Args:
        files: Paths or encoded images.
        count: Their number.

    Raises:
        DataError: If most are not square, or none is readable.
    """
    fault: DataError | None = None
    first: dict[tuple[int, int], str] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    for file in itertools.islice(files, 0, None, max(1, count // FEWEST_TRIED)):
        try:
            found = _size(file)
        except DataError as problem:
            fault = fault or problem
            continue
        sizes[found] += 1
        first.setdefault(found, file if isinstance(file, str) else file.name)
    if not sizes:
        assert fault is not None, "a set has images"
        raise fault
    width, height = max(sizes, key=lambda size: (sizes[size], size[0] * size[1]))
    if width != height:
        raise DataError(
            "wrong-type",
            f"is {width} x {height} pixels, not square; give --size N to resize",
            path=first[width, height],
        )
    return width


def _size(file: str | Encoded) -> tuple[int, int]:
    from PIL import Image

    name, content = (file, None) if isinstance(file, str) else (file.name, file.content)
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            content = _content(name) if content is None else content
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return int(image.width), int(image.height)
    except (*_UNREADABLE, Image.DecompressionBombError) as problem:
        raise DataError(
            "damaged-file", f"{_why(content, problem)}; replace or remove it", path=name
        ) from problem
