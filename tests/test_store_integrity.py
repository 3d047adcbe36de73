"""What a store is tied to: replaced, changed, truncated or claimed by two processes, it is noticed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mixscope import cli
from mixscope.data import disk, store
from mixscope.data.content import Content, Split
from mixscope.data.loader import Loader, Sampling
from mixscope.data.prepare import prepare
from mixscope.data.store import Store
from mixscope.data.store_writer import verify, write
from mixscope.errors import DataError


def content(value: int = 0, **changes: object) -> Content:
    """Two classes, two images each and split, of one grey value a set."""
    images = np.full((4, 3, 8, 8), value, np.uint8)
    images[:, :, 0, 0] = np.arange(4)[:, None]
    labels = np.array([0, 1, 0, 1])
    splits = {s: Split(count=4, images=[images], labels=labels) for s in ("train", "test")}
    return Content(**({"size": 8, "class_names": ("a", "b"), "splits": splits} | changes))


def made(root: Path, name: str = "set", value: int = 0, **changes: object) -> Store:
    return write(content(value, **changes), root=root, name=name, source={}, progress=None)


def edit(root: Path, name: str = "set", **changes: object) -> None:
    file = root / name / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, **changes}))


# --- the digest ---------------------------------------------------------------------------------


def test_the_digest_covers_what_runs_depend_on_and_neither_name_nor_source(tmp_path):
    plain = made(tmp_path)
    assert made(tmp_path, "other").digest == plain.digest
    digests = {
        plain.digest,
        made(tmp_path, "pixels", value=1).digest,
        made(tmp_path, "names", class_names=("a", "c")).digest,
        made(tmp_path, "super", superclass_names=("x",), superclass_of=(0, 0)).digest,
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [0.5, 0.5, 0.5]},
        {"std": [0.5, 0.5, 0.5]},
        {"split_seed": 7},
        {"class_names": ["b", "a"]},
        {"superclass_names": ["x"], "superclass_of": [0, 0]},
    ],
)
def test_a_manifest_edited_after_preparing_is_refused_when_it_is_opened(tmp_path, changes):
    made(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(DataError, match=r"manifest\.json: has changed since set was prepared"):
        Store.open(tmp_path, "set")


@pytest.mark.parametrize("mean", [[1e300] * 3, [-0.1, 0.5, 0.5], [float("nan")] * 3, [10**400] * 3])
def test_a_mean_that_no_image_has_is_refused(tmp_path, mean):
    made(tmp_path)
    edit(tmp_path, mean=mean)
    with pytest.raises(DataError, match=r"manifest\.json: mean is missing or is not what it should be"):
        Store.open(tmp_path, "set")


def as_before(root: Path, name: str = "set") -> str:
    """Turns a store into one that version 0.1.0 prepared; returns the digest that it had then."""
    file = root / name / "manifest.json"
    manifest = json.loads(file.read_text())
    arrays = dict(sorted(manifest["arrays"].items()))
    digest = hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest()
    del manifest["arrays_digest"]
    file.write_text(json.dumps({**manifest, "digest": digest}))
    (root / name / "checked.json").unlink()
    return digest


def test_a_store_of_version_0_1_0_is_read_and_its_digest_is_recognised_in_a_new_one(tmp_path):
    new = made(tmp_path)
    digest = as_before(tmp_path)
    old = verify("set", root=tmp_path)
    assert old.digest == digest != new.digest
    assert new.has_digest(digest) and new.has_digest(new.digest) and old.has_digest(digest)
    assert not old.has_digest(new.digest) and not new.has_digest("0" * 64)
    old.check()
    edit(tmp_path, arrays={**old.manifest["arrays"], "test-labels.npy": "0" * 64})
    with pytest.raises(DataError, match="its digest differs"):
        Store.open(tmp_path, "set")


def test_verify_computes_mean_and_deviation_of_an_old_store_again(tmp_path):
    made(tmp_path)
    as_before(tmp_path)
    edit(tmp_path, std=[0.25, 0.25, 0.25])
    with pytest.raises(
        DataError, match=r"its std is \[0\.25, 0\.25, 0\.25\], the training images have \[0\.0"
    ):
        verify("set", root=tmp_path)


# --- bytes --------------------------------------------------------------------------------------


def flip(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("array", ["train-images.npy", "test-images.npy"])
def test_a_flipped_byte_is_found_by_the_check_at_the_start_of_a_run(tmp_path, array, old):
    made(tmp_path)
    if old:
        as_before(tmp_path)
        Store.open(tmp_path, "set").check()
    flip(tmp_path / "set" / array)
    for _ in range(2):  # it is not forgotten
        with pytest.raises(DataError, match=rf"{array}: has changed since it was prepared"):
            Store.open(tmp_path, "set").check()


def test_the_check_reads_only_what_changed_since_it_was_last_read(tmp_path, monkeypatch):
    made(tmp_path)
    read = []
    sha256 = store._sha256
    monkeypatch.setattr(store, "_sha256", lambda file: read.append(file.name) or sha256(file))
    Store.open(tmp_path, "set").check()
    assert read == []
    (tmp_path / "set" / "test-images.npy").touch()
    Store.open(tmp_path, "set").check()
    assert read == ["test-images.npy"]
    Store.open(tmp_path, "set").check()
    shutil.copytree(tmp_path / "set", tmp_path / "copy")
    Store.open(tmp_path, "copy").check()
    Store.open(tmp_path, "copy").check()
    assert sorted(read[1:]) == sorted(file.name for file in (tmp_path / "copy").glob("*.npy"))


@pytest.mark.parametrize("kept", [b"", b"[]", b"{", b'{"train-images.npy": 7}', b"[" * 100_000])
def test_a_damaged_note_of_what_was_checked_only_costs_time(tmp_path, kept):
    made(tmp_path)
    (tmp_path / "set" / "checked.json").write_bytes(kept)
    Store.open(tmp_path, "set").check()
    assert json.loads((tmp_path / "set" / "checked.json").read_bytes()).keys() >= {"train-images.npy"}


def test_a_store_that_is_replaced_while_a_run_trains_gives_it_the_images_it_began_with(tmp_path):
    before = made(tmp_path, value=1)
    shutil.rmtree(tmp_path / "set")
    after = made(tmp_path, value=200)
    assert before.images("test")[0, 0, 1, 1] == 1 and after.images("test")[0, 0, 1, 1] == 200
    assert before.digest != after.digest


def test_a_store_that_is_replaced_while_it_is_opened_is_refused(tmp_path, monkeypatch):
    made(tmp_path, value=1)
    made(tmp_path, "next", value=200)
    mapped = Store._mapped

    def swap(self: Store, name: str) -> np.ndarray:
        if (tmp_path / "next").exists():
            shutil.rmtree(tmp_path / "set")
            (tmp_path / "next").rename(tmp_path / "set")
        return mapped(self, name)

    monkeypatch.setattr(Store, "_mapped", swap)
    with pytest.raises(DataError, match="was replaced while it was opened; start again"):
        Store.open(tmp_path, "set")


def test_a_file_that_is_truncated_while_it_is_mapped_is_noticed_before_it_is_read(tmp_path):
    opened = made(tmp_path)
    opened.whole()
    os.truncate(tmp_path / "set" / "train-images.npy", 200)
    with pytest.raises(DataError, match=r"train-images\.npy: was cut short while it was in use"):
        opened.whole()


@pytest.mark.parametrize("file", ["manifest.json", "test-labels.npy"])
def test_what_may_not_be_read_is_not_advised_to_be_deleted(tmp_path, monkeypatch, file):
    made(tmp_path)
    opened = open

    def refuse(name: object, *more: object, **named: object) -> object:
        if str(name).endswith(file):
            raise PermissionError(13, "Permission denied", str(name))
        return opened(name, *more, **named)

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    with pytest.raises(
        DataError, match=rf"{file}: may not be read \(Permission denied\); ask its owner"
    ) as e:
        Store.open(tmp_path, "set")
    assert "delete" not in str(e.value)


HEADER = b"\x93NUMPY\x01\x00v\x00"
DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"more",
    "zeros": lambda content: bytes(len(content)),
    "another format": lambda content: b"PK\3\4" + content[4:],
    "a pickle": lambda content: b"\x80\4." + content,
    "an open bracket": lambda content: (HEADER + b"{'descr': (".ljust(117) + b"\n") + content[128:],
    "a header of objects": lambda content: content.replace(b"|u1", b"|O8").replace(b"<i8", b"|O8"),
    "a shape of 4 TB": lambda content: content.replace(b"'shape': (4,", b"'shape': (4000000000000,"),
    "a shape below 0": lambda content: content.replace(b"'shape': (4,", b"'shape': (-4,"),
    "a huge header": lambda content: content[:8] + b"\xff\xff" + content[10:],
    "deep brackets": lambda content: (HEADER + (b"(" * 117) + b"\n") + content[128:],
    "bytes that are no text": lambda content: (HEADER + b"\xff" * 118) + content[128:],
}


@pytest.mark.filterwarnings("ignore:Reading `.npy`")
@pytest.mark.parametrize("file", ["manifest.json", "train-images.npy", "test-labels.npy"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_of_a_store_is_one_sentence_and_exit_code_4(tmp_path, capsys, file, kind):
    made(tmp_path)
    place = tmp_path / "set" / file
    content = place.read_bytes()
    damaged = DAMAGE[kind](content)
    place.write_bytes(damaged)
    code = cli.main(["data", "verify", "set", "--root", str(tmp_path)])
    err = capsys.readouterr().err
    if damaged == content:  # of a manifest, which is no array
        assert code == 0
    else:
        assert code == 4 and file in err and err.count("\n") == 1, err


# --- what may be stored -------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("a", "\x1b[31mred"), ("a", "b\n"), ("a", "\ud800"), ("a", " ")])
def test_class_names_with_control_characters_or_none_are_refused(tmp_path, names):
    with pytest.raises(DataError, match=r"a class is named .*, expected text without control characters"):
        made(tmp_path, class_names=names)
    assert list(tmp_path.iterdir()) == []


def test_more_classes_than_can_be_evaluated_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(DataError, match="has 100,000 classes, at most 25,000 can be evaluated"):
        made(tmp_path, class_names=tuple(map(str, range(100_000))))


def test_a_limit_of_images_a_class_beyond_any_number_keeps_them_all(tmp_path):
    stored, rows = made(tmp_path).rows("train", val_fraction=0.0, per_class=10**30)
    assert stored == "train" and rows.tolist() == [0, 1, 2, 3]


# --- two at once --------------------------------------------------------------------------------


def test_of_two_processes_that_prepare_one_name_one_is_refused_and_nothing_is_lost(tmp_path, cifar100_binary):
    inside, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int | None) -> None:
        inside.set()
        assert go_on.wait(60)

    first = threading.Thread(
        target=prepare,
        args=("cifar100",),
        kwargs={"root": tmp_path, "source": cifar100_binary, "progress": wait},
    )
    first.start()
    try:
        assert inside.wait(60)
        program = (
            "import sys; from pathlib import Path; from mixscope.data import disk\n"
            "with disk.appearing(Path(sys.argv[1])): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "cifar100")], capture_output=True, text=True
        )
        assert "DataError" in done.stderr and "another process is making it; wait until" in done.stderr
    finally:
        go_on.set()
        first.join()
    assert verify("cifar100", root=tmp_path).n_classes == 100
    assert not list(tmp_path.glob(".*"))


def test_a_folder_of_the_user_s_own_is_never_replaced(tmp_path, cifar100_binary):
    root = cifar100_binary.parent
    (root / "cifar100").mkdir()
    (root / "cifar100" / "my-only-copy.tar").write_bytes(b"x")
    with pytest.raises(
        DataError, match="cifar100: already exists and is not a prepared data set; move it away"
    ):
        prepare("cifar100", root=root, source=cifar100_binary)
    assert (root / "cifar100" / "my-only-copy.tar").read_bytes() == b"x"
    assert prepare("cifar100", root=root, source=cifar100_binary, called="other").n_classes == 100


def test_what_a_process_with_our_number_left_when_it_was_killed_blocks_nothing(tmp_path, cifar100_binary):
    """As in a container, where every process is number 1."""
    for name in (f".cifar100.{os.getpid()}.making", ".cifar100.making/unpacked", ".cifar100.1.making"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".cifar100.lock").write_text("")
    (tmp_path / ".cifar100.b.making").mkdir()  # of another data set
    prepare("cifar100", root=tmp_path, source=cifar100_binary)
    assert [file.name for file in tmp_path.glob(".*")] == [".cifar100.b.making"]


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_again(tmp_path, monkeypatch):
    lock = tmp_path / ".set.lock"
    samestat, seen = os.path.samestat, []

    def removed(*about: os.stat_result) -> bool:
        if not seen:
            seen.append(1)
            return False
        return samestat(*about)

    monkeypatch.setattr(disk.os.path, "samestat", removed)
    taken = disk._taken(lock)
    assert taken.is_locked and seen
    taken.release()


# --- what a system allows -----------------------------------------------------------------------


def test_a_limit_on_the_size_of_files_is_named(tmp_path):
    command = (
        f"ulimit -f 100; exec {sys.executable} -m mixscope data prepare digits --root {tmp_path / 'root'}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 4 and done.stderr.count("\n") == 1
    assert "a file would be larger than this shell allows; raise `ulimit -f`" in done.stderr
    assert list((tmp_path / "root").iterdir()) == []


def test_a_store_that_others_may_not_read_is_listed_and_said_when_it_is_opened(tmp_path, monkeypatch):
    made(tmp_path)
    is_file = Path.is_file

    def refuse(self: Path) -> bool:
        if self.name == "manifest.json":
            raise PermissionError(13, "Permission denied", str(self))
        return is_file(self)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert store.is_prepared(tmp_path, "set")


def test_a_data_folder_that_may_not_be_read_is_refused_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match=f"^{tmp_path}: may not be read; ask its owner"):
        store.names(tmp_path)


# --- the loader ---------------------------------------------------------------------------------


def batches(opened: Store) -> Loader:
    return Loader(opened, "train", Sampling(batch_size=2, seed=0))


def test_an_epoch_over_a_truncated_file_is_refused_before_it_is_read(tmp_path):
    with batches(made(tmp_path)) as loader:
        assert len(list(loader)) == 2
        os.truncate(tmp_path / "set" / "train-images.npy", 200)
        with pytest.raises(DataError, match="was cut short while it was in use"):
            next(iter(loader))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_of_a_process_with_a_loader_gets_an_error_and_does_not_wait_for_ever(tmp_path):
    with batches(made(tmp_path)) as loader:
        some = iter(loader)
        next(some)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                next(some)
            except RuntimeError as problem:
                code = 0 if "make a loader of its own in each process" in str(problem) else 2
            finally:
                loader.close()
                os._exit(code)
        for _ in range(600):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.1)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
        assert done and status == 0
        assert len(list(some)) == 1, "the parent goes on"
