"""Convolutions as matrix products: the same function and the same gradients as torch's."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from mixscope.study.config import Model, Train
from mixscope.training import convolution, models
from mixscope.training.convolution import Convolution

LAYOUTS = (torch.contiguous_format, torch.channels_last)


@st.composite
def cases(draw):
    size = st.integers(1, 5)
    window, stride, padding = (
        tuple(draw(st.tuples(each, each)))
        for each in (st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
    )
    height, width = (max(draw(size), w - 2 * p) for w, p in zip(window, padding, strict=True))
    channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return (draw(st.integers(1, 3)), channels[0], height, width), channels[1], window, stride, padding


@given(case=cases(), bias=st.booleans(), layout=st.sampled_from(LAYOUTS))
def test_it_is_the_convolution(case, bias, layout):
    shape, outputs, window, stride, padding = case
    torch.manual_seed(0)
    plain = nn.Conv2d(shape[1], outputs, window, stride, padding, bias=bias).double()
    ours = copy.deepcopy(plain)
    convolution.exchange(ours)
    assert type(ours) is Convolution
    plain, ours = (each.to(memory_format=layout) for each in (plain, ours))
    found = []
    for module in (plain, ours):
        torch.manual_seed(1)
        images = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
        made = module(images)
        made.backward(torch.randn(made.shape, dtype=torch.float64))
        found.append([made, images.grad, module.weight.grad, *([module.bias.grad] if bias else [])])
    for theirs, own in zip(*found, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("window", "stride", "size", "layout", "product"),
    [
        (1, 1, 1, torch.contiguous_format, True),
        (3, 1, 1, torch.contiguous_format, True),
        (3, 1, 2, torch.channels_last, True),
        (3, 2, 2, torch.channels_last, True),
        (1, 2, 8, torch.channels_last, True),
        (1, 1, 8, torch.contiguous_format, False),
        (3, 1, 4, torch.channels_last, False),
        (3, 2, 4, torch.channels_last, False),
    ],
)
def test_it_is_a_product_where_it_can_be(monkeypatch, window, stride, size, layout, product):
    module = nn.Conv2d(2, 3, window, stride, window // 2)
    convolution.exchange(module)
    calls = []
    linear = functional.linear
    monkeypatch.setattr(functional, "linear", lambda *given: calls.append(1) or linear(*given))
    made = module(torch.randn(4, 2, size, size).contiguous(memory_format=layout))
    assert bool(calls) is product
    assert made.is_contiguous(memory_format=layout)


@pytest.mark.parametrize(("window", "size"), [(1, 4), (3, 2), (1, 1)])
def test_autocast_gives_the_dtype_of_torchs(window, size):
    plain = nn.Conv2d(2, 3, window, padding=window // 2).to(memory_format=torch.channels_last)
    ours = copy.deepcopy(plain)
    convolution.exchange(ours)
    images = torch.randn(4, 2, size, size).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        found = ours(images)
        assert found.dtype == plain(images).dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), plain(images), rtol=0.05, atol=0.05)


def test_an_image_without_a_batch_is_taken():
    module = nn.Conv2d(2, 3, 1)
    image = torch.randn(2, 1, 1)
    expected = module(image)
    convolution.exchange(module)
    assert torch.equal(module(image), expected)


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
    ],
)
def test_others_are_left_alone(other):
    convolution.exchange(other)
    assert type(other) is nn.Conv2d


def test_a_network_keeps_its_state_and_its_answers():
    given = Model(arch="resnet10t", kwargs={"channels": [8, 8, 16, 16], "stem_width": 8})
    built = models.build(given, n_classes=7, image_size=32, seed=3).module.eval()
    assert sum(type(each) is Convolution for each in built.modules()) > 10
    plain = copy.deepcopy(built)
    for each in plain.modules():
        if type(each) is Convolution:
            each.__class__ = nn.Conv2d
    images = torch.randn(5, 3, 32, 32)
    assert list(plain.state_dict()) == list(built.state_dict())
    for layout in LAYOUTS:
        as_it_lies = images.contiguous(memory_format=layout)
        torch.testing.assert_close(
            built.to(memory_format=layout)(as_it_lies), plain.to(memory_format=layout)(as_it_lies)
        )


@pytest.mark.parametrize(
    ("asked", "device", "expected"),
    [
        (False, "cpu", torch.channels_last),
        (True, "cpu", torch.channels_last),
        (False, "cuda", torch.contiguous_format),
        (True, "cuda", torch.channels_last),
    ],
)
def test_memory_is_by_pixels_on_a_cpu_and_as_asked_on_a_gpu(asked, device, expected):
    assert convolution.layout(Train(channels_last=asked), torch.device(device)) is expected


def test_windows_of_a_pixel_are_products_through_a_whole_network(monkeypatch):
    """Windows of one pixel on maps of 8 x 8 are products only where memory is by pixels."""
    given = Model(arch="resnet26t", kwargs={"channels": [8, 8, 8, 8], "stem_width": 8})
    module = models.build(given, n_classes=3, image_size=32, seed=3).module
    module.to(memory_format=convolution.layout(Train(), torch.device("cpu")))
    torchs = []
    plain = nn.Conv2d.forward
    monkeypatch.setattr(
        nn.Conv2d, "forward", lambda self, x: torchs.append(self.kernel_size) or plain(self, x)
    )
    module(torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last))
    assert torchs and (1, 1) not in torchs
