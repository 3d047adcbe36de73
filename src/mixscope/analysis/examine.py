"""Analyses the runs of a study; earlier results are reused from their files.

    STUDY_DIR/analysis/<what>/<run directory>.json    one run: {"key": ..., "found": result of `measure`}
    STUDY_DIR/analysis/<what>/<run directory>.npz     its arrays, if there are any
    STUDY_DIR/analysis/<what>/summary.json            all runs: result of `compare`
    STUDY_DIR/analysis/<what>/experiments.csv, contrasts.csv, summary.md    the same as tables
    STUDY_DIR/analysis/<what>/*.png                   images drawn by the analysis

The key contains everything the values depend on: analysis and version, the run's settings, predictions (and
thus its weights), data, split and limit. A file with another key is replaced, one with the same is kept, so
an interrupted analysis continues with the run that was interrupted.
"""

import hashlib
import importlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mixscope import i18n, tabular
from mixscope.analysis import ANALYSES, experiments, trained_run
from mixscope.analysis.trained_run import Progress
from mixscope.errors import ConfigError, DataError, RunFailed, unknown
from mixscope.formatting import duration
from mixscope.results import Results, Run, folders
from mixscope.runs import records
from mixscope.study.config import RunConfig
from mixscope.workers import Workers, together

SUMMARY_LINES = 10  # of an analysis on a terminal
SPLITS = ("test", "val", "train")
# Multiples of the estimated time: five analyses took 0.5 to 2.3 of it (docs/notes/log.md).
QUICKEST, SLOWEST = 0.5, 2.5


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request for analyses.

    Attributes:
        what: Names of ANALYSES; empty for all that apply to the runs.
        runs: Patterns of run directories; empty for all.
        split: "test", "val" or "train".
        limit: Number of images, the same for every run; None takes all.
    """

    what: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    split: str = "test"
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in self.what:
            if name not in ANALYSES:
                raise ConfigError("unknown-name", unknown("analysis", name, ANALYSES), key="--what")
        if self.split not in SPLITS:
            raise ConfigError("unknown-name", unknown("split", self.split, SPLITS), key="--split")
        if self.limit is not None and self.limit < 2:
            raise ConfigError(
                "out-of-range", f"--limit must be 2 images or more, got {self.limit}", key="--limit"
            )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished run and its folder, which only `measure` needs."""

    run: Run
    config: RunConfig
    path: Path

    @property
    def label(self) -> str:
        """Name for messages."""
        return self.run.label


Problem = DataError | RunFailed
Say = Callable[[str], None]
Bar = Callable[[str], Any]  # context manager that yields a callback of (done, total), or None


