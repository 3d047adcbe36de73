"""The table of results.

One row per experiment, mean and standard deviation over seeds, in the published order.

Used for terminals, a study's files and reports. The same results give the same bytes, in whatever order the
runs were made.
"""

import json
import re
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope import i18n, tabular
from mixscope.atomic import replacing
from mixscope.formatting import number
from mixscope.results.results import FAILED, LAST, Experiment, Results, Run, Summary
from mixscope.study import display_names

METRICS = ("top1", "top5", "recall", "precision", "f1", "nll", "ece")
PERCENT = ("top1", "top5", "recall", "precision", "f1", "ece")
PUBLISHED = METRICS[:5]  # columns of published tables
PUBLISHED_FACTORS = ("model", "augmentation", "pretrained")  # further factors follow these
NOT_SHOWN = ("checkpoint", "of", "runs", "seeds", "failed")  # keys without a column in tables for people

Kept = Collection[tuple[str, int]] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Test metrics of one experiment over its seeds.

    Attributes:
        name: Name of the experiment.
        data: Name of its data set.
        levels: Level of every factor.
        checkpoint: Checkpoint of the values: "last"; "best-on-test" under protocol "published".
        runs: Its runs, finished or not.
        by_seed: `{metric: {seed: value}}` of finished runs, percent for metrics in `PERCENT`.
        summary: Mean and spread, if the runs are unknown.
    """

    name: str
    data: str
    levels: Mapping[str, str]
    checkpoint: str
    runs: tuple[Run, ...]
    by_seed: Mapping[str, Mapping[int, float]]
    summary: Summary | None = None

    @property
    def seeds(self) -> int:
        """Number of finished seeds."""
        return self.summary.n_seeds if self.summary else sum(run.done for run in self.runs)

    @property
    def planned(self) -> int:
        """Number of planned seeds."""
        return len(self.runs) or self.seeds

    def mean(self, metric: str) -> float | None:
        """Mean over seeds of a metric, in its own unit; None if no seed has it."""
        if self.summary is not None:
            return 100.0 * self.summary.mean if metric == "top1" else None
        values = list(self.by_seed[metric].values())
        return statistics.fmean(values) if values else None

    def deviation(self, metric: str) -> float | None:
        """Standard deviation between seeds; None with fewer than two."""
        if self.summary is not None:
            sd = self.summary.sd
            return 100.0 * sd if metric == "top1" and sd is not None else None
        values = list(self.by_seed[metric].values())
        return statistics.stdev(values) if len(values) > 1 else None


def measured(results: Results, experiment: Experiment, kept: Kept = None) -> Measured:
    """The metrics of an experiment.

    Args:
        results: Results of trained models.
        experiment: One of their experiments.
        kept: (experiment, seed) of the runs to use; None for all.
    """
    config = experiment.config
    checkpoint = LAST if config is None else config.train.checkpoint
    runs = _runs(results, experiment, kept)
    by_seed: dict[str, dict[int, float]] = {metric: {} for metric in METRICS}
    for run in runs:
        row = run.metrics.get("test", {}).get(checkpoint, {}) if run.done else {}
        for metric in METRICS:
            value = row.get(metric)
            if value is not None:
                by_seed[metric][run.seed] = value * (100.0 if metric in PERCENT else 1.0)
    return Measured(
        name=experiment.name,
        data=experiment.data or results.name,
        levels=experiment.levels,
        checkpoint=checkpoint,
        runs=tuple(runs),
        by_seed=by_seed,
        summary=results.summary_of(experiment.name),
    )


def rows(results: Results, kept: Kept = None) -> list[dict[str, Any]]:
    """One row for each experiment with runs or a mean, in the published order; see `row`.

    Args:
        results: Results of trained models.
        kept: (experiment, seed) of the runs to use; None for all.
    """
    every = (measured(results, experiment, kept) for experiment in _in_order(results))
    return [row(one) for one in every if one.runs or one.summary is not None]


def row(one: Measured) -> dict[str, Any]:
    """An experiment's levels, mean and standard deviation of each metric, finished and failed seeds.

    Returns:
        Metrics in percent, nll in nats, on the test split at `checkpoint`. A standard deviation needs two
        seeds, a mean one; missing values are None. `runs` lists the runs behind each value.
    """
    levels = dict(one.levels)
    dataset = levels.pop("data", one.data)
    factors = [
        *(f for f in PUBLISHED_FACTORS if f in levels),
        *(f for f in levels if f not in PUBLISHED_FACTORS),
    ]
    return {
        "experiment": one.name,
        "dataset": dataset,
        **{f: levels[f] for f in factors},
        **{metric: one.mean(metric) for metric in METRICS},
        **{f"{metric}_sd": one.deviation(metric) for metric in METRICS},
        "checkpoint": one.checkpoint,
        "seeds": one.seeds,
        "of": one.planned,
        "failed": sum(run.state == FAILED for run in one.runs),
        "runs": [_rests_on(run) for run in one.runs if run.done],
    }


def _in_order(results: Results) -> list[Experiment]:
    """Stratum by stratum, within each by model and augmentation."""
    roles = results.roles
    compared = [f for f in results.factors if f in (roles.model, roles.augmentation)]

    def place(experiment: Experiment) -> list[int]:
        return [results.factors[f].index(experiment.levels[f]) for f in (*roles.strata, *compared)]

    return sorted(results.experiments, key=place)


def _runs(results: Results, experiment: Experiment, kept: Kept) -> list[Run]:
    runs = results.runs_of(experiment.name)
    return sorted((r for r in runs if kept is None or (r.experiment, r.seed) in kept), key=lambda r: r.seed)


def _rests_on(run: Run) -> dict[str, Any]:
    made = run.provenance
    return {
        "seed": run.seed,
        "digest": run.config.digest if run.config else None,
        "code": list(made.code_digests) if made else None,
        "data": made.data.digest if made and made.data else None,
        "weights": made.weights.get("sha256") if made else None,
    }


def not_done(results: Results, kept: Kept = None) -> list[str]:
    """Unfinished runs, whose values are missing, by experiment and seed."""
    return [r.label for e in _in_order(results) for r in _runs(results, e, kept) if not r.done]


# --- text output ---------------------------------------------------------------------------------------


def text(results: Results, found: Sequence[dict[str, Any]], lang: str = "en", *, ascii: bool = False) -> str:
    """Formats rows for a terminal: display names, percent, mean ± standard deviation over seeds.

    Args:
        results: Results of the rows.
        found: The rows.
        lang: Language.
        ascii: Use ASCII only: yes and no for check marks, +- for ±.
    """
    if not found:
        return ""
    head, *body = _cells(results, found, _known(found, PUBLISHED), lang)
    if ascii:
        signs = {"±": "+-", display_names.CHECK: "yes", display_names.CROSS: "no"}
        body = [[signs.get(cell, cell).replace("±", "+-") for cell in row] for row in body]
    return "\n".join(tabular.to_text(body, head))


def _known(found: Sequence[dict[str, Any]], metrics: Sequence[str]) -> list[str]:
    """The metrics that some row has; all while none has any. Up to five classes no row has a top-5."""
    return [m for m in metrics if any(row[m] is not None for row in found)] or list(metrics)


def markdown(
    results: Results,
    found: Sequence[dict[str, Any]],
    lang: str = "en",
    *,
    metrics: Sequence[str] = METRICS,
) -> str:
    """Formats rows as a Markdown table."""
    metrics = _known(found, metrics)
    head, *body = _cells(results, found, metrics, lang)
    return tabular.to_markdown(head, body, right=[_title(m, lang) for m in metrics])


def csv(found: Sequence[dict[str, Any]]) -> str:
    """Formats rows as CSV."""
    return tabular.to_csv([{k: v for k, v in row.items() if k != "runs"} for row in found], number=".4f")


def caption(found: Sequence[dict[str, Any]], lang: str = "en") -> str:
    """Describes the values in a sentence."""
    epochs = dict.fromkeys(row["checkpoint"] for row in found)
    return i18n.message(
        "table-caption",
        lang,
        several=any(row["top1_sd"] is not None for row in found),
        epochs="; ".join(i18n.message(f"table-{name}", lang) for name in epochs),
        lost=any(row["failed"] for row in found),
    )


def shown(metric: str, mean: float | None, sd: float | None) -> str:
    """A mean with its standard deviation; a dash if missing."""
    digits = 3 if metric == "nll" else 2
    return number(mean, digits) + ("" if sd is None else f" ± {number(sd, digits)}")


def _cells(
    results: Results, found: Sequence[dict[str, Any]], metrics: Sequence[str], lang: str
) -> list[list[str]]:
    about = [k for k in found[0] if k not in METRICS and k not in NOT_SHOWN and not k.endswith("_sd")]
    titles = [_title(k, lang) for k in (*about, *metrics, "seeds")]
    body = [
        [
            *_names(results, row, about, lang),
            *(_with_unit(m, row) for m in metrics),
            _count(row, lang),
        ]
        for row in found
    ]
    return [titles, *body]


def _names(results: Results, row: dict[str, Any], about: Sequence[str], lang: str) -> list[str]:
    """Display names of a row's experiment and levels."""
    experiment = results.experiment(row["experiment"])
    roles, levels, config = results.roles, dict(experiment.levels), experiment.config
    names = display_names.of_experiment(roles, levels, config, lang)
    if (factor := roles.pretraining) is not None and factor in levels:
        names[factor] = display_names.mark(roles, levels[factor], config) or names[factor]
    dataset = names.get("data", display_names.named(row["dataset"], lang))
    return [dataset if k == "dataset" else names.get(k, str(row[k])) for k in about]


