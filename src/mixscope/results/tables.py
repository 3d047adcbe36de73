"""The table of results: a row an experiment, mean and standard deviation over seeds, in the published order.

The same results give the same bytes, in whatever order the runs were made.
"""

import json
import re
import statistics
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mixscope import i18n, tabular
from mixscope.atomic import replacing
from mixscope.results.results import BEST_ON_TEST, FAILED, LAST, Experiment, Results, Run
from mixscope.study import display_names

METRICS = ("top1", "top5", "recall", "precision", "f1")
PUBLISHED_FACTORS = ("model", "augmentation", "pretrained")  # other factors come after these
NOT_SHOWN = ("checkpoint", "of", "runs", "seeds", "failed")  # what a table for a person has no column for

Kept = Collection[tuple[str, int]] | None


def checkpoint_of(experiment: Experiment) -> str:
    """Whose values a table has: the last epoch's; under protocol "published" those of the best on test."""
    config = experiment.config
    return LAST if config is None else config.train.checkpoint


def rows(results: Results, kept: Kept = None) -> list[dict[str, Any]]:
    """A row for each experiment: levels, mean and standard deviation of each metric, done and failed seeds.

    Args:
        results: Of models trained anywhere.
        kept: (experiment, seed) of the runs that count; None for all.

    Returns:
        Metrics in percent on the test split; `checkpoint` says of which. A standard deviation needs two
        seeds, a mean one; what is missing is None. `runs` says what each value rests on.
    """
    found = []
    for experiment in _in_order(results):
        mine = _runs(results, experiment, kept)
        summary = results.summary_of(experiment.name)
        if not mine and summary is None:
            continue
        checkpoint, done = checkpoint_of(experiment), [run for run in mine if run.done]
        levels = dict(experiment.levels)
        dataset = levels.pop("data", experiment.data)
        factors = [
            *(f for f in PUBLISHED_FACTORS if f in levels),
            *(f for f in levels if f not in PUBLISHED_FACTORS),
        ]
        row: dict[str, Any] = {"experiment": experiment.name, "dataset": dataset}
        row |= {f: levels[f] for f in factors}
        spread: dict[str, float | None] = {}
        for metric in METRICS:
            tested = [run.metrics.get("test", {}).get(checkpoint, {}).get(metric) for run in done]
            values = [100.0 * value for value in tested if value is not None]
            row[metric] = statistics.fmean(values) if values else None
            spread[f"{metric}_sd"] = statistics.stdev(values) if len(values) > 1 else None
        if summary is not None:
            row["top1"] = 100.0 * summary.mean
        row |= {**spread, "checkpoint": checkpoint}
        known = (summary.n_seeds, summary.n_seeds) if summary else (len(done), len(mine))
        row |= {"seeds": known[0], "of": known[1], "failed": sum(run.state == FAILED for run in mine)}
        found.append({**row, "runs": [_rests_on(run) for run in done]})
    return found


def _in_order(results: Results) -> list[Experiment]:
    """Stratum by stratum, within one by model and augmentation."""
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
    """The runs whose values are missing, by experiment and seed."""
    return [r.label for e in _in_order(results) for r in _runs(results, e, kept) if not r.done]


# --- for a person ---------------------------------------------------------------------------------------


def text(results: Results, found: Sequence[dict[str, Any]], lang: str = "en", *, ascii: bool = False) -> str:
    """The rows for a terminal: names for readers, percent, mean ± standard deviation over seeds.

    Args:
        results: That the rows are of.
        found: The rows.
        lang: The reader's language.
        ascii: Whether the terminal can show nothing else: yes and no for check marks, +- for ±.
    """
    if not found:
        return ""
    head, *body = _cells(results, found, lang)
    if ascii:
        signs = {"±": "+-", display_names.CHECK: "yes", display_names.CROSS: "no"}
        body = [[signs.get(cell, cell).replace("±", "+-") for cell in row] for row in body]
    return "\n".join(tabular.to_text(body, head))


def caption(found: Sequence[dict[str, Any]]) -> str:
    """What the values are, in a sentence."""
    said = {
        LAST: "last epoch",
        BEST_ON_TEST: "the epoch that is best on the test split itself (protocol published), so optimistic",
    }
    which = "; ".join(said[name] for name in dict.fromkeys(row["checkpoint"] for row in found))
    lost = "; means are of runs that finish" if any(row["failed"] for row in found) else ""
    several = any(row["top1_sd"] is not None for row in found)
    spread = ", mean +- standard deviation over seeds" if several else ""
    return f"Test split, percent{spread}; {which}{lost}"


def _cells(results: Results, found: Sequence[dict[str, Any]], lang: str = "en") -> list[list[str]]:
    about = [k for k in found[0] if k not in METRICS and k not in NOT_SHOWN and not k.endswith("_sd")]
    titles = [_title(k, lang) for k in (*about, *METRICS, "seeds")]
    body = [
        [
            *_names(results, row, about, lang),
            *(_shown(row[m], row[f"{m}_sd"]) for m in METRICS),
            _count(row, lang),
        ]
        for row in found
    ]
    return [titles, *body]


def _names(results: Results, row: dict[str, Any], about: Sequence[str], lang: str) -> list[str]:
    """Experiment and levels of a row as readers know them."""
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


def _shown(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2f}%" if sd is None else f"{mean:.2f} ± {sd:.2f}%"


# --- files ----------------------------------------------------------------------------------------------


def write(results: Results, out: Path, kept: Kept = None, *, notes: Sequence[str] = ()) -> list[Path]:
    """OUT/tables: overall.{md,csv,json}, one {md,csv} a data set, and pretrained.{md,csv} of pretrained runs.

    A run that is not done is named below every table that it belongs to; notes, sentences, stand there, too.

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
        contents = {"md": _markdown(results, found, missing, notes), "csv": _csv(found)}
        if name == "overall":
            contents["json"] = _json(results, found, missing, notes)
        for ending, content in contents.items():
            files.append(folder / f"{name}.{ending}")
            with replacing(files[-1]) as file:
                file.write(content.encode())
    return files


def _markdown(
    results: Results, found: Sequence[dict[str, Any]], missing: Sequence[str], notes: Sequence[str]
) -> str:
    head, *body = _cells(results, found)
    right = [_title(m, "en") for m in METRICS]
    lines = [f"# {results.title or results.name}", "", tabular.to_markdown(head, body, right=right)]
    lines += [f"{caption(found).replace('+-', '±')}. Study {results.name}, digest {results.digest}."]
    if missing:
        lines += ["", f"Not done: {', '.join(missing)}."]
    for note in notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _csv(found: Sequence[dict[str, Any]]) -> str:
    return tabular.to_csv([{k: v for k, v in row.items() if k != "runs"} for row in found], number=".4f")


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
