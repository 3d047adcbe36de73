"""judge, report, compare, claims new and import on other people's results: output and exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import call
from mixscope.claims import exploratory
from mixscope.claims.arrays import contrast_arrays
from mixscope.results import bundle, runs_table

CASES = Path(__file__).parent / "cases"
EXPORTS = Path(__file__).parent / "exports"


def test_judge_prints_gains_exploratory_and_what_it_guessed(capsys):
    code, out, _ = call(capsys, "judge", CASES / "accuracies.csv")
    assert code == 0 and "exploratory: nothing was claimed" in out and "Holm over 3 contrasts" in out
    assert 'accuracy = "Top-1 (%)"' in out and "unchecked" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "gain of cutmix, rn18 +3.00 pp [+2.39, +3.61] [+1.73, +4.27] 3 better" in lines
    assert any("difference of gains of cutmix, deit - rn18 +5.33 pp" in line for line in lines)
    code, out, _ = call(capsys, "judge", CASES / "accuracies.csv", "--json")
    told = json.loads(out)
    assert [e["said"] for e in told["exploratory"]] == ["better", "better", "deit gains more"]
    assert told["unchecked"] and told["verdicts"] == []


@pytest.mark.parametrize(("form", "sign"), [("latex", r"\toprule"), ("markdown", "|:--")])
def test_judge_writes_tables_for_papers(capsys, form, sign):
    code, out, _ = call(capsys, "judge", CASES / "accuracies.csv", "--format", form)
    assert code == 0 and sign in out and "gain of cutmix, rn18" in out and "read " not in out


def test_claims_are_written_edited_and_judged(capsys, tmp_path):
    file = tmp_path / "claims.yaml"
    assert call(capsys, "claims", "new", CASES / "accuracies.csv", "--out", file)[0] == 0
    code, out, _ = call(capsys, "judge", CASES / "accuracies.csv", "--claims", file)
    assert code == 0 and "SUPPORTED" in out and "exploratory" not in out
    assert "counting other test examples too" in out
    before = file.read_bytes()
    code, _, err = call(capsys, "claims", "new", CASES / "accuracies.csv", "--out", file)
    assert code == 2 and "already exists" in err and file.read_bytes() == before


def test_report_and_compare_take_tables(capsys, tmp_path):
    code, out, _ = call(capsys, "report", CASES / "accuracies.csv", "--out", tmp_path / "r")
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    assert code == 0 and "this is exploratory" in page and "gain of cutmix, rn18" in out and "79.30" in page
    assert "How the table was read" in page and "study run" not in page
    code, out, _ = call(capsys, "compare", CASES / "seeds.csv", CASES / "seeds-reversed.csv")
    assert code == 0 and "2 alike" in out


def test_a_second_table_that_cannot_be_read_says_why(capsys, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(BAD.replace("mixup,1", "mixup,0"), "utf-8")
    code, _, err = call(capsys, "compare", CASES / "seeds.csv", wrong)
    assert code == 4 and "line 5: seed 0" in err
    study = Path(__file__).parent / "stored" / "study"
    code, _, err = call(capsys, "compare", study, study, "--n-test", "10")
    assert code == 2 and "is a study" in err


def test_an_import_is_a_bundle_that_judge_takes(capsys, tmp_path):
    out_file = tmp_path / "b.zip"
    code, out, _ = call(capsys, "import", EXPORTS / "timm", "--out", out_file)
    assert code == 0 and "eval_top1 at the last epoch of 4 runs" in out
    assert len(bundle.read(out_file).done) == 4
    code, out, _ = call(capsys, "judge", out_file)
    assert code == 0 and "+5.00 pp" in out and "eval_top1 at the last epoch" in out
    table = tmp_path / "t.csv"
    assert call(capsys, "import", EXPORTS / "wandb", "--out", table, "--epoch", "best-on-validation")[0] == 0
    code, out, _ = call(capsys, "judge", table)
    assert code == 0 and "+5.00 pp" in out and "validation split" in out


BAD = "model,aug,seed,top1\nvit,none,0,70.0\nvit,none,1,71.0\nvit,mixup,0,72.0\nvit,mixup,1,73.0\n"


@pytest.mark.parametrize("command", ["judge", "report", "compare", "claims"])
@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        (None, [], 4, "no such file"),
        (b"\x00\x01\x02\x03", [], 4, "save it as UTF-8"),
        (BAD.replace("top1", "points").encode(), [], 4, "--column accuracy=HEADING"),
        (BAD.replace("72.0", "134").encode(), [], 4, "line 4"),
        (BAD.replace("72.0", "0.72").encode(), [], 4, "mixed with percent"),
        (BAD.replace("mixup,1", "mixup,0").encode(), [], 4, "line 5: seed 0"),
        (BAD.encode(), ["--column", "accuracy=top2"], 2, "top1"),
        (BAD.encode(), ["--column", "acc=top1"], 2, "role of a column"),
        (BAD.encode(), ["--baseline", "nothing"], 2, "none"),
        (BAD.encode(), ["--n-test", "0"], 2, "expected 2 or more"),
        (BAD.encode(), ["--table", "3"], 2, "has tables 1 to 1"),
        (BAD.encode(), ["--claims", "missing.yaml"], 2, "missing.yaml"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_its_code(
    capsys, tmp_path, command, content, options, code, said
):
    path = tmp_path / "r.csv"
    if content is not None:
        path.write_bytes(content)
    words = {
        "judge": ["judge", path],
        "report": ["report", path, "--out", tmp_path / "page"],
        "compare": ["compare", path, CASES / "seeds.csv"],
        "claims": ["claims", "new", path, "--out", tmp_path / "new.yaml"],
    }[command]
    found, _, err = call(capsys, *words, *options)
    assert (found, said in err, err.count("\n")) == (code, True, 1), err
    assert not (tmp_path / "page").exists() and not (tmp_path / "new.yaml").exists()


def test_options_of_tables_are_refused_for_studies(capsys, tmp_path):
    study = Path(__file__).parent / "stored" / "study"
    code, _, err = call(capsys, "judge", study, "--n-test", "100")
    assert code == 2 and "is a study" in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "--out"),
        (["--out", "b.zip", "--epoch", "first"], 2, "last"),
        (["--out", "b.zip", "--column", "accuracy=acc9"], 2, "eval_top1"),
        (["--out", "b.zip", "--factor", "nothing"], 2, "recorded setting"),
        (["--out", "b.zip", "--baseline", "nothing"], 2, "nearest: none"),
        (["--out", "b.zip", "--column", "seed=x"], 2, "only accuracy=NAME"),
    ],
)
def test_an_import_that_fails_leaves_nothing(capsys, tmp_path, monkeypatch, options, code, said):
    monkeypatch.chdir(tmp_path)
    found, _, err = call(capsys, "import", EXPORTS / "timm", *options)
    assert (found, said in err) == (code, True), err
    assert list(tmp_path.iterdir()) == []


def trained(mix, seed, data):
    """Correctness on the test half of digits of a small network, trained by a bare loop of torch."""
    import torch

    x, y, test_x, test_y = data
    generator = torch.Generator().manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if p.ndim == 2 else 0.0))
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    for _ in range(30):
        order = torch.randperm(len(x), generator=generator)
        for batch in order.split(128):
            images, labels = x[batch], torch.nn.functional.one_hot(y[batch], 10).float()
            if mix:
                share, partner = (
                    torch.rand(1, generator=generator),
                    torch.randperm(len(batch), generator=generator),
                )
                images = share * images + (1 - share) * images[partner]
                labels = share * labels + (1 - share) * labels[partner]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
    return net(test_x).argmax(1).numpy(), test_y.numpy()


def test_networks_of_a_bare_training_loop_are_judged_by_csv_and_by_arrays(capsys, tmp_path):
    import torch
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    data = (x[:300], y[:300], x[900:], y[900:])
    rows, correct = ["augmentation,seed,predictions"], {}
    for name, mix in (("none", False), ("mixup", True)):
        for seed in range(3):
            predicted, labels = trained(mix, seed, data)
            np.savez(tmp_path / f"{name}{seed}.npz", label=labels, pred=predicted)
            rows.append(f"{name},{seed},{name}{seed}.npz")
            correct.setdefault(name, []).append(predicted == labels)
    table = tmp_path / "results.csv"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    by_arrays = contrast_arrays(
        np.stack(correct["mixup"]), np.stack(correct["none"]), names=("mixup", "none")
    )
    (by_csv,) = exploratory.explore(runs_table.read(table))
    assert by_csv.interval.estimate == by_arrays.difference
    assert (by_csv.interval.low, by_csv.interval.high, by_csv.p) == (
        by_arrays.low,
        by_arrays.high,
        by_arrays.p,
    )
    code, out, _ = call(capsys, "judge", table)
    assert code == 0 and f"{by_arrays.difference:+.2f} pp" in out
    assert "3 seeds, Welch t, examples paired" in str(by_arrays)


def test_a_report_of_means_shows_means_and_spreads(capsys, tmp_path):
    table = tmp_path / "means.csv"
    table.write_text(
        "model,aug,mean,spread,spread_kind,n_seeds\nvit,none,65.9,0.4,sd,5\nvit,mixup,70.0,0.5,sd,5\n",
        "utf-8",
    )
    code, _, _ = call(capsys, "report", table, "--out", tmp_path / "r")
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    assert code == 0 and ">5/5<" in page and "65.90" in page and "0.40" in page
