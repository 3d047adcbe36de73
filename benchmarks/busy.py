"""How fast networks train beside other programs: as by default, with other waits, with one thread, as chosen.

    python benchmarks/busy.py [--root DIR] [--set digits] [--rounds 5] [--loads 0 1 2 5] [--networks WORDS]
    python benchmarks/busy.py --arriving [--seconds 6] [--loads 1 2 5] ...

Other programs are processes that compute without end, as many as each load says, with the usual priority and
niced. Rows, in turn, for each load: nothing set (torch takes one thread for each core, which spin while they
wait); spinning 100 and 10,000 rounds; waiting passively; one thread; and what mixscope chooses at that moment
(threads.py), by timing some steps where `mixscope train` does. Images per second of training, by fresh
processes that time some steps (runs/probe.py).

With --arriving the other programs start when a process has trained for some seconds, and its rate is measured
from then on; the rate before is printed as well. What is chosen was chosen before they came.

Target: what is chosen is at least 0.8 of the best row at every load, and 0.97 of the default at none. One
JSON line a row and a ratio, then a table for each network and load. Half an hour for one network and all
loads on two cores, as long again with --arriving; nothing else should run.
"""

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import arguments
from mixscope import threads
from mixscope.bench import data_set
from mixscope.bench.rounds import Measured, measure
from mixscope.cli.exit_codes import ended
from mixscope.data.store import data_root
from mixscope.errors import ConfigError, RunFailed
from mixscope.hardware import cores
from mixscope.studies import probes
from mixscope.study import config

NETWORKS = {
    "small ResNet": [
        "model.arch=resnet10t",
        "model.stem=small",
        "model.kwargs={channels: [16, 32, 64, 128], stem_width: 16}",
        "train.batch_size=128",
    ],
    "small ViT": [
        "model.arch=vit_tiny_patch16_224",
        "model.patch_size=4",
        "model.kwargs={embed_dim: 96, depth: 4, num_heads: 3}",
        "train.batch_size=128",
    ],
    "ResNet50": ["model.arch=resnet50", "train.batch_size=64"],
    "ViT-S/16": ["model.arch=vit_small_patch16_224", "train.batch_size=64"],
}
DEFAULT, CHOSEN = "default", "chosen"
ENDLESS = "while True: pass"
NICED = 19
TRAINING = "--training"  # the process that is measured with --arriving
WARM_STEPS = 5


Variables = dict[str, str]


def environments(choose: Callable[[], Variables]) -> dict[str, Callable[[], Variables]]:
    """What is set of each row; `choose` is called when its row is measured."""
    return {
        DEFAULT: dict,
        "spin 100": lambda: {"GOMP_SPINCOUNT": "100"},
        "spin 10,000": lambda: {"GOMP_SPINCOUNT": "10000"},
        "passive": lambda: {"OMP_WAIT_POLICY": "PASSIVE"},
        "one thread": lambda: dict.fromkeys(threads.COUNTS, "1"),
        CHOSEN: choose,
    }


def chosen(settings: config.RunConfig, root: Path) -> Variables:
    """What `mixscope train` sets now; where it times numbers of threads, they are timed."""
    decided = threads.decide(environment={})
    rates = {
        count: trained(settings, root, {**decided.waits, **dict.fromkeys(threads.COUNTS, str(count))})
        for count in decided.options
    }
    made = dict(decided.timed(rates).environment)
    print(json.dumps({"row": CHOSEN, "set": made}), flush=True)
    return made


def cleaned(extra: Variables) -> Variables:
    """This environment without what says how many threads there are and how they wait, and `extra`."""
    unwanted = (*threads.COUNTS, *threads.WAITS, threads.WHY)
    return {k: v for k, v in os.environ.items() if k not in unwanted} | extra


def trained(settings: config.RunConfig, root: Path, extra: Variables) -> float:
    """Images per second of training, in a fresh process."""
    before = dict(os.environ)
    new = cleaned(extra)
    os.environ.clear()
    os.environ.update(new)
    try:
        made = probes.run_probes([settings], root=root, threads=None)[0]
    finally:
        os.environ.clear()
        os.environ.update(before)
    if isinstance(made, str):
        raise RunFailed("process-failed", made)
    return float(made["train_rate"])


