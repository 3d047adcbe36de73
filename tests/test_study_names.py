"""Names of experiments, levels and factors: each its own, and each a folder's."""

import json

import pytest

from mixscope import cli
from mixscope.errors import ConfigError
from mixscope.study import matrix

JOINED = """
name: joined
base: {data.name: digits, augment.base: none, train.epochs: 1}
factors:
  net:
    x: {model.arch: resnet10t}
    x-y: {model.arch: resnet14t}
  augmentation:
    y-z: {augment.mix: cutmix}
    z: {augment.mix: mixup}
seeds: [0, 1]
"""
FOUR = "{a: {net: x, augmentation: y-z}, b: {net: x, augmentation: z}, c: {net: x-y, augmentation: y-z}, %s}"


def one_level(level, names=None):
    tree = {
        "name": "s",
        "base": {"data.name": "digits"},
        "factors": {"net": {level: {"model.arch": "resnet10t"}}},
        "seeds": [0],
    }
    return json.dumps(tree | ({"names": {names: {"net": level}}} if names is not None else {}))


def test_levels_that_join_to_one_name_are_refused_with_both_of_them(tmp_path, capsys):
    file = tmp_path / "joined.yaml"
    file.write_text(JOINED)
    assert cli.main(["study", "plan", str(file), "--no-probe"]) == 2
    said = capsys.readouterr().err
    assert "net=x, augmentation=y-z and net=x-y, augmentation=z" in said, said
    assert '"x-y-z"' in said and "line 7: factors.net.x-y" in said and "under names" in said, said


def test_with_names_of_their_own_the_same_levels_are_distinguished():
    text = JOINED + f"names: {FOUR % 'd: {net: x-y, augmentation: z}'}\n"
    assert [r.name for r in matrix.parse(text, file="s.yaml").expand(seeds=1)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../outside", "separates folders"),
        ("/etc/x", "separates folders"),
        ("a\\b", "separates folders"),
        ("..", "begins with a dot"),
        (".hidden", "begins with a dot"),
        ("", "is empty"),
        (" ", "is empty"),
        ("a\x00b", r"control character '\x00'"),
        ("a\x1b[31mb", r"control character '\x1b'"),
        ("a\nb", r"control character '\n'"),
        ("a\u202eb", r"control character '\u202e'"),
        ("a\x9bb", r"control character '\x9b'"),
        ("x" * 300, "300 bytes"),
        ("가" * 70, "210 bytes"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_name_that_cannot_be_a_folder_is_refused_when_the_file_is_read(name, why, named):
    text = one_level("level", name) if named else one_level(name)
    with pytest.raises(ConfigError) as problem:
        matrix.parse(text, file="s.yaml")
    said = str(problem.value)
    assert why in said and ("names" if named else "factors.net") in said, said
    assert said.isprintable() and len(said) < 700, said


@pytest.mark.parametrize(
    "name", ["ResNet 50 (a1)", "vit+mixup, α=0.2", "no", "비교 1", "x" * 200, "-x", "50%"]
)
def test_names_that_could_be_folders_so_far_stay_valid(name):
    assert matrix.parse(one_level(name), file="s.yaml").expand()[0].name == name
    assert matrix.parse(one_level("a/b", name), file="s.yaml").expand()[0].levels == {"net": "a/b"}


@pytest.mark.parametrize("named", ["f\x1b[2J", "f\x00"])
def test_a_factor_with_escape_codes_is_refused_and_not_printed(named):
    text = one_level("level").replace('"net"', json.dumps(named))
    with pytest.raises(ConfigError, match="control character") as problem:
        matrix.parse(text, file="s.yaml")
    assert str(problem.value).isprintable()


def test_a_study_name_that_is_too_long_for_a_folder_is_refused():
    with pytest.raises(ConfigError, match=r"name: becomes a folder.*300 bytes"):
        matrix.parse(one_level("level").replace('"s"', f'"{"s" * 300}"'), file="s.yaml")


@pytest.mark.parametrize("seeds", [30_000, 20_000])
def test_more_runs_than_a_study_can_have_are_refused_before_the_first_is_made(seeds, monkeypatch):
    monkeypatch.setattr(matrix.Study, "_config", lambda *_: pytest.fail("a run was made"))
    text = one_level("level").replace("[0]", json.dumps(list(range(seeds))))
    with pytest.raises(ConfigError, match=r"1 net x .* seeds are more than the 10,000 runs") as problem:
        matrix.parse(text, file="s.yaml")
    assert len(str(problem.value)) < 300


def test_a_product_of_many_factors_is_refused_before_it_is_made():
    factors = {f"f{i}": {"a": {}, "b": {}} for i in range(60)}
    text = json.dumps({"name": "s", "factors": factors, "seeds": [0]})
    with pytest.raises(ConfigError, match="are more than the 10,000 runs"):
        matrix.parse(text, file="s.yaml")


@pytest.mark.parametrize("seed", ["1" * 400, str(2**63), "-1"])
def test_a_seed_that_torch_does_not_take_is_refused(seed):
    with pytest.raises(ConfigError, match=r"seeds: expected .* whole numbers from 0") as problem:
        matrix.parse(one_level("level").replace("[0]", f"[{seed}]"), file="s.yaml")
    assert len(str(problem.value)) < 300
