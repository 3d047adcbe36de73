import numpy as np
import pytest
import torch

import small_run
from memory_store import loader_with
from mixscope.data.loader import Loader, Sampling
from mixscope.errors import Interrupted, RunFailed
from mixscope.study.config import Model, Train
from mixscope.training import models
from mixscope.training.evaluate import predict
from mixscope.training.stop import Stop

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_run.store(tmp_path_factory.mktemp("data"))


def built(**more):
    model = Model(arch="resnet10t", kwargs={"channels": [8, 8, 16, 16], "stem_width": 8})
    return models.build(model, n_classes=small_run.CLASSES, image_size=small_run.SIZE, seed=0, **more).module


def said(module, store, split, batch_size, **more):
    with loader_with(store, split, batch_size=batch_size, seed=0, val_fraction=0.2, **more) as loader:
        return predict(module, loader, device=CPU, config=Train())


def plain(module, store, split):
    """Every image by itself, without the loader."""
    stored, rows = store.rows(split, val_fraction=0.2)
    images = torch.from_numpy(np.array(store.images(stored)[rows])).double() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (store.mean, store.std))
    with torch.inference_mode():
        logits = [module.eval()(image[None]) for image in ((images - mean) / std).float()]
    return rows, store.labels(stored)[rows], torch.cat(logits).numpy()


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_every_image_is_evaluated_once_as_if_it_were_alone(store, split, batch_size):
    module = built()
    ids, labels, logits = said(module, store, split, batch_size)
    expected = plain(module, store, split)
    assert np.array_equal(ids, expected[0]) and np.array_equal(labels, expected[1])
    np.testing.assert_allclose(logits, expected[2], rtol=1e-4, atol=1e-5)
    assert ids.dtype == labels.dtype == np.int64 and logits.dtype == np.float32


def test_the_order_in_which_images_come_does_not_matter(store):
    module = built()
    straight, shuffled = said(module, store, "val", 12), said(module, store, "val", 12, shuffle=True)
    assert np.array_equal(straight[0], shuffled[0]) and np.array_equal(straight[1], shuffled[1])
    np.testing.assert_allclose(straight[2], shuffled[2], rtol=1e-4, atol=1e-5)


def test_evaluating_twice_gives_the_same_bits_and_leaves_no_trace(store):
    module = built().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first, second = said(module, store, "test", 8), said(module, store, "test", 8)
    assert np.array_equal(first[2], second[2])
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_request_to_stop_is_heard_between_batches(store):
    with (
        Loader(store, "test", Sampling(batch_size=8, seed=0)) as loader,
        pytest.raises(Interrupted, match="stopped by SIGTERM"),
    ):
        predict(built(), loader, device=CPU, config=Train(), stop=Stop("SIGTERM"))


def test_logits_that_are_not_finite_are_not_handed_on(store):
    module = built()
    next(module.parameters()).data.fill_(float("nan"))
    with pytest.raises(RunFailed, match="not finite"):
        said(module, store, "test", 8)


def test_bf16_is_near_fp32_and_handed_on_as_float32(store):
    module = built()
    with Loader(store, "test", Sampling(batch_size=8, seed=0)) as loader:
        exact = predict(module, loader, device=CPU, config=Train())[2]
        rough = predict(module, loader, device=CPU, config=Train(precision="bf16"))[2]
    assert rough.dtype == np.float32 and not np.array_equal(rough, exact)
    np.testing.assert_allclose(rough, exact, atol=0.1)
