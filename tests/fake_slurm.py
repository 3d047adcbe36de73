"""Slurm's commands as far as submitit uses them, on this machine: the first argument says which.

What is asked of it is kept in the folder $FAKE_SLURM: a script and a file of its state for each job.
While a file named hold is there, jobs that run do not begin what they were given.
Signals reach every process of a job, as they do from Slurm.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

HOME = Path(os.environ["FAKE_SLURM"])


def sbatch(script: str) -> None:
    number = 100 + len(list(HOME.glob("*.sh")))
    copy = HOME / f"{number}.sh"
    copy.write_text(Path(script).read_text())
    array = re.search(r"--array=0-(\d+)%(\d+)", copy.read_text())
    last, width = (int(array[1]), array[2]) if array else (0, "1")
    jobs = [f"{number}_{i}" for i in range(last + 1)] if array else [str(number)]
    for job in jobs:
        say(job, "PENDING")
    subprocess.Popen(
        [sys.executable, __file__, "work", str(copy), width, *jobs],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    print(f"Submitted batch job {number}")


def work(script: str, width: str, *jobs: str) -> None:
    """The daemon of one submission: its jobs, `width` at a time."""
    time.sleep(1.0)  # submitit writes what a job needs after sbatch has returned
    waiting, running = list(jobs), {}
    while waiting or running:
        while waiting and len(running) < int(width):
            job = waiting.pop(0)
            if state(job) != "CANCELLED":
                running[job] = begin(script, job)
                (HOME / f"{job}.pid").write_text(str(running[job].pid))
                say(job, "RUNNING")
        for job, process in list(running.items()):
            code = process.poll()
            if code is not None:
                del running[job]
                if (HOME / f"{job}.requeue").exists():
                    (HOME / f"{job}.requeue").unlink()
                    say(job, "REQUEUED")
                    waiting.append(job)
                elif state(job) != "CANCELLED":
                    say(job, "COMPLETED" if code == 0 else "FAILED")
        time.sleep(0.1)


def begin(script: str, job: str) -> subprocess.Popen:
    array, _, task = job.partition("_")
    about = {"SLURM_JOB_ID": job.replace("_", "0"), "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
    if task:
        about |= {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task}
    return subprocess.Popen(["bash", script], env=os.environ | about, start_new_session=True)


def srun(*words: str) -> None:
    rest, files = list(words), {}
    while rest[0].startswith("--"):
        option = rest.pop(0)
        if option in ("--output", "--error"):
            array, task = os.environ.get("SLURM_ARRAY_JOB_ID", ""), os.environ.get("SLURM_ARRAY_TASK_ID", "")
            marks = {"%A": array, "%a": task, "%j": os.environ["SLURM_JOB_ID"], "%t": "0"}
            name = rest.pop(0)
            for mark, value in marks.items():
                name = name.replace(mark, value)
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            files[option] = open(name, "ab")
    while (HOME / "hold").exists():
        time.sleep(0.05)
    sys.exit(subprocess.call(rest, stdout=files["--output"], stderr=files["--error"]))


def sacct(*_: str) -> None:
    print("JobID|State|NodeList")
    for file in sorted(HOME.glob("*.state")):
        print(f"{file.stem}|{file.read_text()}|here")


def scancel(*words: str) -> None:
    job = next(word for word in words if word[0].isdigit())
    if "--signal" in words:
        return reach(job, getattr(signal, f"SIG{words[words.index('--signal') + 1].removeprefix('SIG')}"))
    say(job, "CANCELLED")
    reach(job, signal.SIGTERM)


def reach(job: str, number: int) -> None:
    file = HOME / f"{job}.pid"
    if not file.exists() or not psutil.pid_exists(int(file.read_text())):
        return
    for process in psutil.Process(int(file.read_text())).children(recursive=True):
        # srun only waits, and so does the shell above it.
        if __file__ not in process.cmdline():
            process.send_signal(number)


def scontrol(word: str, job: str) -> None:
    assert word == "requeue"
    (HOME / f"{job}.requeue").touch()


def say(job: str, what: str) -> None:
    (HOME / f"{job}.state.new").write_text(what)
    os.replace(HOME / f"{job}.state.new", HOME / f"{job}.state")


def state(job: str) -> str:
    return (HOME / f"{job}.state").read_text()


if __name__ == "__main__":
    command = {f.__name__: f for f in (sbatch, srun, sacct, scancel, scontrol, work)}[sys.argv[1]]
    command(*sys.argv[2:])
