"""How a study looks while it goes, from standings that are only pretended."""

import io

import pytest
from rich.console import Console

from mixscope.studies import progress_table
from mixscope.studies.estimate import Estimate
from mixscope.studies.status import Standing
from mixscope.study import matrix

RUNS = matrix.load("quickstart").expand()


def standing(i, state, tmp_path, **more):
    return Standing(RUNS[i], tmp_path, state, epochs=12, **more)


@pytest.fixture
def found(tmp_path):
    """Eight are done, two run, one has failed, the rest is to come."""
    running = {"images_per_second": 100.0, "beat_age": 1.0, "epoch_seconds": 2.0, "epoch_steps": 10}
    return [
        *(standing(i, "done", tmp_path, epoch=12, top1=90.0 + i) for i in range(8)),
        standing(8, "running", tmp_path, epoch=3, step=30, top1=50.0, **running),
        standing(9, "running", tmp_path, epoch=2, step=25, **running),
        standing(10, "failed", tmp_path, error="no memory"),
        *(standing(i, "pending", tmp_path) for i in range(11, 18)),
    ]


def costs(found, seconds):
    return [Estimate(left_seconds=0.0 if s.state == "done" else seconds) for s in found]


def test_the_total_counts_states_adds_rates_and_waits_for_what_is_left(found):
    total = progress_table.total(found, costs(found, 10.0), slots=2)
    assert total["states"] == {"done": 8, "running": 2, "failed": 1, "pending": 7}
    assert total["images_per_second"] == 200.0
    assert total["eta_seconds"] == 50, (
        "nine runs of ten seconds, two at once; the failed one is not waited for"
    )
    assert progress_table.sentence(total) == "8/18 done  2 running  1 failed  7 pending  200 img/s  eta 50 s"
    assert "eta unknown" in progress_table.sentence(progress_table.total(found, costs(found, None), slots=2))


def test_the_rate_of_a_run_that_is_silent_is_left_out(found, tmp_path):
    silent = standing(9, "running", tmp_path, images_per_second=1e6, beat_age=100.0)
    total = progress_table.total([*found[:9], silent], costs(found[:10], 1.0), slots=1)
    assert total["images_per_second"] == 100.0


@pytest.mark.parametrize("most", [3, 5, 9, 18, 40])
def test_where_there_is_little_space_what_needs_a_look_comes_first(found, most):
    chosen = progress_table.shown(found, most)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(most, 18)
    assert {8, 9, 10} <= set(chosen), "the running ones and the failed one"
    if most == 9:
        assert chosen == [5, 6, 7, 8, 9, 10, 11, 12, 13]


def test_rows_say_of_a_running_run_when_it_is_done(found):
    rows = progress_table.rows(found, costs(found, 7.0))
    assert [row["eta_seconds"] for row in rows[7:11]] == [None, 7.0, 7.0, None]
    assert rows[8]["top1"] == 50.0 and rows[9]["top1"] is None and rows[10]["error"] == "no memory"


def test_a_terminal_shows_a_table_and_keeps_what_went_wrong(found, tmp_path):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=12, color_system=None)
    with progress_table.LiveTable(console, probe=None, root=tmp_path, slots=2) as notice:
        notice(found, {"event": "gave up", "run": RUNS[10].directory, "reason": "no memory"})
        notice(found, {"event": "started", "run": RUNS[9].directory})
    text = screen.getvalue()
    assert f"gave up  {RUNS[10].directory}  no memory" in text and "started" not in text
    assert f"{RUNS[8].name}  seed {RUNS[8].seed}" in text and "50.0 %" in text and "18 s" in text
    assert "8/18 done" in text and "not shown" in text


def test_a_log_gets_a_line_for_every_change_and_nothing_in_between(found, tmp_path, capsys):
    with progress_table.Lines(probe=None, root=tmp_path) as notice:
        notice(found, None)
        notice(found, {"event": "done", "run": "Exp-1"})
    with progress_table.Silent() as notice:
        notice(found, {"event": "done", "run": "Exp-1"})
    assert capsys.readouterr().out == "  8/18  done     Exp-1\n"


def test_a_log_gets_a_line_with_progress_and_eta_at_least_every_few_minutes(
    found, tmp_path, monkeypatch, capsys
):

    monkeypatch.setattr(progress_table.time, "monotonic", lambda: 0.0)
    with progress_table.Lines(probe=None, root=tmp_path, slots=2) as notice:
        notice(found[:11], None)
        assert capsys.readouterr().out == ""
        monkeypatch.setattr(progress_table.time, "monotonic", lambda: 181.0)
        notice(found[:11], None)
        line = capsys.readouterr().out
        notice(found[:11], None)
        assert capsys.readouterr().out == ""
    assert line.startswith("  8/11  running  ") and f"{RUNS[8].directory} epoch 3/12" in line
    assert line.endswith("  200 img/s  eta 19 s\n")
    assert progress_table.LINE_SECONDS <= 300


def test_watching_ends_when_all_is_done_and_says_only_what_changed(found, tmp_path, monkeypatch, capsys):
    looks = iter([found, found, [standing(i, "done", tmp_path) for i in range(18)]])
    monkeypatch.setattr(progress_table, "standings", lambda runs, out: next(looks))
    monkeypatch.setattr(progress_table, "REFRESH_SECONDS", 0.0)
    progress_table.watch(RUNS, tmp_path, root=tmp_path)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["8/18 done  2 running  1 failed  7 pending", "18/18 done"]
