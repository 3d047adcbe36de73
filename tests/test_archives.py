"""Archives and pickles, friendly and hostile, in their real formats."""

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import pickle
import shutil
import stat
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixscope.data import archives
from mixscope.data.archives import unpack
from mixscope.data.cifar_pickle import load_cifar_pickle
from mixscope.errors import DataError

FILES = {
    "set/a.txt": b"first",
    "set/empty": b"",
    "set/deep/er/b.bin": np.random.default_rng(1).bytes(1_200_000),
    "set/block": bytes(512),
}
KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
COMPRESS = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": partial(lzma.compress, preset=0),
}
LARGE = {"max_files": 100, "max_bytes": 10_000_000}


def tar_bytes(files: dict[str, bytes], *, format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_member(name: str, **changes: object) -> bytes:
    """An archive of one header, with what is unusual about it set by name."""
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def pack(place: Path, kind: str, files: dict[str, bytes]) -> Path:
    archive = place / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            target.mkdir("set")
            for name, content in files.items():
                target.writestr(name, content)
        return archive
    archive.write_bytes(COMPRESS[kind](tar_bytes(files)))
    return archive


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, sentence: str, **bounds: int) -> None:
    """The archive is refused with this sentence, and nothing at all is left of it."""
    before = sorted(p for p in archive.parent.rglob("*"))
    with pytest.raises(DataError, match=sentence) as raised:
        unpack(archive, archive.parent / "out", **(LARGE | bounds))
    assert archive.name in str(raised.value) and "\n" not in str(raised.value)
    assert sorted(p for p in archive.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_packed_is_what_is_unpacked(tmp_path, kind):
    archive = pack(tmp_path, kind, FILES)
    seen = []
    unpack(archive, tmp_path / "out", **LARGE, progress=lambda done, total: seen.append((done, total)))
    assert tree(tmp_path / "out") == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == [archive.name, "out"]
    size = archive.stat().st_size
    assert seen[-1] == (size, size) and all(0 < done <= size and total == size for done, total in seen)
    assert len(seen) > len(FILES)  # a large file is followed while it is unpacked


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_with_folders_dots_and_long_names_is_read(tmp_path, format):
    buffer = io.BytesIO()
    long = "./set/" + "n" * 90 + "/" + "m" * 90
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for folder in (".", "./set"):
            info = tarfile.TarInfo(folder)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        info = tarfile.TarInfo(long)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    archive = tmp_path / "a.tar"
    archive.write_bytes(buffer.getvalue())
    unpack(archive, tmp_path / "out", **LARGE)
    assert tree(tmp_path / "out") == {long[2:]: b"abc"}


def test_the_first_bytes_tell_the_kind_not_the_name(tmp_path):
    pack(tmp_path, "tar.xz", FILES).rename(tmp_path / "data.zip")
    unpack(tmp_path / "data.zip", tmp_path / "out", **LARGE)
    assert tree(tmp_path / "out") == FILES


def test_unpacked_files_are_plain_whatever_modes_the_archive_gives(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_member("tool", mode=0o6777))
    unpack(archive, tmp_path / "out", **LARGE)
    assert (tmp_path / "out" / "tool").stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR) == 0


OUTSIDE = [
    "../evil",
    "set/../../evil",
    "/evil",
    "//evil",
    "..",
    "C:evil",
    "..\\evil",
    "set\\..\\..\\evil",
    "\\evil",
    "a/" * 40 + "b",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_leads_outside_is_refused(tmp_path, kind, name):
    place = tmp_path / "here"
    place.mkdir()
    refused(pack(place, kind, {"set/a": b"1", name: b"2"}), "is refused, its name")
    assert list(tmp_path.iterdir()) == [place]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="./\\ab:C\0", max_size=12))
def test_the_parts_of_a_name_never_leave_the_folder(name):
    try:
        parts = archives._parts(name, Path("archive"))
    except DataError:
        return
    place = os.path.normpath(os.path.join("/folder", *parts))
    assert place == "/folder" or place.startswith("/folder/")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc"}, "a link to an absolute path"),
        ({"type": tarfile.SYMTYPE, "linkname": "../a"}, "would link to .*, which is outside"),
        ({"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, "a link to an absolute path"),
        ({"type": tarfile.LNKTYPE, "linkname": "../etc/passwd"}, "would link to .*, which is outside"),
        ({"type": tarfile.LNKTYPE, "linkname": "set/a.txt"}, "is a link to no earlier file"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "a special file"),
        ({"type": tarfile.BLKTYPE, "devmajor": 8}, "a special file"),
        ({"type": tarfile.FIFOTYPE}, "a special file"),
        ({"type": tarfile.GNUTYPE_SPARSE}, "a sparse file"),
    ],
)
def test_links_to_the_outside_devices_and_sparse_files_in_a_tar_are_refused_by_name(tmp_path, changes, why):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_member("bad", **changes))
    refused(archive, f"member 'bad' .*{why}")


