"""The search for parameters, on models whose accuracy is a known function of contrast."""

import dataclasses
import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mixscope.analysis import cue_matching
from mixscope.data import cue_store, cues
from mixscope.errors import ConfigError
from mixscope.study import config as settings
from mixscope.study import matrix

START = cues.Parameters(local_contrast=20, global_contrast=60)


class Reader:
    """Reads a cue the better the higher its contrast; the other one's stands in its way."""

    def __init__(self, half: float, steep: float = 4.0, masking: float = 0.0) -> None:
        self.half, self.steep, self.masking = half, steep, masking
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, cue: str, parameters: cues.Parameters) -> float:
        self.asked.append((cue, parameters.local_contrast, parameters.global_contrast))
        own, other = (
            getattr(parameters, f"{cue}_contrast"),
            parameters.local_contrast + parameters.global_contrast,
        )
        half = self.half + self.masking * (other - own)
        return 1 / 6 + 5 / 6 / (1 + (half / own) ** self.steep)


def test_both_cues_end_within_the_tolerance_and_nothing_is_trained_twice():
    reader = Reader(half=15)
    found = cue_matching.search(reader, START, target=0.75, tolerance=0.03)
    assert found.holds and abs(found.local - 0.75) <= 0.015 and abs(found.glob - 0.75) <= 0.015
    assert len(set(reader.asked)) == len(reader.asked) == len(found.steps)
    assert abs(found.parameters.local_contrast - found.parameters.global_contrast) < 2, (
        "it finds both equally hard"
    )
    assert dataclasses.replace(found.parameters, local_contrast=20, global_contrast=60) == START


def test_cues_that_stand_in_each_others_way_are_looked_at_again():
    reader = Reader(half=8, masking=0.25)
    found = cue_matching.search(reader, START, target=0.75, tolerance=0.03)
    assert found.holds
    again = Reader(half=8, masking=0.25)
    assert (
        abs(again("local", found.parameters) - 0.75) <= 0.03
        and abs(again("global", found.parameters) - 0.75) <= 0.03
    )


@given(half=st.floats(2, 90), steep=st.floats(1, 6), target=st.floats(0.3, 0.9), begin=st.integers(1, 127))
def test_the_search_ends_next_to_the_target_wherever_it_begins(half, steep, target, begin):
    reader = Reader(half=half, steep=steep)
    right = half * ((target - 1 / 6) / (1 - target)) ** (1 / steep)
    start = dataclasses.replace(START, local_contrast=begin, global_contrast=begin)
    if not 1 < right < 126:
        return
    found = cue_matching.search(reader, start, target=target, tolerance=0.0)
    assert found.parameters.local_contrast * 8 in (math.floor(8 * right), math.ceil(8 * right))
    assert len(reader.asked) <= 2 * 30


def test_a_search_whose_steps_miss_the_target_says_so():
    found = cue_matching.search(Reader(half=3, steep=8), START, target=0.6, tolerance=0.0001)
    assert not found.holds


@pytest.mark.parametrize(
    "half, sentence", [(1000, "is not read at contrast 127"), (0.01, "is read at any contrast")]
)
def test_a_cue_that_cannot_be_matched_is_named(half, sentence):
    with pytest.raises(ConfigError, match=f"the local cue {sentence}"):
        cue_matching.search(Reader(half=half), START, target=0.75, tolerance=0.03)


def test_a_target_below_chance_is_refused():
    with pytest.raises(ConfigError, match="--target"):
        cue_matching.search(Reader(half=15), START, target=0.1, tolerance=0.03)


def test_the_experiment_is_the_one_without_mixing_and_its_set_has_parameters():
    study = matrix.load("local-global")
    run = cue_matching.run_without_mixing(study, {"model": "vit"})
    assert run.config.augment.mix == "none" and "vit" in run.config.model.arch
    assert cue_matching.start(run.config, None) == cues.BUILT_IN["cues-vit"]
    with pytest.raises(ConfigError, match=r"leaves 2 experiments .*resnet-default, vit-default"):
        cue_matching.run_without_mixing(study, {})
    with pytest.raises(ConfigError, match="digits was not made with parameters of cues"):
        cue_matching.start(settings.RunConfig(), None)


def test_what_was_found_can_be_given_to_prepare(tmp_path):
    found = cue_matching.search(Reader(half=15), START, target=0.75, tolerance=0.03)
    cue_matching.keep(found, tmp_path / "cues.yaml")
    assert cues.chosen(cues.Parameters(), tmp_path / "cues.yaml", None) == found.parameters
    assert (
        yaml.safe_load((tmp_path / "cues.yaml").read_text())["local_contrast"]
        == found.parameters.local_contrast
    )


def test_a_training_sees_one_cue_and_is_not_made_twice(tmp_path, monkeypatch):
    pairs = [
        "augment.base=none",
        "model.arch=resnet10t",
        "model.kwargs={channels: [4, 4, 4, 4], stem_width: 4}",
    ]
    config = settings.load(None, [*pairs, "train.epochs=1", "train.batch_size=16", "run.device=cpu"])
    monkeypatch.setattr(cue_matching, "TEST", 48)
    parameters, said = cues.Parameters(train=60, test=24), []
    accuracy = cue_matching.trained(config, seeds=2, work=tmp_path, say=said.append)
    first = accuracy("global", parameters)
    store = cue_matching.Store.open(tmp_path, "global-24-90")
    made = cue_store.of(store)
    assert made is not None and made.seed == 1 and made.global_predictivity == 1.0
    assert made.local_predictivity == pytest.approx(1 / 6) and made.test == 48
    runs = list((tmp_path / "runs").iterdir())
    tops = [json.loads((run / "summary.json").read_text())["results"]["test"]["last"]["top1"] for run in runs]
    assert len(runs) == 2 and first == pytest.approx(sum(tops) / 2), "the mean of two seeds"
    assert accuracy("global", parameters) == first and list((tmp_path / "runs").iterdir()) == runs
    assert said[0].startswith("global  cue alone, contrasts    24.0 and    90.0")
    assert said[0].endswith("2 seeds)")
