"""Other people's files and folders: what cannot be right is refused, and nothing is overwritten."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import made_study
import mixscope
from command_line import call
from mixscope.claims import exploratory
from mixscope.errors import ConfigError, DataError
from mixscope.report import page
from mixscope.results import bundle, folders, prediction_files, sources
from mixscope.results.runs_table import Reading
from mixscope.study import roles
from mixscope.study.roles import Roles

CASES = Path(__file__).parent / "cases"
EXPORTS = Path(__file__).parent / "exports"
STORED = Path(__file__).parent / "stored" / "bundle-1.zip"
SILENT = """
name: silent
base: {data.name: digits, augment.base: none, train.epochs: 4}
factors:
  model: {resnet: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {}, mixup: {augment.mix: mixup}, cutmix: {augment.mix: cutmix}}
seeds: [0, 1, 2]
"""


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A study without claims whose baseline level sets nothing."""
    place = tmp_path_factory.mktemp("made") / "study"
    made_study.write(place, SILENT, made_study.Made(n=300, ill=-1))
    return place


# --- roles ---


@pytest.mark.parametrize(
    ("levels", "base", "baseline"),
    [
        ({"default": {}, "mixup": {"augment.mix": "mixup"}}, {}, "default"),
        ({"mixup": {"augment.mix": "mixup"}, "quiet": {}}, {"augment.mix": "none"}, "quiet"),
        ({"as-base": {}, "off": {"augment.mix": "none"}}, {"augment.mix": "cutmix"}, "off"),
        ({"a": {}, "b": {"augment.mix": "mixup"}}, {"augment.mix": "cutmix"}, None),
        ({"rrc": {"augment.base": "rrc"}, "default": {}, "m": {"augment.mix": "mixup"}}, {}, "default"),
        ({"none": {"augment.base": "none"}, "rrc": {"augment.base": "rrc"}}, {}, "none"),
    ],
)
def test_the_baseline_is_the_level_that_is_effectively_without_mixing(levels, base, baseline):
    found = roles.from_settings({"augmentation": levels}, base)
    assert (found.augmentation, found.baseline) == ("augmentation", baseline)


def test_runs_without_a_setting_for_pretraining_are_from_scratch():
    found = roles.from_settings({"weights": {"plain": {}, "imagenet": {"model.pretrained": True}}})
    assert (found.pretraining, found.scratch) == ("weights", "plain")


def test_a_named_baseline_takes_its_factor_along():
    found = Roles(factors={"model": ("a", "b"), "mix": ("x", "y")}, augmentation="mix", model="model")
    assert found.with_baseline("y").baseline == "y"
    other = found.with_baseline("a")
    assert (other.augmentation, other.model) == ("model", None)
    with pytest.raises(ConfigError, match="--baseline"):
        found.with_baseline("z")


def test_a_study_without_claims_prints_exploratory_gains_from_folder_and_bundle(capsys, silent, tmp_path):
    bundle.write(folders.study(silent), tmp_path / "b.zip")
    for source in (silent, tmp_path / "b.zip"):
        code, out, err = call(capsys, "judge", source)
        assert code == 0 and "gain of mixup, resnet" in out and "Holm over 6 contrasts" in out, err


def test_another_baseline_of_a_study_can_be_named(capsys, silent, tmp_path):
    code, out, _ = call(capsys, "judge", silent, "--baseline", "mixup")
    assert code == 0 and "gain of default, resnet" in out and "gain of mixup" not in out
    assert mixscope.load(silent, baseline="cutmix").roles.baseline == "cutmix"
    bundle.write(folders.study(silent), tmp_path / "b")
    assert mixscope.load(tmp_path / "b", baseline="cutmix").roles.baseline == "cutmix"
    code, _, err = call(capsys, "claims", "new", silent, "--baseline", "mixup", "--out", tmp_path / "c.yaml")
    assert code == 0 and '"default": 1, "mixup": -1' in (tmp_path / "c.yaml").read_text(), err
    code, _, err = call(capsys, "judge", silent, "--baseline", "nothing")
    assert code == 2 and "--baseline" in err


def test_a_baseline_of_the_table_beside_a_study_does_not_trouble_the_study(capsys, silent):
    code, _, err = call(capsys, "compare", silent, CASES / "accuracies.csv", "--baseline", "none")
    assert "--baseline" not in err, (code, err)


def test_a_run_has_no_baseline_to_name(capsys, silent):
    run = next(path for path in silent.iterdir() if path.is_dir() and path.name.startswith("resnet"))
    code, _, err = call(capsys, "judge", run, "--baseline", "none")
    assert code == 2 and "no factors" in err


