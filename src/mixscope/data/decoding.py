"""Image files decoded: to RGB bytes of one size, in parallel, or one sentence that names the file.

JPEG is decoded in processes, since threads that decode in Python stand in each other's way.

What does not belong here: which files a data set has, and in which folders (formats.py).
"""

import ctypes
import itertools
import os
import signal
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread, current_thread, main_thread
from typing import Any

import numpy as np

from mixscope.errors import DataError
from mixscope.hardware import cores

BLOCK = 500  # images decoded at a time: a few MB
BLOCK_BYTES = 1 << 26  # fewer images at a time where they are large
MOST_PIXELS = 89_478_485  # of an image file, Pillow's bound: a small file may claim any number


def decoded(files: Sequence[str], size: int, exact: bool) -> Iterator[np.ndarray]:
    """Blocks of uint8 (n,3,size,size) in the order of `files`; memory is bounded by a few blocks.

    A block is overwritten after the next one is asked for. Processes decode into memory that this one shares:
    to send the pixels through a pipe took longer than to decode them.
    Raises DataError that names the file that is no sound image, or has another size although `exact`.
    """
    return in_turn([files], size, exact)[0]


def in_turn(parts: Sequence[Sequence[str]], size: int, exact: bool) -> list[Iterator[np.ndarray]]:
    """As `decoded`, of several lists one after the other: to start processes for each takes a second."""
    step = max(1, min(BLOCK, BLOCK_BYTES // (3 * size**2), max(map(len, parts), default=0)))
    blocks = [[files[i : i + step] for i in range(0, len(files), step)] for files in parts]
    ends = list(itertools.accumulate(map(len, blocks)))
    made = enumerate(_decoded([names for part in blocks for names in part], step, size, exact))

    def part(begin: int, end: int) -> Iterator[np.ndarray]:
        for expected, (at, block) in zip(range(begin, end), made, strict=False):
            assert at == expected, "lists are asked for in their order"
            yield block
        if end == ends[-1]:
            next(made, None)  # ends the processes

    return [part(end - len(each), end) for each, end in zip(blocks, ends, strict=True)]


def _decoded(blocks: Sequence[Sequence[str]], step: int, size: int, exact: bool) -> Iterator[np.ndarray]:
    pixels = 3 * size**2
    workers = min(cores(), len(blocks))
    if workers == 1:
        for names in blocks:
            yield decode(names, size=size, exact=exact)
        return
    context, ahead = get_context("spawn"), 2 * workers
    shared: Any = context.RawArray(ctypes.c_uint8, ahead * step * pixels)
    places = np.frombuffer(shared, np.uint8).reshape(ahead, step, 3, size, size)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(shared, places.shape))

    def submit(at: int) -> Future[None]:
        return pool.submit(_decode_into, at % ahead, blocks[at], exact)

    try:
        with _deaf_to_interrupts():  # all workers start with the first blocks
            waiting = [submit(at) for at in range(min(ahead, len(blocks)))]
        for at, names in enumerate(blocks):
            waiting.pop(0).result()
            yield places[at % ahead, : len(names)]
            if at + ahead < len(blocks):
                waiting.append(submit(at + ahead))
    finally:
        pool.shutdown(cancel_futures=True)


_places: np.ndarray  # of a worker: the blocks it shares with the process that started it


def _begin(shared: Any, shape: tuple[int, ...]) -> None:
    """Makes a process a worker."""
    global _places
    _places = np.frombuffer(shared, np.uint8).reshape(shape)
    _end_with_parent()


def _decode_into(place: int, files: Sequence[str], exact: bool) -> None:
    decode(files, size=_places.shape[-1], exact=exact, into=_places[place, : len(files)])


def _end_with_parent() -> None:
    """In a worker: ends it when the process that started it is killed; it would wait for work for ever."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started in the block never see Ctrl-C: this one ends them, and says so once.

    They inherit the mask. It is not enough for this process, where any other thread may be given the signal
    and a worker be left half started, which it would lament: here Ctrl-C takes effect after the block.
    """
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    ours = current_thread() is main_thread() and before is not None  # nobody else may set a handler
    if ours:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    resource_tracker.ensure_running()  # which would lift the mask
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if ours:
            signal.signal(signal.SIGINT, before)
            if came:
                signal.raise_signal(signal.SIGINT)


def decode(files: Sequence[str], *, size: int, exact: bool, into: np.ndarray | None = None) -> np.ndarray:
    """Image files as RGB, uint8 (n,3,size,size); grey becomes RGB. Other sizes are resized unless `exact`.

    into: where they go, if not into memory of their own. Raises DataError that names the file.
    """
    block = np.empty((len(files), 3, size, size), dtype=np.uint8) if into is None else into
    with _reading() as now:
        for i, name in enumerate(files):
            now.file = name
            content = _content(name)
            pixels = _jpeg(content) if content[:2] == b"\xff\xd8" else _pillow(name)
            if pixels.shape != (size, size, 3):
                if exact:
                    now.other = f"is {pixels.shape[1]} x {pixels.shape[0]} pixels, expected {size} x {size}"
                    raise ValueError(now.other)
                pixels = _resized(pixels, size)
            block[i] = pixels.transpose(2, 0, 1)
    return block


def _content(name: str) -> bytes:
    """Of a file; `open` and `read` take twice as long, a seventh of decoding a small image."""
    file = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)


@dataclass
class _Now:
    """file: which is read. other: what is wrong with it, where that is not that it cannot be decoded."""

    file: Path | str = ""
    other: str = ""


@contextmanager
def _reading() -> Iterator[_Now]:
    """Turns what the decoders say of a file that is no sound image into one sentence."""
    from PIL import Image

    now = _Now()
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            yield now
    except (
        *(ValueError, OSError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError),
        *(MemoryError, NotImplementedError, struct.error, zlib.error),
        *(Image.DecompressionBombWarning, Image.DecompressionBombError),
    ) as problem:
        if now.other:
            raise DataError(f"{now.other}", path=now.file) from None
        what = str(problem) or type(problem).__name__
        if isinstance(problem, MemoryError):
            what = "it needs more memory than there is"
        raise DataError(
            f"cannot be read as an image ({what}); replace or remove it", path=now.file
        ) from problem


def _jpeg(content: bytes) -> np.ndarray:
    import simplejpeg

    height, width, *_ = simplejpeg.decode_jpeg_header(content)
    if height * width > MOST_PIXELS:
        raise ValueError(f"it claims {width:,} x {height:,} pixels, at most {MOST_PIXELS:,} are read")
    pixels: np.ndarray = simplejpeg.decode_jpeg(content, colorspace="RGB")
    return pixels


def _pillow(name: str) -> np.ndarray:
    from PIL import Image

    with Image.open(name) as image:
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # Pillow would cut off, not scale
            raise ValueError(f"it has more than 8 bits a channel, mode {image.mode}; expected 8")
        through = "RGBA" if image.mode == "P" and "transparency" in image.info else image.mode
        return np.asarray(image.convert(through).convert("RGB"))  # Pillow warns of the short way


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def side(file: Path) -> int:
    """The side of a square image file, in pixels. Raises DataError where it is not square."""
    from PIL import Image

    with _reading() as now:
        now.file = file
        with Image.open(file) as image:
            width, height = image.size
    if width != height:
        raise DataError(f"is {width} x {height} pixels, not square; give --size N to resize", path=file)
    return int(width)
