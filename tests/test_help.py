"""What `--help` shows can be typed, and a word that is not known is answered with the one that was meant."""

import argparse
import shlex
import shutil
from pathlib import Path

import pytest

import made_study
from mixscope import cli, errors
from mixscope.cli.arguments import setting_called
from mixscope.study import display_names, matrix

HERE = Path(__file__).parents[1]
# Examples that neither train nor download; those that need files of other programs are not among them.
CHEAP = """
    data list
    data prepare digits
    data info digits
    data verify digits
    show mixing digits
    study new mine --from resnet-vs-vit
    study plan quickstart
    study plan quickstart --power
    study status quickstart
    study status resnet-vs-vit --only model=vit
    study retry quickstart
    study table quickstart
    study table resnet-vs-vit --only data=cifar100
    study pack runs/quickstart
    study table runs/quickstart.zip
    judge runs/quickstart
    judge results.csv --baseline default
    power results.csv
    claims new results.csv --baseline default --out claims.yaml
    power results.csv --claims claims.yaml
    compare runs/quickstart runs/longer
    report runs/resnet-vs-vit --lang ko
    audit README.md
    audit results.csv --strict
    cues draw --sheet cues.png
"""


def parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


ALL = list(parsers(cli.parser()))
EXAMPLES = {
    tuple(shlex.split(line, comments=True)[1:])
    for parser in ALL
    for line in (parser.epilog or "").splitlines()
    if line.startswith("  mixscope ")
}


def call(capsys, *words):
    try:
        code = cli.main(list(words))
    except SystemExit as end:
        code = end.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize("parser", ALL, ids=lambda parser: parser.prog)
def test_every_command_says_what_it_does_with_examples(parser):
    assert parser.description and "examples:\n  mixscope " in parser.epilog and "exit codes:" in parser.epilog


def test_every_example_is_one_that_the_grammar_takes():
    assert len(EXAMPLES) > 60
    for words in EXAMPLES:
        cli.parser().parse_args(words)


def test_the_cheap_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXSCOPE_DATA", str(tmp_path / "data"))
    text = (
        matrix.source("quickstart")
        .replace("seeds: [0, 1, 2]", "seeds: [0]")
        .replace("looks: [3, 5, 8, 12]", "")
    )
    for name in ("quickstart", "longer", "resnet-vs-vit"):
        made_study.write(tmp_path / "runs" / name, text, made_study.Made(n=60))
    lines = (HERE / "tests/cases/accuracies.csv").read_text().replace(",none,", ",default,")
    (tmp_path / "results.csv").write_text(lines)
    shutil.copy(HERE / "tests/cases/deltas.md", tmp_path / "README.md")
    for line in CHEAP.strip().splitlines():
        words = tuple(shlex.split(line))
        assert words in EXAMPLES, f"{line}: is no example of any help"
        code, _, err = call(capsys, *words)
        assert code == 0, (line, err)


def test_the_help_of_studies_names_those_that_are_built_in():
    shown = next(parser.description for parser in ALL if parser.prog.endswith(" study"))
    assert [name for name in matrix.builtin() if name not in shown] == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["train", "--lr", "0.1"], "optim.lr=0.1"),
        (["train", "data.name=digits", "--batch-size=64", "seed=1"], "train.batch_size=64"),
        (["train", "--epochs"], "train.epochs=..."),
        (["train", "--model", "resnet50"], "model.arch=resnet50"),
        (["study", "run", "quickstart", "--slot", "2"], "(nearest: --slots"),
        (["train", "--outt", "x"], "(nearest: --out"),
    ],
)
def test_an_option_that_is_not_there_is_answered_with_what_was_meant(capsys, words, meant):
    code, _, err = call(capsys, *words)
    assert code == 2 and meant in err and err.startswith(f"usage: mixscope {words[0]}")
    assert setting_called("foo") is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ViT-S/16", "vit_small_patch16_224"),
        ("ResNet-50", "resnet50"),
        ("DeiT-Tiny", "deit_tiny_patch16_224"),
    ],
)
def test_a_network_may_be_named_as_papers_do(name, meant):
    known = [meant, *(f"net{i}" for i in range(1000))]
    assert display_names.unknown_network(name, known).endswith(f"(nearest: {meant})")


def test_a_name_that_is_like_no_other_gets_a_few_not_all():
    known = [f"net{i:04}" for i in range(1000)]
    assert errors.unknown("net", "?", known).count("net0") == 3
    assert errors.unknown("net", "?", known[:3]).endswith("(known: net0000, net0001, net0002)")
    assert errors.unknown("data set", "CIFAR100", ["cifar10", "cifar100"]).endswith("(nearest: cifar100)")


def test_a_folder_beside_the_built_in_study_of_its_name_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made_study.write(tmp_path / "quickstart")
    code, out, err = call(capsys, "study", "table", "quickstart")
    assert code == 0 and err.splitlines()[0].endswith("write ./quickstart") and "imagenet" not in out
    code, out, err = call(capsys, "study", "table", "./quickstart")
    assert code == 0 and err == "" and "Pretrained" in out
    code, out, err = call(capsys, "study", "new", "mine", "--from", "quickstart")
    assert code == 0 and err.endswith("write ./quickstart\n") and err.count("\n") == 1
