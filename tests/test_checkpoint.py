import copy
import io
import os
import pickle
import struct
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from torch import nn

from mixscope.errors import ConfigError, DataError
from mixscope.study import config as settings
from mixscope.training import checkpoint, optim
from mixscope.training.checkpoint import State

CONFIG = settings.load(None, ["optim.ema_decay=0.9", "optim.name=adamw"])


def made(seed=0, width=3):
    """A net with batch norm, its average and its optimiser, as they are before the first step."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width))
    return {
        "module": module,
        "ema": optim.Ema(module, 0.9),
        "optimiser": optim.make(module, CONFIG.optim),
    }


def step(parts, at=0):
    torch.manual_seed(at)
    parts["optimiser"].zero_grad()
    torch.autograd.backward(parts["module"](torch.randn(8, 4)).square().mean())
    parts["optimiser"].step()
    parts["ema"].update(parts["module"])


def bits(parts):
    buffer = {}
    for name in ("module", "ema"):
        buffer |= {f"{name}.{k}": v.clone() for k, v in parts[name].state_dict().items()}
    for i, values in parts["optimiser"].state_dict()["state"].items():
        buffer |= {f"optimiser.{i}.{k}": v.clone() for k, v in values.items()}
    return buffer


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


STATE = State(
    epoch=2,
    batch=5,
    step=17,
    sums=(0.1 + 0.2, 1 / 3, 80),
    seconds=1.5,
    best={"selected": {"epoch": 1, "top1": 9.0}},
)


def test_what_moves_comes_back_with_the_same_bits_and_goes_on_the_same_way(tmp_path):
    here = made()
    for at in range(3):
        step(here, at)
    checkpoint.save(tmp_path, STATE, config=CONFIG, **here)
    there = made(seed=1)
    content, warning = checkpoint.load(tmp_path, CONFIG)
    assert checkpoint.restore(content, **there) == STATE
    assert warning is None
    assert same(bits(here), bits(there))
    step(here, 3)
    step(there, 3)
    assert same(bits(here), bits(there))


def test_judged_weights_are_the_average(tmp_path):
    here = made()
    step(here)
    checkpoint.save(tmp_path, STATE, config=CONFIG, **here)
    checkpoint.save_weights(tmp_path, "selected", here["ema"].state_dict(), config=CONFIG, epoch=1)
    last, epoch = checkpoint.weights(tmp_path, "last")
    assert epoch == 2 and same(last, here["ema"].state_dict())
    selected, epoch = checkpoint.weights(tmp_path, "selected")
    assert epoch == 1 and same(selected, last)


def test_before_the_first_checkpoint_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path, CONFIG) == (None, None)


def test_a_save_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    here = made()
    checkpoint.save(tmp_path, STATE, config=CONFIG, **here)
    before = (tmp_path / "last.pt").read_bytes()
    monkeypatch.setattr(here["optimiser"], "state_dict", lambda: {"a": lambda: None})  # cannot be pickled
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(tmp_path, State(), config=CONFIG, **here)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert os.listdir(tmp_path) == ["last.pt"]


def test_other_settings_are_refused_by_name(tmp_path):
    checkpoint.save(tmp_path, STATE, config=CONFIG, **made())
    other = settings.load(None, ["optim.ema_decay=0.9", "optim.name=adamw", "optim.lr=0.5"])
    with pytest.raises(ConfigError, match=r"optim.lr: 0.001 -> 0.5"):
        checkpoint.load(tmp_path, other)
    moved = settings.load(None, ["optim.ema_decay=0.9", "optim.name=adamw", "run.device=cpu"])
    assert checkpoint.load(tmp_path, moved)[0] is not None


def whole(folder):
    checkpoint.save(folder, STATE, config=CONFIG, **made())
    return (folder / "last.pt").read_bytes()


@effort(deadline=None, max_examples=30)
@given(at=st.floats(0, 1, exclude_max=True))
def test_a_checkpoint_cut_anywhere_is_refused(tmp_path_factory, at):
    folder = tmp_path_factory.mktemp("cut")
    content = whole(folder)
    (folder / "last.pt").write_bytes(content[: int(at * len(content))])
    with pytest.raises(DataError, match="is no readable checkpoint"):
        checkpoint.load(folder, CONFIG)


def test_a_flipped_bit_in_any_tensor_is_seen(tmp_path):
    content = whole(tmp_path)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        tensors = [part for part in parts.infolist() if "/data/" in part.filename]
        assert len(tensors) > 5
        for part in tensors:
            name, extra = struct.unpack_from("<HH", content, part.header_offset + 26)
            damaged = bytearray(content)
            damaged[part.header_offset + 30 + name + extra] ^= 1
            (tmp_path / "last.pt").write_bytes(damaged)
            with pytest.raises(DataError, match="the checksum of"):
                checkpoint.load(tmp_path, CONFIG)


def test_a_damaged_last_checkpoint_is_reported_and_the_one_before_is_taken(tmp_path):
    here = made()
    checkpoint.save(tmp_path, State(step=1), config=CONFIG, **here)
    checkpoint.save(tmp_path, State(step=2), config=CONFIG, **here)
    (tmp_path / "last.pt").write_bytes(b"oh")
    content, warning = checkpoint.load(tmp_path, CONFIG)
    assert content["state"]["step"] == 1
    assert "going on from previous.pt" in warning and "\n" not in warning
    (tmp_path / "last.pt").unlink()  # killed between the two moves
    assert checkpoint.load(tmp_path, CONFIG)[0]["state"]["step"] == 1


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"schema": 1, "trap": Trap()}, tmp_path / "last.pt")
    with pytest.raises(DataError):
        checkpoint.load(tmp_path, CONFIG)
    (tmp_path / "last.pt").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError):
        checkpoint.load(tmp_path, CONFIG)
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_another_model_or_schema_is_refused(tmp_path):
    whole(tmp_path)
    content, _ = checkpoint.load(tmp_path, CONFIG)
    with pytest.raises(DataError, match="does not fit the model"):
        checkpoint.restore(content, **made(width=5))
    for schema, sentence in ((0, "is no checkpoint of mixscope"), (2, "by a newer mixscope .schema 2")):
        torch.save({**content, "schema": schema}, tmp_path / "last.pt")
        with pytest.raises(DataError, match=sentence):
            checkpoint.load(tmp_path, CONFIG)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("layouts", [(0, 1), (1, 0)], ids=["to pixels", "to planes"])
def test_a_run_goes_on_where_weights_lie_otherwise_in_memory(name, layouts):
    """As after a change of device: the next step is the one that would have been made."""
    formats = [(torch.contiguous_format, torch.channels_last)[i] for i in layouts]
    asked = settings.load(None, [f"optim.name={name}"]).optim
    torch.manual_seed(0)
    images = torch.randn(4, 3, 6, 6)

    def trained(module, optimiser):
        optimiser.zero_grad()
        module(images).square().mean().backward()
        optimiser.step()

    module = nn.Conv2d(3, 5, 3).to(memory_format=formats[0])
    optimiser = optim.make(module, asked)
    trained(module, optimiser)
    content = {
        "model": {k: v.clone() for k, v in module.state_dict().items()},
        "optimiser": copy.deepcopy(optimiser.state_dict()), "state": {},
    }  # fmt: skip
    other = nn.Conv2d(3, 5, 3).to(memory_format=formats[1])
    restored = optim.make(other, asked)
    checkpoint.restore(content, module=other, ema=None, optimiser=restored)
    for parts in ((module, optimiser), (other, restored)):
        trained(*parts)
    torch.testing.assert_close(other.weight, module.weight, rtol=1e-4, atol=1e-6)