# --- what is there ---


@pytest.mark.parametrize("name", ["x.csv", "x.zip", "x.txt"])
def test_import_overwrites_no_file_of_others(capsys, tmp_path, name):
    out = tmp_path / name
    out.write_text("mine")
    code, _, err = call(capsys, "import", EXPORTS / "timm", "--out", out)
    assert code == 2 and ("another --out" in err or "such an --out" in err)
    assert out.read_text() == "mine"


@pytest.mark.parametrize("name", ["x.txt", "x.json", "x.tar.gz"])
def test_a_bundle_is_a_zip_file_or_a_folder(capsys, tmp_path, name):
    code, _, err = call(capsys, "import", EXPORTS / "timm", "--out", tmp_path / name)
    assert code == 2 and ".zip" in err and not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["r", "r/index.html"])
def test_a_report_overwrites_no_page_of_others_and_its_own_again(capsys, tmp_path, name):
    out, mine = tmp_path / name, tmp_path / "r" / "index.html"
    mine.parent.mkdir()
    mine.write_text("<p>mine")
    code, _, err = call(capsys, "report", CASES / "accuracies.csv", "--out", out)
    assert code == 2 and "another --out" in err and mine.read_text() == "<p>mine"
    assert list(mine.parent.iterdir()) == [mine]
    mine.unlink()
    for _ in range(2):
        page.write(sources.load(CASES / "accuracies.csv"), out=out)


# --- damage ---


@pytest.mark.parametrize("command", ["judge", "report", "compare", "table"])
def test_an_array_of_a_bundle_with_one_byte_flipped_is_refused(capsys, tmp_path, command, silent):
    whole, out = tmp_path / "whole", tmp_path / "b"
    bundle.write(folders.study(silent), whole)
    bundle.write(folders.study(silent), out)
    array = sorted((out / "arrays").iterdir())[0]
    content = bytearray(array.read_bytes())
    content[len(content) // 2] ^= 1
    array.write_bytes(content)
    words = {
        "judge": ["judge", out],
        "report": ["report", out, "--out", tmp_path / "page"],
        "compare": ["compare", whole, out],
        "table": ["study", "table", out],
    }[command]
    code, _, err = call(capsys, *words)
    assert code == 4 and "checksum differs" in err and err.count("\n") == 1, err


def test_a_zipped_array_with_one_byte_flipped_is_refused(capsys, tmp_path, silent):
    bundle.write(folders.study(silent), tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[content.index(b".npz") + 200] ^= 1
    (tmp_path / "b.zip").write_bytes(content)
    code, _, err = call(capsys, "judge", tmp_path / "b.zip")
    assert code == 4 and "checksum differs" in err


def test_a_bundle_that_is_cut_off_is_called_so(capsys, tmp_path):
    cut = tmp_path / "b.zip"
    cut.write_bytes(STORED.read_bytes()[:3000])
    code, _, err = call(capsys, "judge", cut)
    assert code == 4 and "cut off" in err and "Excel" not in err
    code, _, err = call(capsys, "import", EXPORTS / "timm", "--out", cut)
    assert code == 2 and "damaged bundle" in err


# --- predicted classes ---


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([0, 1, 2, 1], ["cat", "dog", "cow", "dog"]),
        (["cat", "dog", "cow", "dog"], [0, 1, 2, 1]),
        (["cat", "dog", "cow", "dog"], ["Katze", "Hund", "Kuh", "Hund"]),
        ([0, 1, 2, 1], [0.4, 1.3, 2.0, 0.1]),
        ([0.5, 1.0, 2.0, 1.0], [0, 1, 2, 1]),
        ([0, 1, 2, 1], [0, 1, 2, -1]),
        ([0, 1, 2, 1], [0, 1, float("nan"), 1]),
    ],
)
@pytest.mark.parametrize("ending", ["npz", "csv"])
def test_predicted_classes_of_another_kind_than_labels_are_refused(tmp_path, ending, labels, predicted):
    file = tmp_path / f"p.{ending}"
    if ending == "npz":
        np.savez(file, label=np.array(labels), pred=np.array(predicted))
    else:
        pd.DataFrame({"label": labels, "pred": predicted}).to_csv(file, index=False, na_rep="nan")
    with pytest.raises(DataError, match="expected") as problem:
        prediction_files.read([prediction_files.Source(file, "line 2", {})])
    assert str(file) in str(problem.value)


