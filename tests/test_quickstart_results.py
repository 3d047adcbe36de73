"""The quickstart is judged alike from its folder, its bundle, and a table with prediction files.

stored/quickstart.zip: the built-in quickstart as `make quickstart` trained it (18 runs), packed.
stored/quickstart.json: verdicts, gates and intervals that `mixscope judge` printed of the folder then.
"""

import dataclasses
import json
from pathlib import Path

import pytest

import mixscope
from mixscope import cli
from mixscope.claims.verdicts import Verdict
from mixscope.results import Results, bundle
from mixscope.study import matrix

STORED = Path(__file__).parent / "stored"
PREDICTED = ["id", "label", "predicted", "correct", "confidence", "log_likelihood"]


def table_of(results: Results, folder: Path) -> Path:
    """A CSV with a prediction file a run, written by pandas from `to_frame` and `outcomes` alone."""
    frame, every = results.to_frame(), results.outcomes()
    frame["predictions"] = frame.experiment + "-" + frame.seed.astype(str) + ".csv"
    for (experiment, seed), mine in every.groupby(["experiment", "seed"]):
        mine[PREDICTED].to_csv(folder / f"{experiment}-{seed}.csv", index=False)
    frame.to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


def claims_of(results: Results, folder: Path) -> Path:
    """The claims and looks of a study in a file of their own: its study file."""
    file = folder / "claims.yaml"
    file.write_text(results.plan)
    return file


def known_everywhere(verdict: Verdict) -> Verdict:
    """A verdict without remarks on what only the records of a run say: their epochs and settings."""
    readings = [dataclasses.replace(r, caveats=(), chosen_on_test=None) for r in verdict.readings]
    return dataclasses.replace(verdict, readings=tuple(readings))


def judged(source, **more) -> list[Verdict]:
    return list(mixscope.judge(mixscope.load(source, **more)))


def test_the_quickstart_is_judged_alike_from_its_bundle_and_from_prediction_files(tmp_path):
    packed = STORED / "quickstart.zip"
    study = mixscope.load(packed)
    assert study.complete and len(study.runs) == 18
    of_bundle = judged(packed)
    of_table = judged(table_of(study, tmp_path), claims=claims_of(study, tmp_path))
    assert [v.verdict for v in of_bundle] == [v.verdict for v in of_table]
    assert list(map(known_everywhere, of_table)) == list(map(known_everywhere, of_bundle))
    assert {v.verdict for v in of_bundle} - {"MISSING"}, "there is something to compare"


def test_the_quickstart_has_the_verdicts_that_its_folder_had():
    told = json.loads((STORED / "quickstart.json").read_text())
    now = json.loads(json.dumps([v.to_dict() for v in judged(STORED / "quickstart.zip")]))
    for one, then in zip(now, told, strict=True):
        assert (one["claim"], one["verdict"]) == (then["claim"], then["verdict"])
        for mine, theirs in zip(one["readings"], then["readings"], strict=True):
            assert (mine["verdict"], mine["gate_kinds"]) == (theirs["verdict"], theirs["gate_kinds"])
            for name in ("points", "logits", "narrow", "judged", "p", "p_holm"):
                if theirs[name] is None:
                    assert mine[name] is None
                    continue
                assert mine[name] == pytest.approx(theirs[name], rel=1e-9), name


SHORT = "extends: quickstart\nname: short\nbase: {train.epochs: 2}\n"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_quickstart_trained_here_is_judged_alike_from_folder_bundle_and_prediction_files(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.yaml").write_text(SHORT)
    assert cli.main(["data", "prepare", "digits", "--root", str(tmp_path / "data")]) == 0
    asked = ["study", "run", "short.yaml", "--root", str(tmp_path / "data"), "--out", "runs"]
    assert cli.main([*asked, "--slots", "2"]) == 0, capsys.readouterr().err
    study = mixscope.load(tmp_path / "runs")
    assert study.claims == matrix.load("quickstart").claims and len(study.done) == 18
    bundle.write(study, tmp_path / "b.zip")
    of_folder = judged(tmp_path / "runs")
    assert judged(tmp_path / "b.zip") == of_folder
    of_table = judged(table_of(study, tmp_path), claims=claims_of(study, tmp_path))
    # Two epochs fail health checks, whose gates need records: what the rules say before gates is compared.
    before_gates = (
        "stratum",
        "points",
        "logits",
        "narrow",
        "judged",
        "uncapped",
        "degrees",
        "seeds",
        "by_seed",
    )
    for mine, theirs in zip(of_table, of_folder, strict=True):
        for one, other in zip(mine.readings, theirs.readings, strict=True):
            assert [getattr(one, name) for name in before_gates] == [
                getattr(other, name) for name in before_gates
            ]