def examine(
    folder: Path, request: Request, *, root: Path, say: Say, bar: Bar, slots: int = 1
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Runs the requested analyses.

    A run that cannot be analysed does not stop the others, but an analysis without one of its runs compares
    nothing.

    Args:
        folder: Folder of the study.
        request: Which analyses of which runs.
        root: Folder of prepared data sets.
        say: Shows a line, for instance the cost of an analysis.
        bar: Shows progress.
        slots: Runs analysed at once, in a process each.

    Yields:
        Name and result of `compare` of each analysis, after its files are written.

    Raises:
        ConfigError: If a named analysis does not apply to a run.
        DataError: If there is no finished run, or records are damaged.
        RunFailed: If a run cannot be analysed for another reason.
    """
    results = folders.study(folder)
    runs = [_trained(run, folder) for run in results.done if _wanted(run, request.runs)]
    if not runs:
        raise DataError(
            "missing-results",
            f"has no finished run{' of ' + ', '.join(request.runs) if request.runs else ''};"
            " `mixscope study run` makes them, `mixscope study status` shows their state",
            path=folder,
        )
    problems: list[Problem] = []
    with Workers(slots) as workers:
        for what in request.what or ANALYSES:
            module = importlib.import_module(f"mixscope.analysis.{what}")
            stores = {run.path: trained_run.stored(run.path, root) for run in runs}
            refused = {run.path: module.refusal(run.config, stores[run.path]) for run in runs}
            suited = [run for run in runs if refused[run.path] is None]
            for run in runs:
                if refused[run.path] is not None and request.what:
                    raise ConfigError(
                        "unsupported", f"--what {what}: {run.label}: {refused[run.path]}", key="--what"
                    )
            if not suited:
                say(f"{what:<12} left out: {refused[runs[0].path]}")
                continue
            place = folder / "analysis" / what
            work = _Work(what=what, request=request, root=root, stores=stores, say=say, bar=bar)
            found, lost = _measured(results, place, suited, work, workers)
            if lost:
                problems += lost
                continue
            compared = module.compare(results, found)
            records.write_json(place / "summary.json", compared)
            _write_tables(place, module.lines(compared), compared)
            for name, content in getattr(module, "pictures", lambda *_: {})(results, found).items():
                records.write_bytes(place / name, content)
            yield what, compared
    if problems:
        raise together(problems, "not analysed")


def _write_tables(place: Path, lines: Sequence[str], compared: Mapping[str, Any]) -> None:
    for name, text in experiments.tables(compared).items():
        records.write_bytes(place / name, text.encode())
    records.write_bytes(place / "summary.md", "\n".join(["```", *lines, "```", ""]).encode())


def _trained(run: Run, folder: Path) -> Trained:
    assert run.config is not None, "a study's runs have settings"
    return Trained(run=run, config=run.config, path=folder / run.directory)


def _wanted(run: Run, patterns: Sequence[str]) -> bool:
    names = (run.directory, run.experiment)
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """An analysis of runs. stores: data set of every run, by its folder."""

    what: str
    request: Request
    root: Path
    stores: Mapping[Path, Any]
    say: Say
    bar: Bar

    @property
    def module(self) -> Any:
        return importlib.import_module(f"mixscope.analysis.{self.what}")


def _measured(
    results: Results, place: Path, runs: Sequence[Trained], work: _Work, workers: Workers
) -> tuple[list[tuple[Run, dict[str, Any]]], list[Problem]]:
    """The result of `measure` of each run, from its file where that is up to date, and what went wrong."""
    place.mkdir(parents=True, exist_ok=True)
    what, keys, found = work.what, dict[Path, Any](), dict[Path, dict[str, Any]]()
    problems: list[Problem] = []
    todo = []
    for trained in runs:
        file = place / f"{trained.path.name}.json"
        try:
            keys[trained.path] = _key(trained, work)
            kept = _kept(file, keys[trained.path])
        except DataError as problem:
            problems.append(problem)
            continue
        if kept is None:
            todo.append(trained)
        else:
            found[trained.path] = kept
    work.say(_cost(runs, todo, work, workers.slots))
    for done, (trained, outcome) in enumerate(_outcomes(todo, work, workers), start=1):
        run, path = trained.run, trained.path
        if isinstance(outcome, (DataError, RunFailed)):
            placed = outcome.path is not None and outcome.path.is_relative_to(path)
            problems.append(outcome if placed else outcome.reworded(f"{path}: {outcome}", path=path))
            work.say(f"{what:<12} {done}/{len(todo)}  {run.label}  failed")
            continue
        found[path], seconds = outcome
        document = {
            "schema": records.SCHEMA,
            "key": keys[path],
            "run": path.name,
            "experiment": run.experiment,
            "cell": dict(results.experiment(run.experiment).levels),
            "seed": run.seed,
            "seconds": round(seconds, 3),
        }
        _keep(place / f"{path.name}.json", document, found[path])
        work.say(f"{what:<12} {done}/{len(todo)}  {run.label}  {document['seconds']:.0f} s")
    return [(each.run, found[each.path]) for each in runs if each.path in found], problems


def _outcomes(todo: Sequence[Trained], work: _Work, workers: Workers) -> Iterator[tuple[Trained, Any]]:
    """Runs and what `_measure` returns of them, or their error, in order of completion."""
    what, total = work.what, len(todo)
    tasks = [(run.path, what, work.request, work.root) for run in todo]
    if workers.slots == 1:  # here, with progress by image
        for at, run in enumerate(todo):
            with work.bar(f"{what}  {at + 1}/{total}  {run.label}") as progress:
                found = list(workers.each(partial(_measure, progress=progress), tasks[at : at + 1]))
            yield run, found[0][1]
        return
    with work.bar(f"{what}  {total} runs") as progress:
        for done, (at, outcome) in enumerate(workers.each(_measure, tasks), start=1):
            if progress is not None:
                progress(done, total)
            yield todo[at], outcome


def _measure(
    task: tuple[Path, str, Request, Path], progress: Progress | None = None
) -> tuple[dict[str, Any], float]:
    """Analyses a run, in any process; returns the result and seconds."""
    path, what, request, root = task
    began = time.perf_counter()
    found = importlib.import_module(f"mixscope.analysis.{what}").measure(
        trained_run.opened(path, trained_run.stored(path, root)),
        split=request.split,
        limit=request.limit,
        progress=progress or (lambda *_: None),
    )
    return found, time.perf_counter() - began


def _cost(runs: Sequence[Trained], todo: Sequence[Trained], work: _Work, slots: int) -> str:
    """Describes the cost of an analysis before it starts: images and time.

    Time is extrapolated from a small batch of each kind of network, as the range in which measured times fell
    (docs/notes/log.md): larger batches are faster, gradients and other work slower.
    """
    paces: dict[tuple[str, str], float] = {}
    images, seconds = 0, 0.0
    for run in todo:
        store = work.stores[run.path]
        count = trained_run.count(store, work.request.split, work.request.limit, run.config)
        mine = work.module.images(store, count)
        images += mine
        if mine:
            kind = (str(run.config.model), run.config.data.name)
            if kind not in paces:
                try:
                    paces[kind] = trained_run.opened(run.path, store).pace()
                except (DataError, RunFailed):  # it is told when the run's turn comes
                    continue
            seconds += mine * paces[kind]
    seconds /= min(slots, max(1, len(todo)))
    line = f"{work.what:<12} {len(runs)} runs, {len(runs) - len(todo)} known, {images:,} images to look at"
    return line + (f", {duration(QUICKEST * seconds)} to {duration(SLOWEST * seconds)}" if images else "")


def _key(run: Trained, work: _Work) -> dict[str, Any]:
    file = run.path / "predictions" / f"test-{trained_run.CHECKPOINT}.npz"
    try:
        predictions = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as problem:
        raise DataError(
            "damaged-file", f"cannot be read; `mixscope eval {run.path}` writes it again", path=file
        ) from problem
    return {
        "analysis": work.what,
        "version": work.module.VERSION,
        "settings": run.config.digest,
        "predictions": predictions,
        "data": work.stores[run.path].digest,
        "split": work.request.split,
        "limit": work.request.limit,
    }


def _keep(file: Path, document: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Writes a run's file; its arrays first, so that an existing file is complete."""
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    if arrays:
        buffer = io.BytesIO()
        key = np.array(json.dumps(document["key"], sort_keys=True))
        np.savez_compressed(buffer, allow_pickle=False, key=key, **arrays)
        records.write_bytes(file.with_suffix(".npz"), buffer.getvalue())
    plain = {name: value for name, value in found.items() if name not in arrays}
    records.write_json(file, {**document, "arrays": sorted(arrays), "found": plain})


def _kept(file: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Reads a file with this key; None where there is none or it has another key."""
    if not file.is_file():
        return None
    beside = file.with_suffix(".npz")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document.get("key") != key:
            return None
        found: dict[str, Any] = document["found"]
        if document["arrays"]:
            with np.load(beside, allow_pickle=False) as arrays:
                if json.loads(str(arrays["key"])) != key:
                    return None
                found |= {name: arrays[name] for name in document["arrays"]}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise DataError(
            "damaged-file", "is damaged; delete it, and the run is analysed again", path=file
        ) from problem
    return found


def summary(what: str, compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Summarizes an analysis in ten lines at most; its summary.md has all of it.

    Lists differences whose interval excludes 0, the clearest first, and the conclusion of the analysis.

    Args:
        what: Name of the analysis.
        compared: Result of its `compare`.
        lang: "en" or "ko"; headings of tables are English.
    """
    module = importlib.import_module(f"mixscope.analysis.{what}")
    every: list[str] = module.lines(compared, lang)
    if len(every) <= SUMMARY_LINES:
        return every
    names = getattr(module, "NAMES", {})
    contrasts = [c for c in compared["contrasts"] if "sentence" in c or c["figure"] in names]
    clear = [c for c in contrasts if c["low"] is not None and not c["low"] <= 0 <= c["high"]]
    clear.sort(key=lambda c: (c["high"] - c["low"]) / abs(c["estimate"]))
    concluded = module.conclusion(compared, lang) if hasattr(module, "conclusion") else []
    if not contrasts and not concluded:
        return [*every[: SUMMARY_LINES - 1], "..."]
    about = getattr(module, "about", experiments.about)(compared, lang)
    clear_count = i18n.message("analyses-clear", lang, clear=len(clear), n=len(contrasts))
    rest = max(0, SUMMARY_LINES - 2 - len(concluded))
    rows = [
        [c.get("sentence") or experiments.sentence(c, names[c["figure"]]), experiments.shown(c, "+")]
        for c in clear
    ]
    if len(rows) > rest:
        clear_count = i18n.message("analyses-clearest", lang, text=clear_count)
    elif rows:
        clear_count += ":"
    return [about, clear_count, *tabular.to_text(rows[:rest]), *concluded][:SUMMARY_LINES]
