"""What looks at a study do for each run does not grow with the number of runs, counted in calls."""

import cProfile
import pstats

import pytest
import yaml

import made_study
from mixscope.report import grouping, page
from mixscope.results import folders, tables
from mixscope.studies import estimate, scheduler
from mixscope.studies.status import JOURNAL, Ledger, note, standings
from mixscope.study import document, matrix

FEW, MANY = 4, 16  # seeds of twelve experiments


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The same study with few and with many seeds, some runs of which were begun with other settings."""
    made = []
    for seeds in (FEW, MANY):
        tree = yaml.safe_load(made_study.SMALL)
        text = yaml.safe_dump({**tree, "seeds": list(range(seeds))}, sort_keys=False)
        folder = tmp_path_factory.mktemp("large") / "study"
        made.append((folder, made_study.write(folder, text, made_study.Made(n=20, ill=-1))))
    return made


def look(folder, study):
    return estimate.estimates(standings(study.expand(), folder), root=folder, probe=None)


def table(folder, study):
    return tables.rows(folders.of_plan(study, folder))


def calls(work, folder, study):
    profile = cProfile.Profile()
    profile.runcall(work, folder, study)
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("work", [look, table])
def test_the_work_for_each_run_is_the_same_whatever_their_number(studies, work):
    work(*studies[0])  # what is done once
    few, many = (calls(work, folder, study) / len(study.expand()) for folder, study in studies)
    assert many < 1.1 * few, "calls a run"


def test_a_later_look_of_the_scheduler_reads_nothing_of_runs_that_are_done(studies):
    counted = []
    for folder, study in studies:
        pool = scheduler._Pool(study.expand(), folder, scheduler.Options(), lambda *_: None, place=None)
        assert {s.state for s in pool.standings()} == {"done"}
        profile = cProfile.Profile()
        profile.runcall(pool.standings)
        counted.append(pstats.Stats(profile).total_calls)
    assert counted[0] == counted[1] < 200


def test_of_the_journal_a_later_look_reads_what_is_new(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.given_up() == {}
    for event, run, expected in (
        ("gave up", "a", {"a"}), ("gave up", "b", {"a", "b"}), ("started", "a", {"b"}), ("done", "a", {"b"}),
    ):  # fmt: skip
        note(tmp_path, {"event": event, "run": run, "reason": "why"})
        at = ledger.read
        assert set(ledger.given_up()) == set(Ledger(tmp_path).given_up()) == expected
        assert at < ledger.read == (tmp_path / JOURNAL).stat().st_size
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"event": "gave up", "ru')  # of a scheduler that was killed
    assert set(ledger.given_up()) == {"b"}
    note(tmp_path, {"event": "gave up", "run": "c"})
    assert set(ledger.given_up()) == {"b", "c"}


def test_a_run_of_other_settings_is_still_found_beside_its_successor(studies, tmp_path):
    folder, study = tmp_path / "study", matrix.parse(made_study.SMALL, file="study.yaml")
    made_study.write(folder, made_study.SMALL, made_study.Made(n=20))
    run = study.expand()[0]
    (folder / run.directory).rename(folder / f"{run.stem}-{'0' * 16}")
    (folder / f"{run.stem}-more").mkdir()
    found = [r for r in folders.of_plan(study, folder).runs if r.stale]
    assert [(r.experiment, r.seed, r.state) for r in found] == [(run.name, run.seed, "pending")]


@pytest.mark.parametrize(
    ("most", "language", "said"),
    [(3, "en", "the first 3 of up to 4 seeds"), (3, "ko", "시드 최대 4개 중 처음 3개"), (4, "en", "")],
)
def test_the_report_says_when_charts_leave_seeds_out(studies, tmp_path, monkeypatch, most, language, said):
    monkeypatch.setattr(grouping, "MOST_SEEDS", most)
    folder, _ = studies[0]
    results = folders.study(folder)
    page.write(results, out=tmp_path / "page.html", language=language)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count('class="small crowded"') == (5 if said else 0) and said in text
    drawn = page.figures(results)
    marks = next(drawn[name] for name in drawn if name.startswith("results-")).svg
    shown = {seed for seed in range(FEW) if f"seed {seed}:" in marks}
    assert shown == set(range(most)), "and only those are drawn"


@pytest.mark.parametrize("name", ["resnet-vs-vit", "mixing-zoo", "quickstart"])
def test_settings_are_the_same_whichever_library_reads_them(name, monkeypatch):
    text = matrix.load(name).text
    quick = document.parse(text, file="x.yaml")
    monkeypatch.setattr(document, "_is_flat", lambda text: False)
    assert document.parse(text, file="x.yaml") == quick


@pytest.mark.parametrize("text", ["[" * 64, "{a: " * 64, "- " * 64, " " * 64 + "a: 1", "? " * 40])
def test_what_may_be_nested_deeply_is_not_given_to_the_quick_library(text):
    assert not document._is_flat("a: 1\n" + text)
