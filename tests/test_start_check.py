"""What a study takes is said before its first run starts, and what to do where that is too long."""

import json
import re

import pytest

from mixscope import cli, i18n
from mixscope.formatting import duration
from mixscope.studies import probes, progress_table, start_check
from mixscope.studies.status import Standing
from mixscope.study import matrix

MEASURED = {
    "time": "2026-11-30T06:10:00+0000",
    "machine": "a CPU",
    "cores": 2,
    "threads": 2,
    "busy_cores": 0.0,
}


class Probe:
    """Figures of a machine of any speed; counts what it is asked."""

    def __init__(self, rate, **more):
        self.asked, self.made = (
            0,
            {
                "startup_seconds": 2.0,
                "train_rate": rate,
                "judge_rate": 3 * rate,
                "memory_bytes": 700_000_000,
                "device_bytes": None,
                "checkpoint_bytes": 5_000_000,
                "weights_bytes": 1_000_000,
                "measured": MEASURED,
                **more,
            },
        )

    def figures(self, config, size):
        return self.made

    def measure(self, wanted):
        self.asked += len(wanted)
        return dict.fromkeys(wanted, self.made)


def checked(tmp_path, root, probe, name="quickstart", *, remembered=None, **asked):
    study = matrix.load(name)
    runs = study.expand(**asked)
    return start_check.check(
        study, runs, tmp_path / "out", root=root, slots=1, prober=probe, remembered=remembered or Probe(1.0)
    )


def test_time_memory_and_disk_are_reported_with_the_date_of_the_probe(tmp_path, digits_root):
    found = checked(tmp_path, digits_root, Probe(1000.0))
    text = "\n".join(found.lines())
    assert text.startswith("study     quickstart: 18 runs of 6 experiments, 18 to do, in ")
    assert f"time left {duration(found.totals['eta_seconds'])}, one after the other" in text
    assert "memory    700 MB of " in text and " free" in text and "measured  2026-11-30 06:10" in text
    assert found.instead == [] and "instead" not in text
    assert not (tmp_path / "out").exists()


def test_a_study_of_days_says_what_to_do_instead(tmp_path, digits_root):
    found = checked(tmp_path, digits_root, Probe(1.0))
    codes = [finding.code for finding in found.instead]
    assert codes == ["instead-gpu", "instead-seeds"]
    alone = checked(tmp_path, digits_root, Probe(1.0), seeds=1)
    told = i18n.render(found.instead[1])
    assert f"--seeds 1: {duration(alone.totals['eta_seconds'])}; " in told and "needs 3 seeds" in told
    assert [finding.code for finding in alone.instead] == ["instead-gpu"]
    on_gpu = checked(tmp_path, digits_root, Probe(1.0, device_bytes=10**9), seeds=1)
    assert on_gpu.instead == []


def test_the_full_study_names_the_one_for_two_cores_and_quickstart(tmp_path):
    study = matrix.load("resnet-vs-vit")
    found = start_check.standings(study.expand(), tmp_path / "out")
    costs = [start_check.Estimate(left_seconds=36_000.0)] * len(found)
    codes = [finding.code for finding in start_check.instead(study, found, costs, slots=2)]
    assert codes == ["instead-gpu", "instead-seeds", "instead-two-cores", "instead-quickstart"]
    assert start_check.TWO_CORES in matrix.builtin() and set(start_check.SIZED) <= set(matrix.builtin())


