"""A Korean page is Korean, also where it says what records, gates and audits found in English."""

import re

import made_study
from audited import Style, cells, rows, text
from mixscope import i18n
from mixscope.claims import health, verdicts
from mixscope.report import page, sentences
from mixscope.results import folders
from mixscope.runs import records
from test_audit import MISPRINTS, audited, planted
from test_completeness import BANDED, damage, reached
from test_verdicts import TWO, edit, skill

ENGLISH = re.compile(r"\b(?:the|is|are|of|and|or|that|with|was|were|than|runs?|seeds?|lies|stands)\b")


def korean(sentence):
    found = sentences.translated(sentence, "ko")
    assert found is not None, sentence
    return found


def speaks_korean(sentence):
    found = re.sub(r"\S*/\S*|No such file or directory", "", korean(sentence))  # paths and the system's words
    assert re.search("[가-힣]", found) and not ENGLISH.search(found), (sentence, found)


def told(folder):
    """Everything that a study's folder makes claims and health say."""
    found = folders.study(folder)
    readings = [r for v in verdicts.judge(found) for r in v.readings]
    return {
        *(p.sentence for p in health.examine(found)),
        *(sentence for r in readings for sentence in (*_recorded(r), *r.caveats)),
        *(run.error for run in found.runs if run.state == "damaged"),
    }


def _recorded(reading):
    """Sentences of gates that are not findings yet; the catalogues have the others."""
    both = zip(reading.findings, reading.gates, strict=True)
    return [text for finding, text in both if i18n.RECORDED in finding.params]


def test_what_is_missing_or_made_otherwise_is_told_in_korean(tmp_path):
    states = {
        "vit-cutmix-s2": "pending",
        "vit-default-s": "running",
        "resnet-default-s0": "failed",
        "resnet-cutmix-s1": "interrupted",
    }
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, made_study.Made(n=50, ill=-1, states=states))
    run = folder / next(r.directory for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    about = records.read_environment(run)
    edit(
        run / "environment.json",
        packages={"torch": "2.13.0", "timm": "1.0.31"},
        device={"type": "cuda", "name": "a GPU"},
        data=about["data"] | {"digest": "0" * 64},
        digest="0" * 16,
    )
    edit(run / "summary.json", code=["f" * 16], protocol="published")
    said = told(folder)
    assert len(said) >= 9
    for sentence in said:
        speaks_korean(sentence)
    assert korean("2 runs are not begun: a-b seeds 0, 1; c seed 3 and 4 more experiments") == (
        "시작하지 않은 실행 2개: a-b 시드 0, 1; c 시드 3 외 실험 4개"
    )
    made_study.write(tmp_path / "all", TWO, made_study.Made(n=50, states={"": "pending"}))
    for sentence in told(tmp_path / "all"):
        speaks_korean(sentence)


def test_gates_and_caveats_are_told_in_korean(tmp_path):
    made_study.write(tmp_path / "one", made_study.SMALL.replace("[0, 1, 2]", "[0]"))
    made_study.write(tmp_path / "small", made_study.SMALL, skill(**{"vit-mixup-scratch": 0.4}))
    text_of = TWO.replace("expect:", "pair_seeds: true\n    expect:")
    states = {
        f"{m}-{arm}-s{s}": "pending"
        for m in ("vit", "resnet")
        for arm, s in (("cutmix", 0), ("default", 1), ("default", 2))
    }
    made_study.write(tmp_path / "pairs", text_of, made_study.Made(n=20, states=states))
    said = set().union(*(told(tmp_path / name) for name in ("one", "small", "pairs")))
    for sentence in said:
        if "the weights" not in sentence and "health check" not in sentence:
            speaks_korean(sentence)


def test_accuracy_outside_a_band_is_told_in_korean(tmp_path):
    study = made_study.write(tmp_path / "s", BANDED, made_study.Made(n=50, ill=-1))
    for planned in study.expand():
        reached(tmp_path / "s" / planned.directory, 0.95, 45_000)
    assert any("literature" in sentence for sentence in told(tmp_path / "s"))


def test_doubts_of_an_audit_are_told_in_korean():
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
    said = {f.why for audit in found for f in audit.findings if f.rule not in ("noise", "order")}
    assert len({finding.code for finding in said}) >= 15
    for finding in said:
        shown = i18n.render(finding, "ko")
        assert re.search("[가-힣]", shown) and not ENGLISH.search(shown), shown


def test_what_nobody_has_translated_stays_as_it_is():
    for foreign in ("CUDA error: device-side assert", "killed (9)", "a; b", "x or y (z)", "one: two"):
        assert sentences.translated(foreign, "ko") is None
    assert sentences.translated("anything at all", "en") == "anything at all"
    assert korean("1 run failed: vit seed 0: CUDA error (9)") == (
        "실패한 실행 1개: vit 시드 0: CUDA error (9)"
    )


def test_pairs_have_the_same_gaps_and_no_two_are_alike():
    pairs = sentences.pairs()
    for pair in pairs:
        assert set(re.findall(r"\{\w+\}", pair["en"])) == set(re.findall(r"\{\w+\}", pair["ko"])), pair
    assert len({pair["en"] for pair in pairs}) == len(pairs)


def test_a_korean_page_has_no_english_sentence_of_ours(tmp_path):
    states = {"vit-cutmix-s2": "pending", "resnet-default-s0": "failed"}
    study = made_study.write(tmp_path / "s", TWO, made_study.Made(n=50, ill=-1, states=states))
    damage(tmp_path / "s" / study.expand()[4].directory, ("summary.json", b"{"))
    made = page.write(folders.study(tmp_path / "s"), out=tmp_path / "ko", language="ko")
    written = made.page.read_text()
    assert "올바른 JSON이 아닙니다" in written
    assert 'lang="en"' not in written
    english = page.write(folders.study(tmp_path / "s"), out=tmp_path / "en").page.read_text()
    assert "is not valid JSON" in english
