"""Progress of a study: a live table on a terminal, one line per change elsewhere."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mixscope import i18n, output
from mixscope.errors import Interrupted
from mixscope.findings import Finding
from mixscope.formatting import padded
from mixscope.studies import estimate
from mixscope.studies.estimate import Estimate
from mixscope.studies.probes import Probe, Remembered
from mixscope.studies.status import Standing, standings
from mixscope.study.study import PlannedRun

REFRESH_SECONDS = 2.0
LINE_SECONDS = 180.0  # longest interval between lines of a log
SHOWN_RUNS = 3  # running runs named in such a line
FRESH_BEAT = 30.0  # age in seconds up to which a heartbeat's rate counts as current
# States shown first when not all runs fit.
URGENT = ("running", "failed", "damaged", "conflict", "partial")
# Events that the live table does not show but that need attention.
STAY = ("retry", "gave up", "damaged", "lost", "hung", "slots")
COLOURS = {
    "running": "cyan",
    "done": "green",
    "failed": "red",
    "damaged": "red",
    "conflict": "red",
    "partial": "yellow",
}


def rows(found: Sequence[Standing], costs: Sequence[Estimate]) -> list[dict[str, Any]]:
    """Status of every run as plain values.

    Eta_seconds is the time to its end, None if it is not being worked on.
    """
    return [
        {
            "run": s.run.directory,
            "name": s.run.name,
            "cell": dict(s.run.levels),
            "seed": s.run.seed,
            "state": s.state,
            "epoch": s.epoch,
            "epochs": s.epochs,
            "top1": s.top1,
            "images_per_second": s.images_per_second,
            "eta_seconds": cost.left_seconds if s.state == "running" else None,
            "error": s.error,
            "remark": s.remark,
        }
        for s, cost in zip(found, costs, strict=True)
    ]


def total(found: Sequence[Standing], costs: Sequence[Estimate], *, slots: int) -> dict[str, Any]:
    """Totals: runs by state, images per second of running runs, and seconds until all are finished.

    Failed runs are excluded. eta_seconds is None while something it depends on is unknown.
    """
    rates = [
        s.images_per_second
        for s in found
        if s.state == "running" and s.images_per_second is not None and (s.beat_age or 0.0) < FRESH_BEAT
    ]
    pairs = list(zip(found, costs, strict=True))
    begun = [c.left_seconds for s, c in pairs if s.state == "running"]
    waiting = [c.left_seconds for s, c in pairs if s.state in ("pending", "partial")]
    return {
        "runs": len(found),
        "states": _states(found),
        "images_per_second": sum(rates) if rates else None,
        "eta_seconds": estimate.together([*begun, *waiting], slots),
    }


def _states(found: Sequence[Standing]) -> dict[str, int]:
    return {state: sum(s.state == state for s in found) for state in dict.fromkeys(s.state for s in found)}


def sentence(totals: Mapping[str, Any], lang: str = "en") -> str:
    """Formats the totals in one line."""
    states = totals["states"]
    parts = [i18n.message("progress-of", lang, done=states.get("done", 0), runs=totals["runs"])]
    parts += [
        i18n.message("progress-count", lang, count=count, what=state_name(state, lang))
        for state, count in states.items()
        if state != "done"
    ]
    if totals.get("images_per_second") is not None:
        parts.append(i18n.message("progress-rate", lang, rate=f"{totals['images_per_second']:,.0f}"))
    eta = totals.get("eta_seconds", 0)
    if eta is None:
        parts.append(i18n.message("progress-eta-unknown", lang))
    elif eta != 0:
        parts.append(i18n.message("progress-eta", lang, seconds=eta))
    return "  ".join(parts)


def state_name(state: str, lang: str) -> str:
    """The word for a status."""
    return i18n.message(f"standing-{state}", lang)


def shown(found: Sequence[Standing], most: int) -> list[int]:
    """Which runs a table of `most` rows shows, in their order.

    Those that need attention, the last finished, the next.
    """
    urgent = [i for i, s in enumerate(found) if s.state in URGENT]
    done = [i for i, s in enumerate(found) if s.state == "done"]
    pending = [i for i, s in enumerate(found) if s.state == "pending"]
    space = max(0, most - len(urgent))
    ahead = min(len(pending), max(space // 2, space - len(done)))
    behind = min(len(done), space - ahead)
    return sorted([*urgent[:most], *pending[:ahead], *done[len(done) - behind :]])


def drawn(
    found: Sequence[Standing], costs: Sequence[Estimate], *, slots: int, height: int, lang: str = "en"
) -> RenderableType:
    """The table of a study for a terminal of `height` lines, with totals below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for key in ("run", "state", "epoch", "top1", "speed", "eta"):
        title = "top-1" if key == "top1" else i18n.message(f"column-{key}", lang)
        table.add_column(title, justify="left" if key in ("run", "state") else "right", no_wrap=True)
    chosen = shown(found, max(3, height - 4))
    every = rows(found, costs)
    for i in chosen:
        row = every[i]
        table.add_row(
            Text(f"{row['name']}  {i18n.message('page-seed', lang, seed=row['seed'])}"),
            Text(state_name(row["state"], lang), style=COLOURS.get(row["state"], "")),
            f"{row['epoch']}/{row['epochs']}",
            "-" if row["top1"] is None else f"{row['top1']:.1f} %",
            "-" if row["images_per_second"] is None else f"{row['images_per_second']:,.0f}",
            "-" if row["eta_seconds"] is None else i18n.duration(row["eta_seconds"], lang),
        )
    hidden = len(found) - len(chosen)
    last = sentence(total(found, costs, slots=slots), lang)
    if hidden:
        last = i18n.message("progress-hidden", lang, said=last, count=hidden)
    # Not as the table's caption, which would be wrapped at the table's width.
    return Group(table, Text(last, style="italic dim", no_wrap=True, overflow="ellipsis"))


