"""`mixscope judge` and `mixscope compare` as a user meets them."""

import json

import made_study
from command_line import call
from test_verdicts import TWO, skill


def test_judge_prints_verdicts_intervals_gates_and_what_it_would_take(tmp_path, capsys):
    made_study.write(tmp_path / "s", TWO, skill(**{"resnet-cutmix": 4.0}))
    code, text, _ = call(capsys, "judge", tmp_path / "s", "--budget")
    assert code == 0
    for words in ("two: 12 of 12 runs done", "SUPPORTED", " pp [", "3 seeds", "at every epoch"):
        assert words in text


def test_judge_tells_machines_the_same(tmp_path, capsys):
    made_study.write(tmp_path / "s", TWO, made_study.Made(n=100, states={"vit-cutmix": "pending"}))
    code, text, _ = call(capsys, "judge", tmp_path / "s", "--json")
    found = json.loads(text)
    assert code == 0 and found["runs"] == {"done": 9, "asked": 12}
    gain = found["verdicts"][0]
    assert gain["readings"][1]["verdict"] == "MISSING" and gain["readings"][1]["points"] is None
    assert {p["kind"] for p in found["problems"]} == {"missing", "health"}
    assert len(found["budget"]) == 4


def test_judging_what_is_no_study_ends_with_code_4(tmp_path, capsys):
    code, _, err = call(capsys, "judge", tmp_path)
    assert code == 4 and "has no study.yaml" in err and err.count("\n") == 1