def test_a_symbolic_link_inside_a_tar_is_left_out_and_a_hard_link_is_the_file(tmp_path):
    archive = tmp_path / "a.tar"
    links = tar_member("set/latest", type=tarfile.SYMTYPE, linkname="a.txt")[:512]
    links += tar_member("set/again", type=tarfile.LNKTYPE, linkname="set/a.txt")[:512]
    archive.write_bytes(tar_bytes({"set/a.txt": b"first"})[:1024] + links + bytes(1024))
    assert unpack(archive, tmp_path / "out", **LARGE) == ["set/latest"]
    assert tree(tmp_path / "out") == {"set/a.txt": b"first", "set/again": b"first"}


def test_links_count_among_the_files_and_bytes_that_are_allowed(tmp_path):
    archive = tmp_path / "a.tar"
    hard = tar_member("again", type=tarfile.LNKTYPE, linkname="a")[:512]
    archive.write_bytes(tar_bytes({"a": b"first"})[:1024] + hard + bytes(1024))
    refused(archive, "goes beyond the bytes allowed", max_bytes=9)
    soft = b"".join(tar_member(f"l{i}", type=tarfile.SYMTYPE, linkname="a")[:512] for i in range(9))
    archive.write_bytes(soft + bytes(1024))
    refused(archive, "allowed", max_files=8)


def test_backslashes_in_a_zip_are_separators_as_the_tools_that_write_them_mean(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("set\\", b"")
        target.writestr("set\\deep\\a.txt", b"first")
    unpack(archive, tmp_path / "out", **LARGE)
    assert tree(tmp_path / "out") == {"set/deep/a.txt": b"first"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"7z\xbc\xaf\x27\x1c\0\4", "7z"), (b"Rar!\x1a\x07\x01\0", "rar"), (b"\x28\xb5\x2f\xfd\0\0", "zstd")],
)
def test_an_archive_of_a_kind_that_is_not_read_is_named(tmp_path, content, kind):
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    refused(archive, f"is a {kind} file, which is not read; unpack it yourself and give the folder")


