"""What a reader of Korean is told of verdicts, damage and audits is Korean, on pages and terminals."""

import io
import re
import sys

import pytest

import made_study
from audited import Style, cells, rows, text
from mixscope import cli, i18n
from mixscope.claims import health, verdicts
from mixscope.errors import DataError
from mixscope.report import page
from mixscope.results import folders
from mixscope.runs import records
from mixscope.studies import requirements
from mixscope.studies.status import standings
from mixscope.study import matrix
from test_audit import MISPRINTS, audited, planted
from test_completeness import BANDED, DAMAGES, damage, reached
from test_report_analyses import summary
from test_verdicts import TWO, edit, skill

ENGLISH = re.compile(r"\b(?:the|is|are|of|and|or|that|with|was|were|than|runs?|seeds?|lies|which)\b")


def speaks_korean(finding):
    found = i18n.render(finding, "ko")
    # Without commands, paths and what other programs say.
    found = re.sub(r"`[^`]*`|\S*/\S*|\w+Error.*|No such file or directory", "", found)
    assert re.search("[가-힣]", found) and not ENGLISH.search(found), (finding.code, found)


def told(folder):
    """Everything that a study's folder makes claims and health say."""
    found = folders.study(folder)
    judged = verdicts.judge(found)
    readings = [r for v in judged for r in v.readings]
    said = [p.finding for p in health.examine(found)] + [v.why for v in judged]
    said += [f for r in readings for f in (*r.findings, *r.warnings, *r.caveats)]
    return {finding.code: finding for finding in (*said, *(run.reason for run in found.runs if run.finding))}


@pytest.mark.parametrize("how", DAMAGES, ids=lambda how: f"{how[0]} {str(how[1])[:20]}")
def test_damage_is_reported_in_korean(tmp_path, how):
    study = made_study.write(tmp_path / "s", TWO, made_study.Made(n=20, ill=-1))
    damage(tmp_path / "s" / study.expand()[4].directory, how)
    said = told(tmp_path / "s")
    assert "runs-damaged" in said and len([c for c in said if c.startswith(("record-", "predictions-"))]) == 1
    for code, finding in said.items():
        if code not in ("predictions-damaged", "runs-damaged") or "config.yaml" in str(how):
            speaks_korean(finding)  # the others quote other programs


def test_what_is_missing_or_different_is_reported_in_korean(tmp_path):
    states = {
        "vit-cutmix-s2": "pending",
        "vit-default-s": "running",
        "resnet-default-s0": "failed",
        "resnet-cutmix-s1": "interrupted",
    }
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, made_study.Made(n=50, ill=3, states=states))
    run = folder / next(r.directory for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    about = records.read_environment(run)
    edit(
        run / "environment.json",
        packages={"torch": "2.13.0", "timm": "1.0.31"},
        device={"type": "cuda", "name": "a GPU", "threads": 1},
        data=about["data"] | {"digest": "0" * 64},
    )
    edit(run / "summary.json", code=["f" * 16], protocol="published")
    said = told(folder)
    wanted = {"runs-pending", "runs-running", "runs-interrupted", "code-differs"}
    wanted |= {
        "data-differs",
        "checkpoint-rules-differ",
        "packages-differ",
        "devices-differ",
        "checks-failed",
    }
    assert wanted | {"checks-failed"} <= said.keys()
    for code, finding in said.items():
        if code not in ("runs-failed", "recorded-error"):
            speaks_korean(finding)


def test_gates_and_caveats_are_reported_in_korean(tmp_path):
    made_study.write(tmp_path / "one", made_study.SMALL.replace("[0, 1, 2]", "[0]"))
    made_study.write(tmp_path / "small", made_study.SMALL, skill(**{"vit-mixup-scratch": 0.4}))
    made_study.write(tmp_path / "all", TWO, made_study.Made(n=50, states={"": "pending"}))
    study = made_study.write(tmp_path / "band", BANDED, made_study.Made(n=50, ill=-1))
    for planned in study.expand():
        reached(tmp_path / "band" / planned.directory, 0.95, 45_000)
    said = {}
    for name in ("one", "small", "all", "band"):
        said |= told(tmp_path / name)
    assert {"too-few-seeds", "weights-remarks", "outside-band", "runs-pending", "why-one-seed"} <= said.keys()
    for finding in said.values():
        speaks_korean(finding)


def test_doubts_of_an_audit_are_reported_in_korean():
    table = rows(3)
    top1, _, recall, precision, _ = table[5].figures
    found = [
        planted(3, 5, recall=recall + 0.09),
        planted(3, 5, recall=recall + 0.0001),
        planted(3, 5, top5=top1 - 0.1),
        planted(3, 5, f1=min(1.0, 2 * precision * recall / (precision + recall) + 0.1)),
        planted(3, 5, precision=recall**2 - 0.05),
        planted(3, 5, precision=recall + 0.1),
        planted(3, 5, top1=precision, recall=recall),
    ]
    for kind in MISPRINTS.values():
        for column in range(5):
            grid = cells(table, Style())
            grid[6][5 + column] = kind(table[5].figures[column])
            found.append(audited(text(grid, Style())))
    for at, cell in ((1, "CutMix"), (2, "CIFAR-10"), (5, "ViT-S/16"), (0, "Exp-9")):
        grid = cells(table, Style())
        grid[6][at] = cell
        found.append(audited(text(grid, Style())))
    grid = cells(table, Style())
    grid[6][1], grid[6][2] = grid[6][2], grid[6][1]
    found.append(audited(text(grid, Style())))
    grid = cells(table, Style())
    del grid[6]
    found.append(audited(text(grid, Style())))
    grid = cells(table, Style())
    grid[0][5], grid[0][6] = grid[0][6], grid[0][5]
    found.append(audited(text(grid, Style())))
    other = [[row[0], row[5]] for row in cells(table, Style())]
    other[6][1] = "1.30%"
    found.append(audited(text(cells(table, Style())) + "\n\n" + text(other)))
    said = {f.why for audit in found for f in audit.findings}
    assert len({finding.code for finding in said}) >= 15
    for finding in said:
        speaks_korean(finding)


def test_a_korean_page_has_no_english_sentence_of_ours(tmp_path):
    states = {"vit-cutmix-s2": "pending", "resnet-default-s0": "failed"}
    study = made_study.write(tmp_path / "s", TWO, made_study.Made(n=50, ill=3, states=states))
    damage(tmp_path / "s" / study.expand()[4].directory, ("summary.json", b"{"))
    analysed, old = summary("attribution"), "its map is 4 x 4, too coarse to say where; it takes 8 x 8"
    analysed["notes"]["digits-resnet-default"]["rollout"] = old  # as version 0.2.0 wrote it
    place = tmp_path / "s" / "analysis" / "attribution"
    place.mkdir(parents=True)
    records.write_json(place / "summary.json", analysed)
    results = folders.study(tmp_path / "s")
    written = page.write(results, out=tmp_path / "ko", language="ko").page.read_text()
    assert "올바른 JSON이 아닙니다" in written and "배치 정규화 통계가 원본 이미지와 맞지 않습니다" in written
    foreign = re.findall('<span lang="en">(.*?)</span>', written)
    assert set(foreign) == {"the training loss became nan", old}  # as old records have it
    assert (
        "맵 크기(2 x 2)가 너무 작아 위치를 나타낼 수 없습니다" in written
        and "too coarse to loc" not in written
    )
    english = page.write(results, out=tmp_path / "en").page.read_text()
    assert "is not valid JSON" in english and "batch norm statistics do not fit" in english


def test_data_of_another_version_and_edited_settings_are_reported_in_korean(tmp_path):
    folder = tmp_path / "data" / "digits"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"schema": 99}')
    planned = matrix.load("quickstart").expand(seeds=1)
    (found,) = requirements.things(standings(planned, tmp_path / "runs"), tmp_path / "data")
    assert found.code == "missing-data-damaged" and "another version" in i18n.render(found)
    speaks_korean(found)
    (tmp_path / "config.yaml").write_text("optim: {lr: -1}\n")
    with pytest.raises(DataError, match=r"optim.lr must be above 0.*put config.yaml back") as raised:
        records.read_config(tmp_path)
    speaks_korean(raised.value.finding)
    assert "optim.lr: 값이 허용 범위를 벗어났습니다" in i18n.render(raised.value.finding, "ko")


