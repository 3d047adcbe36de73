"""What a study takes is said before its first run starts, and what to do where that is too long."""

import json

import pytest

from mixscope import cli, i18n
from mixscope.formatting import duration
from mixscope.studies import probes, start_check
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
