"""What a study needs and a machine lacks is found before the first run, all at once."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import made_study
import stand_in_weights
from mixscope import cli, i18n
from mixscope.errors import DataError, RunFailed
from mixscope.findings import Finding
from mixscope.runs import weights_check
from mixscope.studies import requirements as needs
from mixscope.studies import start_check
from mixscope.studies.estimate import Estimate
from mixscope.studies.status import standings
from mixscope.study import matrix
from mixscope.training import weights

ARCH = "resnet10t"
STUDY = {
    "name": "s",
    "base": {"train.epochs": 1, "model.arch": ARCH, "run.device": "cpu"},
    "factors": {
        "data": {"digits": {"data.name": "digits"}, "c100": {"data.name": "cifar100"}},
        "pretrained": {"scratch": {}, "file": {"model.pretrained": "nowhere/w.safetensors"}},
    },
    "seeds": [0, 1],
}


def found_in(tmp_path, tree, root, *, costs=None, slots=1):
    runs = matrix.parse(json.dumps(tree), file="s.yaml").expand()
    found = standings(runs, tmp_path / "out")
    room = needs.resources(found, [costs or Estimate()] * len(found), out=tmp_path / "out", slots=slots)
    return [*needs.things(found, root), *room]


def digits(pretrained=None, **base):
    tree = {
        **STUDY,
        "base": {**STUDY["base"], "data.name": "digits", **base},
        "factors": {"model": {"a": {}}},
    }
    if pretrained is not None:
        tree["base"]["model.pretrained"] = str(pretrained)
    return tree


def test_all_that_is_missing_is_reported_at_once_and_nothing_is_started(tmp_path, capsys):
    file, out = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(json.dumps(STUDY))
    words = ["study", "run", str(file), "--out", str(out), "--root", str(tmp_path)]
    assert cli.main(words) == 4
    said = capsys.readouterr().err
    assert "3 things are missing" in said, said
    for part in ("data prepare digits", "data prepare cifar100", "nowhere/w.safetensors does not exist"):
        assert said.count(part) == 1, said
    assert not out.exists()


def test_plan_shows_what_is_missing_and_goes_on(tmp_path, capsys):
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(STUDY))
    words = ["study", "plan", str(file), "--no-probe", "--root", str(tmp_path)]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.count("missing   ") == 3
    assert cli.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["missing"]
    assert [f["code"] for f in told] == ["missing-data", "missing-data", "missing-weights"]


def test_a_dry_run_tells_what_is_missing_and_what_to_do_instead(tmp_path, capsys):
    file, out = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(json.dumps(STUDY))
    words = ["study", "run", str(file), "--out", str(out), "--root", str(tmp_path), "--dry-run"]
    assert cli.main(words) == 0
    said, err = capsys.readouterr()
    assert err == "" and said.count("missing   ") == 3, said
    for part in ("data prepare digits", "data prepare cifar100", "nowhere/w.safetensors does not exist"):
        assert said.count(part) == 1, said
    assert "  --only pretrained=scratch: " in said and "  mixscope study run quickstart: " in said
    assert said.endswith("a start is refused until nothing is missing\n")
    assert cli.main([*words, "--lang", "ko"]) == 0
    assert capsys.readouterr().out.count("부족      ") == 3
    assert not out.exists()


@pytest.mark.parametrize("verb", [["run", "--dry-run"], ["plan", "--no-probe"]])
def test_a_script_can_read_whether_the_study_would_start(tmp_path, digits_root, capsys, verb):
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(digits()))
    words = ["study", *verb, str(file), "--out", str(tmp_path / "out"), "--json", "--root"]
    told = {}
    for root in (digits_root, tmp_path):
        assert cli.main([*words, str(root)]) == 0
        told[root] = json.loads(capsys.readouterr().out)["can_start"]
    assert told == {digits_root: True, tmp_path: False}


def test_advice_to_leave_out_weights_names_a_level_without_them(tmp_path):
    both = matrix.parse(json.dumps(STUDY), file="s.yaml").expand()
    all_of_them = [run for run in both if run.levels["pretrained"] == "file"]
    assert start_check._without_weights(standings(both, tmp_path)) == "pretrained=scratch"
    assert start_check._without_weights(standings(all_of_them, tmp_path)) is None


def test_nothing_trained_is_told_with_the_command_that_trains(tmp_path, capsys):
    assert cli.main(["study", "eval", "quickstart", "--out", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err
    assert "no run of quickstart is trained yet" in said and "`mixscope study run quickstart`" in said
    assert said.count("\n") == 1


def test_a_dry_run_of_a_study_that_lacks_nothing_starts_no_run(tmp_path, digits_root, capsys):
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(digits()))
    words = ["study", "run", str(file), "--out", str(tmp_path / "out"), "--root", str(digits_root)]
    assert cli.main([*words, "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()


def test_data_that_changed_since_they_were_prepared_are_found(tmp_path, digits_root):
    shutil.copytree(digits_root / "digits", tmp_path / "root" / "digits")
    images = np.load(tmp_path / "root" / "digits" / "train-images.npy", mmap_mode="r+")
    images[0] += 1
    images.flush()
    (one,) = found_in(tmp_path, digits(), tmp_path / "root")
    assert one.severity == "fail" and "has changed since it was prepared" in i18n.render(one)
    with pytest.raises(DataError, match="has changed"):
        needs.refuse([one])


def test_weights_that_do_not_fit_or_are_not_finite_are_found(tmp_path, digits_root):
    good = stand_in_weights.make(ARCH, tmp_path / "good.safetensors")
    assert found_in(tmp_path, digits(good), digits_root) == []
    broken = load_file(good)
    broken["conv1.0.weight"][0] = torch.nan
    save_file(broken, tmp_path / "broken.safetensors")
    (one,) = found_in(tmp_path, digits(tmp_path / "broken.safetensors"), digits_root)
    assert "not finite" in i18n.render(one) and one.code == "missing-weights"


def test_weights_of_the_hub_are_asked_for_and_not_downloaded(monkeypatch):
    asked = {"model": {"arch": "resnet18", "pretrained": True}, "classes": 10, "size": 32}
    monkeypatch.setattr(weights.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(weights.huggingface_hub, "hf_hub_download", lambda *_: pytest.fail("downloaded"))
    monkeypatch.setattr(weights.huggingface_hub, "get_hf_file_metadata", lambda url, timeout: None)
    assert weights_check.problem(asked) is None

    def offline(url, timeout):
        raise OSError("no network")

    monkeypatch.setattr(weights.huggingface_hub, "get_hf_file_metadata", offline)
    said = i18n.render(Finding.from_dict(weights_check.problem(asked)))
    assert "cannot be had from the hub (OSError)" in said and "model.pretrained=PATH" in said


def test_a_disk_too_small_for_one_run_is_refused_and_for_all_is_warned_of(tmp_path, digits_root, monkeypatch):
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_500_000))
    cost = Estimate(disk_bytes=1_000_000)
    (one,) = found_in(tmp_path, digits(), digits_root, costs=cost)
    assert one.severity == "warn" and "2 runs that have not begun leave about 2.0 MB" in i18n.render(one)
    needs.refuse([one])
    (one,) = found_in(tmp_path, digits(), digits_root, costs=Estimate(disk_bytes=2_000_000))
    assert one.severity == "fail"
    with pytest.raises(RunFailed, match="disk"):
        needs.refuse([one])
    assert found_in(tmp_path, digits(), digits_root, costs=Estimate(disk_bytes=700_000)) == []


def test_memory_for_one_run_is_needed_and_for_all_at_once_advised(tmp_path, digits_root, monkeypatch):
    monkeypatch.setattr(needs.hardware, "memory", lambda: 1_500_000_000)
    cost = Estimate(memory_bytes=1_000_000_000)
    assert found_in(tmp_path, digits(), digits_root, costs=cost, slots=1) == []
    (one,) = found_in(tmp_path, digits(), digits_root, costs=cost, slots=2)
    assert one.severity == "warn" and "2 runs at once hold about 2.0 GB" in i18n.render(one)
    (one,) = found_in(tmp_path, digits(), digits_root, costs=Estimate(memory_bytes=2 * 10**9), slots=2)
    assert one.severity == "fail" and "a run of a holds about 2.0 GB" in i18n.render(one)


def test_nothing_is_measured_where_data_are_missing(tmp_path, digits_root):
    tree = {**STUDY, "base": {**STUDY["base"], "train.epochs": 1000}}
    study = matrix.parse(json.dumps(tree), file="s.yaml")

    asked = []

    def probe(name):
        return SimpleNamespace(
            measure=lambda wanted: asked.append(name) or dict.fromkeys(wanted, Finding("probe-not-made"))
        )

    told = start_check.check(
        study,
        study.expand(),
        tmp_path / "out",
        root=digits_root,
        slots=1,
        prober=probe("prober"),
        remembered=probe("remembered"),
    )
    assert asked == ["remembered"]
    assert [finding.code for finding in told.lacking] == ["missing-data", "missing-weights"]


def test_the_state_of_a_study_is_shown_where_its_data_are_not(tmp_path, capsys):
    """Of a set of one's own, whose name is then not even known."""
    text = made_study.SMALL.replace("data.name: digits", "data.name: mine")
    made_study.write(tmp_path / "s", text, made_study.Made(states={"": "pending"}))
    assert cli.main(["study", "status", str(tmp_path / "s"), "--root", str(tmp_path)]) == 0
    assert "36 pending" in capsys.readouterr().out
