"""Small data sets in the exact formats of the real ones, made on the spot."""

import os
import pickle
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import settings
from PIL import Image

from mixscope.data.prepare import prepare

# How long an example takes says nothing about it: the machine may be busy.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def digits_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which digits are prepared."""
    root = tmp_path_factory.mktemp("data")
    prepare("digits", root=root)
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets, where they are."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine (no ../shared/data)")
    return folder


def cifar_images(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)


@pytest.fixture
def cifar100_binary(tmp_path: Path) -> Path:
    """CIFAR-100's binary layout, 3 training and 1 test images a class; one test image is a twin."""
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name, each, seed in (("train", 3, 1), ("test", 1, 2)):
        fine = np.tile(np.arange(100, dtype=np.uint8), each)
        images = cifar_images(len(fine), seed)
        if name == "test":
            images[5] = cifar_images(300, 1)[7]
        records = np.concatenate([(fine // 5)[:, None], fine[:, None], images], axis=1)
        (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())
    (folder / "fine_label_names.txt").write_text("".join(f"fine{i}\n" for i in range(100)))
    (folder / "coarse_label_names.txt").write_text("".join(f"coarse{i}\n" for i in range(20)))
    return folder


@pytest.fixture
def cifar100_python(tmp_path: Path, cifar100_binary: Path) -> Path:
    """The same images in CIFAR-100's python layout."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test"):
        rows = np.fromfile(cifar100_binary / f"{name}.bin", dtype=np.uint8).reshape(-1, 3074)
        content = {
            b"data": rows[:, 2:],
            b"fine_labels": rows[:, 1].tolist(),
            b"coarse_labels": rows[:, 0].tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    meta = {
        b"fine_label_names": [f"fine{i}".encode() for i in range(100)],
        b"coarse_label_names": [f"coarse{i}".encode() for i in range(20)],
    }
    (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """Tiny-ImageNet's layout with 3 classes, 4 training and 2 val images each; one JPEG is grey."""
    top = tmp_path / "tiny-imagenet-200"
    wnids = ["n03", "n01", "n02"]
    rng = np.random.default_rng(0)
    (top / "val" / "images").mkdir(parents=True)
    (top / "wnids.txt").write_text("\n".join(wnids) + "\n")
    (top / "words.txt").write_text("n01\tapple, fruit\nn02\tbear\nn03\tcar\nn99\tother\n")
    notes = []
    for label, wnid in enumerate(wnids):
        images = top / "train" / wnid / "images"
        images.mkdir(parents=True)
        boxes = []
        for i in range(4):
            name = f"{wnid}_{i}.JPEG"
            pixels = np.full((64, 64, 3), 60 * label + 5 * i, np.uint8)
            if (label, i) == (1, 2):
                Image.fromarray(pixels[:, :, 0]).save(images / name, "JPEG")
            else:
                (images / name).write_bytes(simplejpeg.encode_jpeg(pixels, quality=95))
            boxes.append(f"{name}\t{i}\t1\t{i + 10}\t20\n")
        (top / "train" / wnid / f"{wnid}_boxes.txt").write_text("".join(boxes))
        for i in range(2):
            name = f"val_{label + 3 * i}.JPEG"
            noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            (top / "val" / "images" / name).write_bytes(simplejpeg.encode_jpeg(noise, quality=95))
            notes.append(f"{name}\t{wnid}\t0\t0\t30\t40\n")
    (top / "val" / "val_annotations.txt").write_text("".join(notes))
    return top


@pytest.fixture
def tiny_zip(tmp_path: Path, tiny_folder: Path) -> Path:
    archive = tmp_path / "tiny.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(tiny_folder.rglob("*")):
            file.write(path, path.relative_to(tiny_folder.parent))
    return archive


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here ({mounted.stderr.strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
