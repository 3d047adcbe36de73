"""A corpus of small odd files and folders, one of a kind, made on the spot."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

SIDE = 8


def pixels(value: int = 0) -> np.ndarray:
    """RGB, uint8 (8, 8, 3), with a bright quarter at the top left, so that turns show."""
    image = np.full((SIDE, SIDE, 3), value, np.uint8)
    image[:4, :4] = 255
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(value: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> bytes:
    return saved(Image.fromarray(pixels(value)).resize(size, Image.Resampling.NEAREST), "PNG")


def jpeg(value: int = 0) -> bytes:
    return simplejpeg.encode_jpeg(pixels(value), quality=100, colorsubsampling="444")


def turned(orientation: int, kind: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(pixels()), kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {}))


def clear(mode: str) -> bytes:
    """Wholly transparent, with another colour beneath."""
    image = Image.new("RGBA", (SIDE, SIDE), (200, 0, 0, 0))
    if mode == "P":
        return saved(Image.new("P", (SIDE, SIDE), 0), "PNG", transparency=b"\0")
    return saved(image.convert(mode), "PNG")


def animation(kind: str) -> bytes:
    frames = [Image.fromarray(pixels(value)) for value in (0, 100)]
    return saved(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if kind == "WEBP" else {}),
    )


def deep_grey(value: int) -> bytes:
    return saved(Image.fromarray(np.full((SIDE, SIDE), value, np.uint16)), "PNG")


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


# name: the file's name, its content, and a sentence of the note, or None for none.
READ: dict[str, tuple[str, bytes, str | None]] = {
    "webp": ("x.webp", saved(Image.fromarray(pixels()), "WEBP", lossless=True), None),
    "bmp": ("x.bmp", saved(Image.fromarray(pixels()), "BMP"), None),
    "tiff": ("x.TIFF", saved(Image.fromarray(pixels()), "TIFF"), None),
    "ppm": ("x.ppm", saved(Image.fromarray(pixels()), "PPM"), None),
    "still gif": ("x.gif", saved(Image.fromarray(pixels()), "GIF"), None),
    "png named jpg": ("x.jpg", png(), None),
    "16 bits": ("x.png", deep_grey(30_000), "images of 16 bits a channel, scaled to 8: 1"),
    "no end mark": (
        "x.jpg",
        jpeg()[:-2],
        "damaged or cut files, read as far as they go: 1",
    ),
    "cut jpeg": ("x.jpg", jpeg()[:-8], "damaged or cut files"),
    "padded jpeg": ("x.jpg", jpeg() + bytes(100), None),
    "exif 6": ("x.jpg", turned(6), "images turned as their EXIF orientation says: 1"),
    "exif 3 png": ("x.png", turned(3, "PNG"), "images turned"),
    "exif 8 webp": ("x.webp", turned(8, "WEBP"), "images turned"),
    "exif 6 tiff": ("x.tif", turned(6, "TIFF"), "images turned"),
    "exif 1": ("x.jpg", turned(1), None),
    "exif 77": ("x.jpg", turned(77), None),
    "rgba": ("x.png", clear("RGBA"), "images with transparent pixels, put on white: 1"),
    "la": ("x.png", clear("LA"), "images with transparent pixels"),
    "palette": ("x.png", clear("P"), "images with transparent pixels"),
    "opaque alpha": ("x.png", saved(Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 255)), "PNG"), None),
    "gif animation": (
        "x.gif",
        animation("GIF"),
        "animations and files of several pages, of which the first was taken: 1",
    ),
    "webp animation": ("x.webp", animation("WEBP"), "animations and files"),
    "png animation": ("x.png", animation("PNG"), "animations and files"),
    "tiff pages": ("x.tiff", animation("TIFF"), "animations and files"),
    "cmyk": ("x.jpg", saved(Image.new("CMYK", (SIDE, SIDE), (9, 9, 9, 9)), "JPEG"), None),
    "grey": ("x.jpg", saved(Image.new("L", (SIDE, SIDE), 9), "JPEG"), None),
    "one bit": ("x.png", saved(Image.new("1", (SIDE, SIDE), 1), "PNG"), None),
}

# name: the file's name, its content, and a sentence of the error.
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "empty": ("x.png", b"", r"cannot be read as an image \(it is empty\)"),
    "postscript": ("x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "it is a PostScript file"),
    "pdf": ("x.png", b"%PDF-1.4\n", "it is a PDF file"),
    "html": ("x.jpg", b"\n<!DOCTYPE html><html>404</html>", "it is a page or a drawing in HTML"),
    "svg": ("x.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "HTML, XML or SVG"),
    "git lfs": ("x.jpg", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    "text": ("x.png", b"not an image", r"its content is none of JPEG, PNG"),
    "half a png": ("x.png", half(png()), "cannot be read as an image"),
    "two bytes of jpeg": ("x.jpg", b"\xff\xd8", "cannot be read as an image"),
    "32 bits": ("x.tiff", saved(Image.fromarray(np.full((8, 8), 7, np.int32)), "TIFF"), "numbers of 32 bits"),
    "floats": ("x.tiff", saved(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"), "numbers of 32 bits"),
    "other size": ("x.png", png(size=(9, 8)), "is 9 x 8 pixels, expected 8 x 8; give --size N"),
    "heic": ("x.heic", b"\0\0\0\x18ftypheic", "is an image in a format that is not read"),
}


def image_folder(
    top: Path,
    *,
    splits: Sequence[str] = ("train", "test"),
    classes: Sequence[str] = ("rose", "tulip"),
    each: int = 2,
) -> Path:
    """An image folder of PNG files, 8 px; without splits the classes are at its top."""
    for split in splits or ("",):
        for value, name in enumerate(classes):
            (top / split / name).mkdir(parents=True)
            for i in range(each):
                (top / split / name / f"{i}.png").write_bytes(png(10 * value + i))
    return top


def parquet(
    file: Path,
    columns: dict[str, Sequence[object]],
    *,
    image: str = "image",
    names: dict[str, Sequence[str]] | None = None,
) -> Path:
    """A Parquet file as `datasets` writes it; bytes under `image` become structs with a path."""
    arrays = {name: pa.array(values) for name, values in columns.items() if name != image}
    structs = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(columns[image])]
    arrays[image] = pa.array(structs, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = pa.table(arrays)
    if names is not None:
        features = {name: {"names": list(some), "_type": "ClassLabel"} for name, some in names.items()}
        about = {"info": {"features": {image: {"_type": "Image"}, **features}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, row_group_size=3)
    return file


Make = Callable[[Path], Path]