def test_a_label_beyond_the_logits_is_refused(tmp_path):
    np.savez(tmp_path / "p.npz", label=np.array([0, 5]), logits=np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"p\.npz.*label"):
        prediction_files.read([prediction_files.Source(tmp_path / "p.npz", "line 2", {})])


# --- import ---


def test_import_says_which_of_several_kinds_of_logs_it_takes(capsys, tmp_path):
    shutil.copytree(EXPORTS / "timm", tmp_path / "two" / "timm")
    shutil.copytree(EXPORTS / "lightning", tmp_path / "two" / "lightning")
    code, out, _ = call(capsys, "import", tmp_path / "two", "--out", tmp_path / "b.zip")
    assert code == 0 and "timm 4, Lightning 4; those of timm were taken" in out
    code, out, _ = call(capsys, "import", EXPORTS / "timm", "--out", tmp_path / "one.zip")
    assert code == 0 and "several programs" not in out


EXPORTED = """"Name","State","Created","Runtime","Sweep","model","mix","seed","val/acc"
"rn18-none-0","finished","2026-01-01T00:00:00.000Z","100","","rn18","none","0","0.76"
"rn18-none-1","finished","2026-01-01T00:00:00.000Z","101","","rn18","none","1","0.77"
"rn18-mixup-0","finished","2026-01-01T00:00:00.000Z","102","","rn18","mixup","0","0.79"
"rn18-mixup-1","finished","2026-01-01T00:00:00.000Z","103","","rn18","mixup","1","0.78"
"rn18-mixup-2","crashed","2026-01-01T00:00:00.000Z","3","","rn18","mixup","2",""
"""


def test_an_exported_table_of_runs_is_imported_as_it_is_judged(capsys, tmp_path):
    source = tmp_path / "wandb.csv"
    source.write_text(EXPORTED)
    code, out, err = call(capsys, "import", source, "--out", tmp_path / "b.zip")
    assert code == 0 and "4 of 5 runs done" in out and 'accuracy = "val/acc"' in out, err
    told = exploratory.explore(sources.load(source))
    assert told == exploratory.explore(sources.load(tmp_path / "b.zip"))
    assert call(capsys, "import", source, "--out", tmp_path / "t.csv")[0] == 0
    assert exploratory.explore(sources.load(tmp_path / "t.csv"))[0].interval == told[0].interval
    code, _, err = call(
        capsys, "import", source, "--out", tmp_path / "c.zip", "--epoch", "best-on-validation"
    )
    assert code == 2 and "no epochs" in err and not (tmp_path / "c.zip").exists()


# --- tables ---