def test_a_link_followed_by_a_file_below_it_writes_nowhere(tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    place = tmp_path / "here"
    place.mkdir()
    archive = place / "a.tar"
    link = tar_member("set", type=tarfile.SYMTYPE, linkname=str(away))[:512]
    archive.write_bytes(link + tar_bytes({"set/evil": b"x"}))
    refused(archive, "is a link to an absolute path")
    assert list(away.iterdir()) == []


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused_by_name(tmp_path, mode):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        info = zipfile.ZipInfo("bad")
        info.create_system = 3
        info.external_attr = (mode | 0o777) << 16
        target.writestr(info, "/etc/passwd")
    refused(archive, "member 'bad' is a link or a device")


def test_an_encrypted_zip_and_rare_compressions_are_refused(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as target:
        target.writestr("rare", b"x" * 1000)
    refused(archive, "'rare' is compressed in another way")
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("secret", b"x")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    refused(archive, "'secret' is encrypted")


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_comes_twice_is_refused(tmp_path, kind):
    if kind == "zip":
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w") as target, pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("same", b"1")
            target.writestr("same", b"2")
    else:
        archive = pack(tmp_path, kind, {"same": b"1", "./same": b"2"})
    refused(archive, "same' comes twice")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, kind):
    refused(pack(tmp_path, kind, {"a": b"1", "a/b": b"2"}), "'a/b' comes twice, or as a file and as a folder")


@pytest.mark.parametrize("kind", KINDS)
def test_more_bytes_or_files_than_allowed_are_refused(tmp_path, kind):
    archive = pack(tmp_path, kind, FILES)
    refused(archive, "allowed", max_bytes=1_199_999)
    refused(archive, "allowed", max_files=3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_it_fills_disk_or_memory(tmp_path, kind):
    archive = pack(tmp_path, kind, {"bomb": bytes(40_000_000)})
    tracemalloc.start()
    try:
        refused(archive, "allowed", max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def change_sizes(archive: Path, *, size: int) -> None:
    """Makes every header of a zip declare another unpacked size."""
    content = bytearray(archive.read_bytes())
    for mark, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<I", content, content.index(mark) + at, size)
    archive.write_bytes(content)


@pytest.mark.parametrize("declared", [10, 5_000_001])
def test_a_zip_member_that_lies_about_its_size_is_refused(tmp_path, declared):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("liar", bytes(5_000_000))
    change_sizes(archive, size=declared)
    refused(archive, "damaged" if declared == 10 else "'liar' declares 5,000,001 bytes and has 5,000,000")


def test_a_zip_whose_members_share_their_bytes_unpacks_to_no_more_than_allowed(tmp_path):
    """Many directory entries point at one compressed kernel: small on disk, large unpacked."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("k0", bytes(1_000_000))
        kernel = target.filelist[0]
        for i in range(1, 50):
            copy = zipfile.ZipInfo(f"k{i}")
            for slot in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(copy, slot, getattr(kernel, slot))
            target.filelist.append(copy)
            target.NameToInfo[copy.filename] = copy
    refused(archive, "declares 50 members of 50,000,000 bytes")


@pytest.mark.parametrize("size", [8_000_000, 10**15])
def test_a_tar_member_that_declares_more_than_there_is_is_refused(tmp_path, size):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_member("liar", size=size))
    refused(archive, "unexpected end of data" if size < 10**15 else "'liar' goes beyond the bytes allowed")


def test_a_tar_member_of_negative_size_does_not_send_the_reader_in_circles(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_bytes({"a": b"1"})[:1024] + tar_member("back", size=-1536))
    refused(archive, "damaged|goes beyond")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_header_of_any_length_is_not_held_in_memory(tmp_path, kind):
    archive = tmp_path / "a.tar.gz"
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 40_000_000
    archive.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(40_000_000) + bytes(1024)))
    tracemalloc.start()
    try:
        refused(archive, "a header declares 40000000 bytes")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_endless_headers_and_endless_padding_in_a_tar_end(tmp_path):
    archive = tmp_path / "a.tar.gz"
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XGLTYPE, 11
    one = header.tobuf(tarfile.GNU_FORMAT) + b"11 foo=bar\n".ljust(512, b"\0")
    archive.write_bytes(gzip.compress(one * 3_000))
    refused(archive, "damaged")
    archive.write_bytes(gzip.compress(tar_bytes({"a": b"1"}) + bytes(20_000_000)))
    refused(archive, "it unpacks to more than")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path, kind, share):
    archive = pack(tmp_path, kind, FILES)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    # The last blocks of a tar are padding: without them it is whole.
    if kind == "tar" and share == 0.999:
        content = content.rstrip(b"\0")
        archive.write_bytes(content)
    refused(archive, "damaged or truncated")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_flipped_byte_is_found_by_the_archive_s_own_checksums(tmp_path, kind, share):
    files = {"set/a": np.random.default_rng(2).bytes(200_000)}
    archive = pack(tmp_path, kind, files)
    content = bytearray(archive.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    archive.write_bytes(content)
    refused(archive, "damaged|declares|allowed|compressed|encrypted|refused")


def test_a_broken_header_in_the_middle_of_a_tar_is_not_taken_for_its_end(tmp_path):
    archive = tmp_path / "a.tar"
    content = bytearray(tar_bytes({"a": b"1", "b": b"2"}))
    content[1024 + 10] ^= 1
    archive.write_bytes(content)
    refused(archive, "without an end mark")


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_mangled_archive_gives_one_sentence_or_the_files(tmp_path_factory, kind, data):
    place = tmp_path_factory.mktemp("mangled")
    archive = pack(place, kind, {"set/a": b"first" * 50, "set/b": b"second"})
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    try:
        unpack(archive, place / "out", max_files=10, max_bytes=100_000)
    except DataError as error:
        assert "\n" not in str(error)
        assert sorted(p.name for p in place.iterdir()) == [archive.name]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff\xe0 a photograph", b"PK\3\4", b"\x1f\x8b", b"x" * 5000]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    archive = tmp_path / "photo.zip"
    archive.write_bytes(content)
    refused(archive, "is no zip, tar, tar.gz, tar.bz2 or tar.xz archive")


def test_an_archive_that_is_not_there_is_an_error_of_the_data(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        unpack(tmp_path / "gone.zip", tmp_path / "out", **LARGE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_left_alone(tmp_path):
    archive = pack(tmp_path, "zip", FILES)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="already exists"):
        unpack(archive, tmp_path / "out", **LARGE)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_too_little_space_is_found_before_writing(tmp_path, kind):
    archive = tmp_path / f"a.{kind}"
    size = 4_000_000_000_000_000
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr("huge", b"x")
            target.filelist[0].file_size = size
            target.filelist[0].compress_size = size
    else:
        archive.write_bytes(COMPRESS[kind](tar_member("huge", size=size)))
    with pytest.raises(DataError, match="are needed on this disk"):
        unpack(archive, tmp_path / "out", max_files=10, max_bytes=10**16)
    assert list(tmp_path.iterdir()) == [archive]


def test_members_that_fit_one_by_one_but_not_together_are_refused_before_writing(tmp_path):
    archive = tmp_path / "a.zip"
    half = shutil.disk_usage(tmp_path).free * 6 // 10
    with zipfile.ZipFile(archive, "w") as target:
        for name in ("one", "two"):
            target.writestr(name, b"x")
            target.filelist[-1].file_size = half
    with pytest.raises(DataError, match=f"^{tmp_path}: .* are needed on this disk"):
        unpack(archive, tmp_path / "out", max_files=10, max_bytes=10**16)
    assert list(tmp_path.iterdir()) == [archive]


def test_a_zip_with_an_empty_name_an_unknown_version_or_an_offset_beyond_all_is_refused(tmp_path):
    for slot, value in (("filename", "\0"), ("extract_version", 255), ("header_offset", 2**64 - 1)):
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr("a", b"x")
            setattr(target.filelist[0], slot, value)
        refused(archive, "damaged or truncated")


def test_a_tar_is_read_forward_only():
    meter = archives._Meter(io.BytesIO(bytes(1000)), 1000)
    assert meter.seek(600) == meter.tell() == 600
    with pytest.raises(tarfile.ReadError, match="backwards"):
        meter.seek(599)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    archive = pack(tmp_path, "tar.gz", FILES)
    opened = Path.open

    def full(self: Path, mode: str = "r", *more: object) -> object:
        if mode == "xb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *more)

    monkeypatch.setattr(Path, "open", full)
    refused(archive, "member 'set/a.txt' cannot be written: No space left")


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_unpacking_leaves_nothing_that_looks_finished(tmp_path, kind):
    archive = pack(tmp_path, kind, FILES)

    def interrupt(done: int, total: int | None) -> None:
        assert not (tmp_path / "out").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out", **LARGE, progress=interrupt)
    assert list(tmp_path.iterdir()) == [archive]


# --- CIFAR's pickles


class Python2Pickle:
    """Writes as Python 2's cPickle did under protocol 2: byte strings, and a memo that counts from 1."""

    def __init__(self) -> None:
        self.memo = 0

    def put(self) -> bytes:
        self.memo += 1
        return b"q" + bytes([self.memo]) if self.memo < 256 else b"r" + struct.pack("<I", self.memo)

    def string(self, text: bytes) -> bytes:
        head = b"U" + bytes([len(text)]) if len(text) < 256 else b"T" + struct.pack("<I", len(text))
        return head + text + self.put()

    def number(self, value: int) -> bytes:
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return b"M" + struct.pack("<H", value) if 0 <= value < 65536 else b"J" + struct.pack("<i", value)

    def array(self, value: np.ndarray) -> bytes:
        rows, columns = value.shape
        code = value.dtype.str.encode()
        return b"".join(
            [
                b"cnumpy.core.multiarray\n_reconstruct\n" + self.put() + b"cnumpy\nndarray\n" + self.put(),
                b"K\0\x85" + self.put() + self.string(b"b") + b"\x87" + self.put() + b"R" + self.put(),
                b"(K\1" + self.number(rows) + self.number(columns) + b"\x86" + self.put(),
                b"cnumpy\ndtype\n" + self.put() + self.string(code[1:]) + b"K\0K\1\x87" + self.put(),
                b"R" + self.put() + b"(K\3" + self.string(code[:1]) + b"NNN",
                self.number(-1) + self.number(-1) + b"K\0t" + self.put() + b"b\x89",
                self.string(value.tobytes()) + b"t" + self.put() + b"b",
            ]
        )

    def write(self, value: object) -> bytes:
        match value:
            case bytes():
                return self.string(value)
            case int():
                return self.number(value)
            case np.ndarray():
                return self.array(value)
            case list():
                return b"]" + self.put() + b"(" + b"".join(map(self.write, value)) + b"e"
            case dict():
                head = b"}" + self.put() + b"("
                return head + b"".join(self.string(k) + self.write(v) for k, v in value.items()) + b"u"
        raise TypeError(value)


def python2(value: object) -> bytes:
    return b"\x80\2" + Python2Pickle().write(value) + b"."


def load(place: Path, content: bytes) -> dict:
    path = place / "train"
    path.write_bytes(content)
    return load_cifar_pickle(path)


NAMES = b"airplane automobile bird cat deer dog frog horse ship truck".split()
IMAGES = np.random.default_rng(3).integers(0, 256, (300, 3072), dtype=np.uint8)
BATCH = {
    b"filenames": [b"%05d.png" % i for i in range(300)],
    b"batch_label": b"training batch 1 of 1",
    b"fine_labels": [i % 100 for i in range(300)],
    b"data": IMAGES,
}


def test_the_published_file_of_cifar10_s_names_is_read(tmp_path):
    content = python2({b"num_cases_per_batch": 10_000, b"label_names": NAMES, b"num_vis": 3072})
    # The checksum of the file in the published archive: our writer makes that very file.
    assert hashlib.md5(content).hexdigest() == "5ff9c542aee3614f3951f8cda6e48888"
    assert load(tmp_path, content) == {"num_cases_per_batch": 10_000, "label_names": NAMES, "num_vis": 3072}


def same(found: dict, expected: dict) -> bool:
    return found.keys() == {key.decode() for key in expected} and all(
        np.array_equal(found[key.decode()], value) for key, value in expected.items()
    )


def test_a_batch_as_python_2_wrote_it_is_read(tmp_path):
    found = load(tmp_path, python2(BATCH))
    assert same(found, BATCH) and found["data"].dtype == np.uint8 and not found["data"].flags.writeable


@pytest.mark.filterwarnings("ignore")  # the reference warns about Python 2's dtypes; our reader must not
def test_python_s_own_unpickler_reads_the_same(tmp_path):
    content = python2(BATCH)
    theirs = pickle.loads(content, encoding="bytes")
    assert same(load(tmp_path, content), theirs)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("old", [False, True])
def test_a_batch_that_python_3_wrote_again_is_read(tmp_path, protocol, old):
    content = pickle.dumps(BATCH, protocol=protocol)
    if old and protocol < 4:  # as numpy 1 spelled it
        content = content.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert same(load(tmp_path, content), BATCH)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<i8", "<f4", ">f8", "?"])
def test_arrays_of_every_kind_of_number_and_order_are_read(tmp_path, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    assert np.array_equal(load(tmp_path, pickle.dumps({"a": array}, protocol=2))["a"], array)
    fortran = np.asfortranarray(array)
    assert np.array_equal(load(tmp_path, pickle.dumps({"a": fortran}, protocol=2))["a"], array)


class Calls:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_would_run_a_command_runs_nothing(tmp_path, protocol):
    proof = tmp_path / "proof"
    for attack in (
        Calls(os.system, f"touch {proof}"),
        Calls(eval, f"open({str(proof)!r}, 'w')"),
        Calls(exec, f"open({str(proof)!r}, 'w')"),
        Calls(os.mkdir, str(proof)),
        Calls(np.save, str(proof), b"x"),
    ):
        for content in ({b"data": attack}, attack, [attack]):
            with pytest.raises(DataError, match="is no CIFAR pickle, or is damaged or hostile"):
                load(tmp_path, pickle.dumps(content, protocol=protocol))
    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    [
        b"os\nsystem",
        b"posix\nsystem",
        b"__builtin__\neval",
        b"builtins\neval",
        b"numpy\nload",
        b"numpy.core.multiarray\nfromfile",
        b"numpy.core.multiarray\n_reconstruct.__globals__",
        b"_codecs\nlookup",
    ],
)
def test_a_name_that_is_not_needed_is_refused_and_told(tmp_path, name):
    told = name.replace(b"\n", b".").decode()
    with pytest.raises(DataError, match=f"it names '{told}', which no CIFAR file needs"):
        load(tmp_path, b"\x80\2}U\4datac" + name + b"\n(U\2idtRs.")


@pytest.mark.parametrize(
    "body",
    [
        b"cnumpy\nndarray\n(K\1tR",  # a new array, not by way of _reconstruct
        b"cnumpy\ndtype\n(U\1OtR",  # a type that is no array
        b"c_codecs\nencode\n(X\1\0\0\0aX\5\0\0\0rot13tR",  # another codec
        b"cnumpy\nndarray\n}U\1aK\1sb",  # fills in a class
        b"]}b",  # fills in a list
        b"cnumpy\ndtype\n",  # a bare name
        b"]]a",  # a nested list
        b"}",  # a nested dictionary
        b"N",
    ],
)
def test_objects_that_no_cifar_file_has_are_refused(tmp_path, body):
    with pytest.raises(DataError, match="is no CIFAR pickle"):
        load(tmp_path, b"\x80\2}U\4data" + body + b"s.")


def array_pickle(*, code: bytes, shape: bytes, content: bytes) -> bytes:
    dtype = (
        b"cnumpy\ndtype\n(U"
        + bytes([len(code)])
        + code
        + b"K\0K\1tR(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\1btR"
    state = b"(K\1(" + shape + b"t" + dtype + b"\x89U" + bytes([len(content)]) + content + b"tb"
    return b"\x80\2}U\4data" + start + state + b"s."


def test_an_array_of_objects_or_of_another_length_is_refused(tmp_path):
    assert load(tmp_path, array_pickle(code=b"u1", shape=b"K\2", content=b"ab"))["data"].tolist() == [97, 98]
    for code, shape in (
        (b"O8", b"K\1"),
        (b"V8", b"K\1"),
        (b"u1", b"K\7"),
        (b"u1", b"J\xff\xff\xff\x7fK\7"),
        (b"u1", b"N"),
    ):
        with pytest.raises(DataError, match="is no CIFAR pickle"):
            load(tmp_path, array_pickle(code=code, shape=shape, content=b"12345678"))


def test_a_pickle_that_encodes_one_text_over_and_over_is_refused(tmp_path):
    text = b"X" + struct.pack("<I", 50_000) + b"a" * 50_000
    again = b"h\1h\2X\6\0\0\0latin1\x86R"
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="encodes more text than it has"):
            load(tmp_path, b"\x80\2c_codecs\nencode\nq\1" + text + b"q\2" + again * 3_000 + b".")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_small_pickle_cannot_fill_the_memory(tmp_path):
    memo = b"\x80\2}r\xff\xff\xff\xff."  # a memo of four thousand million places
    assert load(tmp_path, memo) == {}
    claims = b"\x80\2}U\4dataT\xff\xff\xff\x7fabc"  # a string of two thousand million bytes
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            load(tmp_path, claims)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_name_with_a_broken_escape_is_refused_without_a_warning(tmp_path):
    with warnings.catch_warnings(record=True) as warned, pytest.raises(DataError, match="is no CIFAR pickle"):
        warnings.simplefilter("always")
        load(tmp_path, b"\x80\2}U\4datacnum\\py\ndtype\ns.")
    assert warned == []


def test_deep_and_circular_pickles_are_refused(tmp_path):
    deep = b"\x80\2})" + b"\x85" * 200_000 + b"K\1s."
    circle = b"\x80\2}U\4data]q\1h\1as."
    for content in (deep, circle):
        with pytest.raises(DataError, match="is no CIFAR pickle"):
            load(tmp_path, content)


@pytest.mark.parametrize("keep", [0, 1, 2, 10, 300, -1])
def test_a_truncated_pickle_is_refused(tmp_path, keep):
    with pytest.raises(DataError, match="is no CIFAR pickle"):
        load(tmp_path, python2(BATCH)[:keep])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mangled_pickle_gives_one_sentence_or_plain_values(tmp_path_factory, data):
    small = python2({b"labels": [1, 2, 3], b"data": np.eye(2, dtype=np.uint8), b"name": b"x"})
    content = bytearray(small)
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = load(tmp_path_factory.getbasetemp(), bytes(content))
    except DataError:
        return
    assert all(isinstance(value, np.ndarray | bytes | str | int | list) for value in found.values())


def test_a_pickle_that_is_missing_or_far_too_large_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        load_cifar_pickle(tmp_path / "gone")
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DataError, match="no CIFAR file has more"):
        load_cifar_pickle(huge)