# --- the terminal -------------------------------------------------------------------------------


def spoken(monkeypatch, encoding, *words):
    """What a command writes on a terminal of this encoding: (exit code, output, errors)."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    code = cli.main([str(word) for word in words])
    for stream in streams:
        stream.flush()
    return code, *(stream.buffer.getvalue().decode(encoding) for stream in streams)


def commands(folder):
    yield "judge", folder, "--budget"
    yield "compare", folder, folder
    yield "report", folder
    yield "study", "table", folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("korean") / "s"
    made_study.write(
        place, made_study.SMALL, made_study.Made(n=60, states={"vit-cutmix-imagenet-s2": "pending"})
    )
    return place


@pytest.mark.parametrize("at", range(4), ids=["judge", "compare", "report", "study table"])
def test_verdicts_are_korean_on_the_terminal(monkeypatch, folder, at):
    words = list(commands(folder))[at]
    code, out, err = spoken(monkeypatch, "utf-8", *words, "--lang", "ko")
    assert code == 0 and err == ""
    own = {claim.text["en"] for claim in folders.study(folder).claims}  # what a study says in English only
    out = "\n".join(
        line for line in out.replace(str(folder), "").splitlines() if not any(o in line for o in own)
    )
    assert re.search("[가-힣]", out) and not ENGLISH.search(out), out


def test_an_audit_is_korean_on_the_terminal(monkeypatch, tmp_path):
    grid = cells(rows(3), Style())
    grid[6][5], grid[6][6], grid[7][5] = "12.3%%", "1.2%", "140%"
    sentences = "A (31.2%) > B (43.1%).\n\nTop-1 rises by +19.9 %p (23.8 -> 41.8).\n"
    file = tmp_path / "table.md"
    file.write_text(f"{text(grid, Style())}\n\n{sentences}")
    code, out, err = spoken(monkeypatch, "utf-8", "audit", file, "--lang", "ko")
    assert code == 0 and err == "" and "모순" in out and "향상폭" in out and "본문 +19.9" in out
    own = "\n".join(line for line in out.splitlines() if line.split()[:1] != ["recall-is-top1"])  # a name
    assert not ENGLISH.search(own), own
    said = "contradictions (cannot be as printed)"
    assert said not in out and said in spoken(monkeypatch, "utf-8", "audit", file)[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp949"])
@pytest.mark.parametrize("at", range(4), ids=["judge", "compare", "report", "study table"])
def test_no_terminal_stops_a_command(monkeypatch, folder, at, encoding):
    words = list(commands(folder))[at]
    code, out, err = spoken(monkeypatch, encoding, *words, "--lang", "ko")
    assert code == 0 and out
    assert ("PYTHONUTF8" in err) == (encoding != "cp949")
    assert bool(re.search("[가-힣]", out)) == (encoding == "cp949")


def test_a_language_that_is_not_there_is_refused(monkeypatch, folder):
    code, _, err = spoken(monkeypatch, "utf-8", "judge", folder, "--lang", "de")
    assert code == 2 and '--lang: no language "de" is known' in err
