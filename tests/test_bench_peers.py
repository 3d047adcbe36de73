"""What benchmarks/peers.py compares with what, without any peer."""

import importlib.util
import math
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "peers.py"
SEEN = {
    "shape": (256, 3, 32, 32), "dtype": "torch.float32", "labels": [True], "finite": True,
    "mean": [0.0] * 3, "std": [1.0] * 3, "rim": [-0.5] * 3,
}  # fmt: skip


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("peers_script", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_row_is_compared_with_ours_of_the_same_mixing(script):
    ours = ["mixscope, none", "mixscope, mixup"]
    others = ["mixscope, array in memory, none", "a, 2 workers, mixup", "a, cutmix", "limit: b of bytes"]
    assert script.ratios([*ours, *others]) == [
        ("mixscope, none", "mixscope, array in memory, none"),
        ("mixscope, mixup", "a, 2 workers, mixup"),
        ("mixscope, none", "limit: b of bytes"),
        ("mixscope, mixup", "mixscope, none"),
    ]
    assert script.ratios(others) == []


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (256, 32, 32, 3)},
        {"finite": False},
        {"labels": [False]},
        {"mean": [0.0, 0.05, 0.0]},
        {"std": [1.0, 1.0, 0.95]},
        {"rim": [-0.43, -0.5, -0.5]},
        {"mean": [math.nan] * 3},
    ],
)
def test_a_loader_that_makes_something_else_ends_the_script(script, other):
    seen = {"mixscope, none": SEEN, "a, none": SEEN | other}
    with pytest.raises(SystemExit, match="a, none makes something else"):
        script.compare(seen)


def test_mixed_spreads_may_differ_more(script):
    script.compare({"mixscope, mixup": SEEN, "a, mixup": SEEN | {"std": [0.9] * 3}})
    with pytest.raises(SystemExit):
        script.compare({"mixscope, mixup": SEEN, "a, mixup": SEEN | {"std": [0.8] * 3}})