ROWS = [["model", "aug", "seed", "acc"], ["r", "none", "0", "70"], ["r", "mixup", "0", "72"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-16-le"])
def test_text_separated_by_tabs_is_read_whatever_its_name(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("\r\n".join("\t".join(row) for row in ROWS).encode(encoding))
    found = sources.load(tmp_path / "a.txt")
    assert [run.metrics["test"]["last"]["top1"] for run in found.runs] == [0.7, 0.72]
    assert found.roles.baseline == "none"


def test_columns_that_differ_and_are_not_used_are_named(tmp_path):
    rows = [["model", "aug", "seed", "acc", "lr", "gpu", "notes"]]
    rows += [
        ["r", aug, seed, "70", lr, "a", "x"] for aug, lr in (("none", "1"), ("mixup", "2")) for seed in "01"
    ]
    (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in rows))
    said = next(note for note in sources.load(tmp_path / "a.csv").said() if "not used" in note)
    assert '"lr"' in said and "gpu" not in said and "notes" not in said
    given = Reading(columns=[("ignore", "lr")])
    assert not any("not used" in n for n in sources.load(tmp_path / "a.csv", reading=given).said())
    given = Reading(columns=[("factor", "lr")])
    assert "lr" in sources.load(tmp_path / "a.csv", reading=given).factors


@pytest.mark.parametrize("twice", ["acc", "seed", "aug"])
def test_two_columns_of_one_name_are_refused(tmp_path, twice):
    at = ROWS[0].index(twice)
    (tmp_path / "a.csv").write_text("\n".join(",".join([*row, row[at]]) for row in ROWS))
    with pytest.raises(DataError, match=rf'columns {at + 1} and 5 are both called "{twice}"'):
        sources.load(tmp_path / "a.csv")


HEAD = "model,aug,seed,accuracy\n"


@pytest.mark.parametrize(
    ("name", "content", "fix"),
    [
        ("a.jsonl", '{"model": "a", "accuracy": 70}\n{"model":\n', "complete the line"),
        ("a.csv", HEAD, "with its rows"),
        ("a.csv", "just a line of text", "save the table again"),
        ("a.csv", HEAD + "r,none,0,7x\nr,none,1,70\nr,mixup,0,71\n", "correct the cell"),
        ("a.csv", HEAD + "r,none,0,134\nr,mixup,0,71\n", "correct the cell"),
        ("a.csv", HEAD + "r,none,0,70\nr,none,,71\nr,mixup,0,70\n", "--column ignore="),
        ("a.csv", "model,aug,mean,spread,spread_kind,n_seeds\nr,none,70,1,odd,3\n", "write one of these"),
        ("a.parquet", "PAR1....", "copy it again"),
        ("trainer_state.json", '{"global_step": 1, "log_hi', "copy it again"),
        ("a.txt", "No table.", ".csv"),
    ],
)
def test_an_error_says_how_to_fix_it_in_one_sentence(capsys, tmp_path, name, content, fix):
    (tmp_path / name).write_text(content)
    command = ["import", tmp_path / name, "--out", tmp_path / "b.zip"]
    if name != "trainer_state.json":
        command = ["judge", tmp_path / name]
    code, _, err = call(capsys, *command)
    assert code == 4 and fix in err and err.count("\n") == 1 and ". " not in err, err


def test_an_npz_of_junk_says_how_to_write_it(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"PK\x03\x04junk")
    with pytest.raises(DataError, match=r"numpy\.savez"):
        prediction_files.read([prediction_files.Source(tmp_path / "p.npz", "line 2", {})])


@pytest.mark.parametrize("source", [42, None, [1, 2], np.zeros((3, 4)), b"results.csv"])
def test_what_are_no_results_is_refused_with_what_is_expected(source):
    with pytest.raises(ConfigError, match="expected a path"):
        mixscope.load(source)


@pytest.mark.parametrize("columns", [{"model": np.zeros((2, 2)), "acc": [1, 2]}, {"model": 1, "acc": 2}, {}])
def test_columns_that_are_no_arrays_of_one_length_are_refused(columns):
    with pytest.raises(DataError, match="expected one"):
        mixscope.load(columns)


def test_missing_values_of_pandas_are_empty_cells():
    frame = pd.DataFrame(
        {"aug": ["none", "mixup"], "seed": pd.array([0, 1], "Int64"), "accuracy": [70, 72.0]}
    )
    frame["n_test"] = pd.array([pd.NA, pd.NA], "Int64")
    assert len(mixscope.load(frame).done) == 2


def test_a_run_of_one_model_that_is_one_of_the_other_is_said_to_be():
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 2, (3, 200)), draw.integers(0, 2, (4, 200))
    assert "copy" not in str(mixscope.contrast_arrays(a, b))
    b[3] = a[1]
    assert "Run 2 of the first model and run 4 of the second" in str(mixscope.contrast_arrays(a, b))


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_logits_in_a_column_of_lists_are_read(tmp_path, ending):
    """As Hugging Face's data sets and pandas write them: one list an example."""
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 4, 60)
    for number, arm in enumerate(("none", "mixup")):
        logits = draws.normal(size=(60, 4)) + number * np.eye(4)[labels]
        frame = pd.DataFrame({"id": range(60), "label": labels, "logits": logits.tolist()})
        if ending == "parquet":
            frame.to_parquet(tmp_path / f"{arm}.parquet")
        else:
            frame.to_json(tmp_path / f"{arm}.jsonl", orient="records", lines=True, double_precision=15)
        np.savez(tmp_path / f"{arm}.npz", id=np.arange(60), label=labels, logits=logits)
    rows = [f"{arm},0,{arm}.{{}}" for arm in ("none", "mixup")]
    table = tmp_path / "r.csv"
    table.write_text("\n".join(["aug,seed,predictions", *rows]).format(ending, ending))
    found = sources.load(table).outcomes()
    table.write_text("\n".join(["aug,seed,predictions", *rows]).format("npz", "npz"))
    assert found.equals(sources.load(table).outcomes())
    frame["logits"] = [[1.0, 2.0]] + [[0.0] * 4] * 59
    frame.to_parquet(tmp_path / "none.parquet")
    table.write_text("\n".join(["aug,seed,predictions", *rows]).format("parquet", "npz"))
    with pytest.raises(DataError, match="logits has 2 to 4 values an example"):
        sources.load(table)