@pytest.mark.parametrize("gpu", [False, True])
def test_a_large_study_whose_data_are_missing_says_so_and_what_to_do_on_a_cpu(
    tmp_path, monkeypatch, capsys, gpu
):
    monkeypatch.setattr(start_check.hardware, "gpu", lambda: gpu)
    words = ["study", "run", "resnet-vs-vit", "--out", str(tmp_path / "out"), "--root", str(tmp_path)]
    assert cli.main([*words, "--only", "pretrained=scratch", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "\ntime left unknown until the data are prepared\n" in said
    for part in (
        "a GPU: ",
        "--seeds 1: the first seed alone; ",
        f"mixscope study run {start_check.TWO_CORES}",
    ):
        assert (f"\n  {part}" in said) != gpu, said
    assert "\n  mixscope study run quickstart: " in said


def test_missing_weights_alone_leave_the_time_known(tmp_path, digits_root):
    text = matrix.source("quickstart").replace("base:", "base:\n  model.pretrained: nowhere/w.safetensors", 1)
    study = matrix.parse(text, file="s.yaml")
    prober = Probe(1000.0)
    found = start_check.check(
        study,
        study.expand(),
        tmp_path / "out",
        root=digits_root,
        slots=1,
        prober=prober,
        remembered=Probe(1.0),
    )
    assert "missing-weights" in {finding.code for finding in found.lacking}
    assert prober.asked == 2 and "\ntime left " in "\n".join(found.lines())


def test_what_takes_minutes_anywhere_is_not_measured(tmp_path, digits_root):
    probe, remembered = Probe(1000.0), Probe(1000.0)
    checked(tmp_path, digits_root, probe, remembered=remembered, only={"name": "vit-mixup"}, seeds=1)
    assert (probe.asked, remembered.asked) == (0, 1)
    checked(tmp_path, digits_root, probe, remembered=remembered)
    assert (probe.asked, remembered.asked) == (2, 1)


@pytest.mark.parametrize("json_too", [False, True])
def test_a_dry_run_says_it_and_stops_there(tmp_path, digits_root, monkeypatch, capsys, json_too):
    monkeypatch.setattr(probes, "Prober", lambda **_: Probe(1.0))
    words = ["study", "run", "quickstart", "--out", str(tmp_path / "out"), "--root", str(digits_root)]
    assert cli.main([*words, "--dry-run", *(["--json"] if json_too else [])]) == 0
    out, err = capsys.readouterr()
    assert not (tmp_path / "out").exists() and err == ""
    if json_too:
        told = json.loads(out)
        assert told["runs"] == told["left"] == 18 and told["total"]["eta_seconds"] > start_check.LONG_SECONDS
        assert [finding["code"] for finding in told["instead"]] == ["instead-gpu", "instead-seeds"]
    else:
        assert "time left" in out and "  --seeds 1: " in out and out.endswith("nothing was started\n")


def korean(lines):
    return [line for line in lines if line.strip() and not re.search("[가-힣]", line)]


def test_the_check_plan_and_status_speak_korean(tmp_path, digits_root, monkeypatch, capsys):
    slow = Probe(1.0, measured={**MEASURED, "busy_cores": 1.5})
    monkeypatch.setattr(probes, "Prober", lambda **_: slow)
    words = ["quickstart", "--out", str(tmp_path / "out"), "--root", str(digits_root), "--lang", "ko"]
    assert cli.main(["study", "run", *words, "--dry-run"]) == 0
    check = capsys.readouterr().out
    assert korean(check.splitlines()) == []
    assert (
        f"남은 시간 {i18n.duration(checked(tmp_path, digits_root, slow).totals['eta_seconds'], 'ko')}"
        in check
    )
    for verb in ("plan", "status"):
        assert cli.main(["study", verb, *words]) == 0
        head, *lines = capsys.readouterr().out.splitlines()
        rows = [line for line in lines if re.match(r"(resnet|vit)-", line)]
        assert head.split()[0] == "실행" and len(rows) == 18 and {"대기"} <= set(rows[0].split())
        assert korean(lines) == [], verb
    assert cli.main(["study", "retry", *words]) == 0
    assert "실패한" in capsys.readouterr().out


def test_what_is_missing_is_said_in_korean(tmp_path, capsys):
    words = ["quickstart", "--out", str(tmp_path / "out"), "--root", str(tmp_path), "--lang", "ko"]
    assert cli.main(["study", "run", *words]) == 4
    assert "데이터 digits이(가) 준비되어 있지 않습니다" in capsys.readouterr().err


def test_a_log_is_in_korean(tmp_path, monkeypatch, capsys):
    run = matrix.load("quickstart").expand()[0]
    found = [Standing(run, tmp_path, "running", epoch=3, epochs=12)]
    with progress_table.Lines(probe=None, root=tmp_path, slots=1, lang="ko") as notice:
        notice(found, {"event": "gave up", "run": run.directory})
        monkeypatch.setattr(progress_table.time, "monotonic", lambda: notice.shown_at + 181.0)
        notice(found, None)
    gave_up, under_way = capsys.readouterr().out.splitlines()
    assert gave_up == f"  0/1  포기     {run.directory}"
    assert under_way == f"  0/1  진행     {run.directory} 에폭 3/12; 완료 0/1  실행 중 1개  남은 시간 미상"