def watch(runs: Sequence[PlannedRun], out: Path, *, root: Path, lang: str = "en") -> None:
    """Shows a study's progress from its records until all runs are finished or it is interrupted.

    Without a terminal, a line is printed whenever it changes.
    """
    console = Console()
    last = ""
    with LiveTable(console, probe=None, root=root, lang=lang) if console.is_terminal else Silent() as notice:
        while True:
            found = standings(runs, out)
            notice(found, None)
            counts = sentence({"runs": len(found), "states": _states(found)}, lang)
            if not console.is_terminal and counts != last:
                try:
                    output.line(f"{time.strftime('%H:%M:%S')}  {counts}", work="study")
                except Interrupted:  # the reader has gone
                    return
            last = counts
            if all(s.state == "done" for s in found):
                return
            time.sleep(REFRESH_SECONDS)


def watcher(*, live: bool, root: Path, threads: int, slots: int, lang: str = "en") -> "Lines":
    """The display of a study's progress: a live table, or with `live` false lines for a log."""
    probe = Remembered(threads=threads)
    if live:
        return LiveTable(Console(), probe=probe, root=root, slots=slots, lang=lang)
    return Lines(probe=probe, root=root, slots=slots, lang=lang)


class Silent:
    """No output: for `--json`."""

    def __call__(self, found: Sequence[Standing], event: Mapping[str, Any] | None) -> None:
        """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Silent):
    """Progress for logs and pipes: a line per change, and one every few minutes in between.

    Args:
        probe: Source of measured costs.
        root: Folder of prepared data sets.
        slots: Number of parallel runs; 0 counts those running.
        lang: Language.
    """

    def __init__(self, *, probe: Probe | None, root: Path, slots: int = 0, lang: str = "en") -> None:
        self.probe, self.root, self.slots, self.lang = probe, root, slots, lang
        self.shown_at = time.monotonic()

    def __call__(self, found: Sequence[Standing], event: Mapping[str, Any] | None) -> None:
        """Shows an event, or without one the totals every few minutes."""
        due = time.monotonic() - self.shown_at >= LINE_SECONDS
        if event is None and not due:
            return
        done = sum(s.state == "done" for s in found)
        text = self._under_way(found) if event is None else _event_text(event, self.lang)
        output.line(f"{done:>3}/{len(found)}  {text}", work="study")
        if due:
            self.shown_at = time.monotonic()

    def _under_way(self, found: Sequence[Standing]) -> str:
        """Running runs, their progress, and when all will be finished."""
        running = [s for s in found if s.state == "running"]
        costs, slots = self._costs(found)
        each = [
            i18n.message("progress-run", self.lang, run=s.run.directory, epoch=s.epoch, epochs=s.epochs)
            for s in running[:SHOWN_RUNS]
        ]
        if len(running) > SHOWN_RUNS:
            each.append(i18n.message("progress-more", self.lang, count=len(running) - SHOWN_RUNS))
        last = sentence(total(found, costs, slots=slots), self.lang)
        runs = ", ".join(each) or i18n.message("progress-none", self.lang)
        return i18n.message("progress-line", self.lang, runs=runs, said=last)

    def _costs(self, found: Sequence[Standing]) -> tuple[list[Estimate], int]:
        """Costs of the runs, and how many are assumed to run in parallel."""
        costs = estimate.estimates(found, root=self.root, probe=self.probe, disk=False)
        return costs, self.slots or sum(s.state == "running" for s in found) or 1


class LiveTable(Lines):
    """A live table; events that need attention stay above it.

    Args:
        console: The terminal.
        probe: Source of measured costs.
        root: Folder of prepared data sets.
        slots: Number of parallel runs; 0 counts those running.
        lang: Language.
    """

    def __init__(
        self, console: Console, *, probe: Probe | None, root: Path, slots: int = 0, lang: str = "en"
    ) -> None:
        super().__init__(probe=probe, root=root, slots=slots, lang=lang)
        self.live = Live(console=console, auto_refresh=False)
        self.drawn_at = -REFRESH_SECONDS

    def __call__(self, found: Sequence[Standing], event: Mapping[str, Any] | None) -> None:
        """Updates the table, and prints events that need attention."""
        if event is not None and event["event"] in STAY:
            self.live.console.print(
                _event_text(event, self.lang), markup=False, highlight=False, soft_wrap=True
            )
        if event is None and time.monotonic() - self.drawn_at < REFRESH_SECONDS:
            return
        costs, slots = self._costs(found)
        height = self.live.console.height
        shown = drawn(found, costs, slots=slots, height=height, lang=self.lang)
        self.live.update(shown, refresh=True)
        self.drawn_at = time.monotonic()

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()


def _event_text(event: Mapping[str, Any], lang: str) -> str:
    found = event.get("finding")
    reason = i18n.render(Finding.from_dict(found), lang) if found else event.get("reason")
    more = "" if reason is None else f"  {reason}"
    what = i18n.message(f"event-{event['event'].replace(' ', '-')}", lang)
    return f"{padded(what, 8)} {event['run']}{more}"