def overtaken(
    settings: config.RunConfig, root: Path, extra: Variables, arrive: Callable[[], Any], seconds: float
) -> tuple[float, float]:
    """Images per second of a fresh process before and after others arrive.

    Args:
        settings: Settings of the run.
        root: Folder of prepared data sets.
        extra: Environment variables.
        arrive: Context manager in which the other programs run.
        seconds: Seconds of each measurement.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, TRAINING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=cleaned(extra),
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    asked = {"settings": settings.to_dict(), "root": str(root), "seconds": seconds}
    try:
        _say(process.stdin, json.dumps(asked))
        before = process.stdout.readline()
        with arrive():
            _say(process.stdin, "go on")
            after = process.stdout.readline()
        return float(before), float(after)
    except (OSError, ValueError) as problem:
        raise RunFailed(
            "process-failed", f"the process that is measured ended with code {process.wait()}"
        ) from problem
    finally:
        process.kill()
        process.communicate()


def _say(stream: IO[str], line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


def training() -> int:
    """The process of `overtaken`: prints the rate of some seconds for each line that it reads."""
    import torch

    from mixscope.runs import setup
    from small_steps import Steps

    asked = json.loads(sys.stdin.readline())
    settings = config.from_dict(
        {**asked["settings"], "train": {**asked["settings"]["train"], "epochs": 1000}}
    )
    with setup.ready_for(settings, Path(asked["root"]), torch.device("cpu")) as ready:
        steps = Steps(settings, ready)
        steps.make(WARM_STEPS)
        while True:
            rate = settings.train.batch_size / steps.make(math.inf, asked["seconds"])
            _say(sys.stdout, str(rate))
            if not sys.stdin.readline():
                return 0


@contextmanager
def others(count: int, *, niced: bool) -> Iterator[None]:
    """So many programs that compute without end."""
    before = (lambda: os.nice(NICED)) if niced else None
    programs = [subprocess.Popen([sys.executable, "-c", ENDLESS], preexec_fn=before) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--loads", type=int, nargs="+")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="WORDS")
    parser.add_argument("--arriving", action="store_true", help="other programs start during the run")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement with --arriving")
    given = parser.parse_args()
    loads = given.loads or ([1, 2, 5] if given.arriving else [0, 1, 2, 5])
    unknown = [name for name in given.networks if name not in NETWORKS]
    if unknown:
        raise ConfigError("unknown-name", f"{unknown[0]} is none of {', '.join(NETWORKS)}", key="--networks")
    root = data_root(given.root)
    store = data_set.chosen(root, given.name)
    summary: list[dict[str, Any]] = []
    for network in given.networks:
        settings = config.load(
            None, [f"data.name={store.name}", "run.device=cpu", "augment.mix=cutmix", *NETWORKS[network]]
        )
        for load in loads:
            for niced in (False, True) if load else (False,):
                about = f"{network}, {load} other programs{', niced' if niced else ''}"
                context = {"network": network, "programs": load, "niced": niced, "cores": cores()}
                measured = arriving if given.arriving else beside
                found = measured(settings, root, load, niced, given, context | {"arriving": given.arriving})
                print(f"{found.lines()}\n\n{about}\n{found.table()}\n", flush=True)
                best = max(statistics.median(rates) for name, rates in found.found.items() if name != CHOSEN)
                summary.append(
                    {
                        "row": about,
                        "chosen / best": statistics.median(found.found[CHOSEN]) / best,
                        "chosen / default": found.ratio(CHOSEN, DEFAULT)[0],
                    }
                )
    for row in summary:
        print(
            f"{row['chosen / best']:.2f} of the best, {row['chosen / default']:.2f} of default   {row['row']}"
        )


def beside(
    settings: config.RunConfig, root: Path, load: int, niced: bool, given: Any, context: dict[str, Any]
) -> Measured:
    """Rates beside programs that were there before."""
    rows = environments(lambda: chosen(settings, root))
    with others(load, niced=niced):
        return measure(
            {name: lambda make=make: trained(settings, root, make()) for name, make in rows.items()},
            unit="images/s",
            rounds=given.rounds,
            ratios=[(CHOSEN, name) for name in rows if name != CHOSEN],
            context=context,
            warm_up=False,
        )


def arriving(
    settings: config.RunConfig, root: Path, load: int, niced: bool, given: Any, context: dict[str, Any]
) -> Measured:
    """Rates after other programs have come; those before are printed."""
    rows = environments(lambda: chosen(settings, root))
    quiet: dict[str, list[float]] = {name: [] for name in rows}

    def row(name: str) -> float:
        come = partial(others, load, niced=niced)
        before, after = overtaken(settings, root, rows[name](), come, given.seconds)
        quiet[name].append(before)
        return after

    found = measure(
        {name: partial(row, name) for name in rows},
        unit="images/s after others came",
        rounds=given.rounds,
        ratios=[(CHOSEN, name) for name in rows if name != CHOSEN],
        context=context,
        warm_up=False,
    )
    for name, rates in quiet.items():
        median = statistics.median(rates)
        print(json.dumps({"row": name, "before": median, "low": min(rates), "high": max(rates)}))
    return found


if __name__ == "__main__":
    raise SystemExit(training() if sys.argv[1:] == [TRAINING] else ended(main))