def _count(row: dict[str, Any], lang: str) -> str:
    failed = f", {i18n.message('table.failed', lang, count=row['failed'])}" if row["failed"] else ""
    return f"{row['seeds']}/{row['of']}{failed}"


def _title(key: str, lang: str) -> str:
    """The heading of a column."""
    known = f"table.{key}"
    return i18n.message(known, lang) if i18n.has(known, lang) else key.capitalize()


def _with_unit(metric: str, row: Mapping[str, Any]) -> str:
    if row[metric] is None:
        return "-"
    return shown(metric, row[metric], row[f"{metric}_sd"]) + ("%" if metric in PERCENT else "")


# --- files ----------------------------------------------------------------------------------------------


def write(results: Results, out: Path, kept: Kept = None, *, notes: Sequence[str] = ()) -> list[Path]:
    """Writes OUT/tables: overall.{md,csv,json}, {md,csv} per data set, pretrained.{md,csv} of such runs.

    Unfinished runs are listed below every table to which they belong, as are notes, which are sentences.

    Returns:
        The files.
    """
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    every = [r for r in results.runs if kept is None or (r.experiment, r.seed) in kept]
    data = {e.name: e.data for e in results.experiments}
    groups = {"overall": every}
    for dataset in dict.fromkeys(data[e.name] for e in results.experiments):
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", dataset)
        groups[name] = [r for r in every if data[r.experiment] == dataset]
    groups["pretrained"] = [r for r in every if r.config is not None and r.config.model.pretrained]
    files = []
    for name, runs in groups.items():
        if not runs:
            continue
        mine = {(r.experiment, r.seed) for r in runs}
        found, missing = rows(results, mine), not_done(results, mine)
        contents = {"md": _page(results, found, missing, notes), "csv": csv(found)}
        if name == "overall":
            contents["json"] = _json(results, found, missing, notes)
        for ending, content in contents.items():
            files.append(folder / f"{name}.{ending}")
            with replacing(files[-1]) as file:
                file.write(content.encode())
    return files


def _page(
    results: Results, found: Sequence[dict[str, Any]], missing: Sequence[str], notes: Sequence[str]
) -> str:
    table = markdown(results, found, metrics=PUBLISHED)
    lines = [f"# {results.title or results.name}", "", table]
    lines += [f"{caption(found).replace('+-', '±')}. Study {results.name}, digest {results.digest}."]
    if missing:
        lines += ["", f"Not done: {', '.join(missing)}."]
    for note in notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _json(
    results: Results, found: Sequence[dict[str, Any]], missing: Sequence[str], notes: Sequence[str]
) -> str:
    tree = {
        "study": results.name,
        "digest": results.digest,
        "caption": caption(found),
        "rows": list(found),
        "not_done": list(missing),
        "notes": list(notes),
    }
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
