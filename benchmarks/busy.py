"""How fast networks train beside other programs: as by default, with other waits, with one thread, as chosen.

    python benchmarks/busy.py [--root DIR] [--set digits] [--rounds 5] [--loads 0 1 2 5] [--networks WORDS]

Other programs are processes that compute without end, as many as each load says, with the usual priority and
niced. Rows, in turn, for each load: nothing set (torch takes one thread for each core, which spin while they
wait); spinning 100 and 10,000 rounds; waiting passively; one thread; and what mixscope chooses at that moment
(threads.py). Images per second of training, by fresh processes that time some steps (runs/probe.py).

Target: what is chosen is at least 0.8 of the best row at every load, and 0.97 of the default at none. One
JSON line a row and a ratio, then a table for each network and load. Half an hour for one network and all
loads on two cores; nothing else should run.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import arguments
from mixscope import threads
from mixscope.bench import sets
from mixscope.bench.rounds import measure
from mixscope.cli.ending import ended
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


def environments() -> dict[str, Callable[[], dict[str, str]]]:
    """What is set of each row; what is chosen is chosen when it is measured."""
    return {
        DEFAULT: dict,
        "spin 100": lambda: {"GOMP_SPINCOUNT": "100"},
        "spin 10,000": lambda: {"GOMP_SPINCOUNT": "10000"},
        "passive": lambda: {"OMP_WAIT_POLICY": "PASSIVE"},
        "one thread": lambda: dict.fromkeys(threads.COUNTS, "1"),
        CHOSEN: chosen,
    }


def chosen() -> dict[str, str]:
    """What mixscope sets now."""
    decided = threads.decide(environment={})
    counts = {} if decided.count is None else dict.fromkeys(threads.COUNTS, str(decided.count))
    return {**counts, **decided.waits}


def trained(settings: config.RunConfig, root: Path, extra: dict[str, str]) -> float:
    """Images per second of training, in a fresh process."""
    left = {k: v for k, v in os.environ.items() if k not in (*threads.COUNTS, *threads.WAITS)}
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(left | extra)
    try:
        made = probes.run_probes([settings], root=root, threads=None)[0]
    finally:
        os.environ.clear()
        os.environ.update(before)
    if isinstance(made, str):
        raise RunFailed(made)
    return float(made["train_rate"])


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
    parser.add_argument("--loads", type=int, nargs="+", default=[0, 1, 2, 5])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="WORDS")
    given = parser.parse_args()
    unknown = [name for name in given.networks if name not in NETWORKS]
    if unknown:
        raise ConfigError(f"--networks: {unknown[0]} is none of {', '.join(NETWORKS)}")
    root = data_root(given.root)
    store = sets.chosen(root, given.name)
    summary: list[dict[str, Any]] = []
    for network in given.networks:
        settings = config.load(
            None, [f"data.name={store.name}", "run.device=cpu", "augment.mix=cutmix", *NETWORKS[network]]
        )
        for load in given.loads:
            for niced in (False, True) if load else (False,):
                with others(load, niced=niced):
                    found = measure(
                        {
                            name: lambda make=make, settings=settings: trained(settings, root, make())
                            for name, make in environments().items()
                        },
                        unit="images/s",
                        rounds=given.rounds,
                        ratios=[(CHOSEN, name) for name in environments() if name != CHOSEN],
                        context={
                            "network": network,
                            "programs": load,
                            "niced": niced,
                            "chosen": chosen(),
                            "cores": cores(),
                        },
                        warm_up=False,
                    )
                about = f"{network}, {load} other programs{', niced' if niced else ''}"
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


if __name__ == "__main__":
    raise SystemExit(ended(main))
