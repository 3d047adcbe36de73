"""The report as one page, with its tables and figures beside it.

The page is one file without anything from outside: styles, scripts, charts and matrices are in it, so that it
can be mailed and read anywhere. Everything that is not ours (names, sentences of records) is escaped by the
templates, which escape by default.

What does not belong here: figures as numbers (story.py), charts (figures.py), sentences (words.py, text/).
"""

import base64
import io
import shlex
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup, escape
from PIL import Image

import mixscope
from mixscope.atomic import replacing
from mixscope.claims import verdicts
from mixscope.claims.evidence import Evidence
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.report import figures, literature, plots, sentences, story, tables
from mixscope.report.figures import number, signed
from mixscope.report.plots import Figure
from mixscope.report.story import Cell, Run, Story
from mixscope.report.words import Words

SECTIONS = (
    "answer",
    "contrasts",
    "results",
    "pretraining",
    "curves",
    "budget",
    "classes",
    "confusion",
    "calibration",
    "health",
    "weights",
    "literature",
    "how",
)
SHOWN = 4  # names in a remark
PAIRS = 15  # of confused classes that a data set's table lists


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was written. page: the file to open."""

    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    story: Story


def write(
    evidence: Evidence,
    *,
    out: Path,
    language: str = "en",
    reference: Path | None = None,
    curves: Path | None = None,
    judge: Callable[[Evidence], Sequence[Verdict]] = verdicts.judge,
) -> Report:
    """The report of a study into the folder `out`: index.html, tables/ and figures/.

    reference, curves: files of published figures to be set beside ours. judge: whose verdicts are told.
    Raises ConfigError for a language that is not there, DataError for a reference that cannot be read.
    """
    words = Words(language)
    told = story.gather(evidence, judge, reference=reference, curves=curves)
    context = _context(told, words, reference=reference, curves=curves)
    page = _environment(words).get_template("page.html").render(**context)
    (out / "tables").mkdir(parents=True, exist_ok=True)
    (out / "figures").mkdir(exist_ok=True)
    made_tables = tuple(
        _write(out / "tables" / name, text) for name, text in tables.all_of(told, words).items()
    )
    drawn = tuple(
        _write(out / "figures" / f"{figure.id}.svg", alone(figure)) for figure in _all_figures(context)
    )
    return Report(page=_write(out / "index.html", page), tables=made_tables, figures=drawn, story=told)


def alone(figure: Figure) -> str:
    """A chart as a file of its own, colours included."""
    svg = str(figure.svg)
    style = (
        f'<style>{_text("figure.css")}</style><rect width="100%" height="100%" style="fill: var(--page)"/>'
    )
    start = svg.index("</desc>") + len("</desc>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg[:start]}{style}{svg[start:]}\n'


def _write(path: Path, text: str) -> Path:
    with replacing(path) as file:
        file.write(text.encode())
    return path


def _text(name: str) -> str:
    return (resources.files("mixscope.report") / "templates" / name).read_text(encoding="utf-8")


def _environment(words: Words) -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("mixscope.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(t=words, number=number, signed=signed, plain=_plain, cite=_cite)
    found.globals.update(value=_value, values=_values, said=lambda sentence: _said(sentence, words.language))
    found.globals.update(plainly=lambda text: sentences.translated(text, words.language) or text)
    return found


def _said(sentence: str, language: str) -> Markup:
    """A sentence of a record or a gate in the reader's language, else marked as the English that it is."""
    found = sentences.translated(sentence, language)
    return Markup('<span lang="en">{}</span>').format(sentence) if found is None else escape(found)


def _plain(value: float | None) -> str:
    """A figure to sort by; nothing where there is none."""
    return "" if value is None else repr(float(value))


def _value(cell: Cell, figure: str) -> Markup:
    """A table cell with mean and standard deviation over seeds."""
    mean, deviation = cell.mean(figure), cell.deviation(figure)
    digits = 3 if figure == "nll" else 2
    spread = f" ± {number(deviation, digits)}" if deviation is not None else ""
    return Markup('<td class="n" data-sort="{}">{}{}</td>').format(_plain(mean), number(mean, digits), spread)


def _values(found: Sequence[float]) -> Markup:
    """A table cell with mean and standard deviation of these."""
    mean = statistics.fmean(found) if found else None
    spread = f" ± {number(statistics.stdev(found))}" if len(found) > 1 else ""
    return Markup('<td class="n" data-sort="{}">{}{}</td>').format(_plain(mean), number(mean), spread)


def _cite(paper: literature.Paper) -> Markup:
    text = f"{paper.authors}, {paper.venue}"
    if not paper.arxiv:
        return escape(text)
    return Markup('{} <a href="https://arxiv.org/abs/{}" rel="noreferrer">arXiv {}</a>').format(
        text, paper.arxiv, paper.arxiv
    )


# --- what each section needs --------------------------------------------------------------------


def _context(told: Story, words: Words, *, reference: Path | None, curves: Path | None) -> dict[str, Any]:
    """Everything that the templates show, by name."""
    by_claim = {verdict.claim: verdict for verdict in told.verdicts}
    forests = {
        secondary: _with_verdict(figures.forests(told, words, secondary=secondary), by_claim)
        for secondary in (False, True)
    }
    css = _text("figure.css") + _text("style.css")
    return {
        "story": told,
        "sections": SECTIONS,
        "version": mixscope.__version__,
        "css": Markup(css),
        "js": Markup(_text("page.js")),
        "as_of": _as_of(told),
        "undone": _undone(told, words),
        "primary": [v for v in told.verdicts if not v.secondary],
        "secondary": [v for v in told.verdicts if v.secondary],
        "used_verdicts": list(dict.fromkeys(v.verdict for v in told.verdicts)),
        "remarks": lambda verdict, reading: remarks(verdict, reading, words),
        "best": _best(told, words),
        "forests": forests[False],
        "forests_secondary": forests[True],
        "chosen": any(r.chosen_on_test is not None for v in told.verdicts for r in v.readings),
        "results": figures.results(told, words),
        "table": _table(told, words),
        "doubted": [cell for cell in told.cells if cell.doubts],
        "has_reference": any(cell.published for cell in told.cells),
        "published_protocol": any(cell.checkpoint == "best-on-test" for cell in told.cells),
        "pretraining": figures.pretraining(told, words),
        "of_pretraining": [
            v for v in told.verdicts if v.claim in _claims_about(told, told.design.pretrained)
        ],
        "curves": figures.training(told, words),
        "curve_split": next((s for r in told.runs if (s := figures.judged_split(r))), "train"),
        "published_logs": sum(len(cell.published_curves) for cell in told.cells),
        "budget_gains": figures.budget_gains(told, words),
        "budget_contrasts": figures.budget_contrasts(told, words),
        "class_gains": _class_gains(told, words),
        "class_maps": figures.class_maps(told, words),
        "one_seed": any(one.seeds < 2 for gains in told.class_gains.values() for one in gains),
        "confusion": _confusion(told, words),
        "reliabilities": _reliabilities(told, words),
        "eces": _eces(told, words),
        "health": _health(told),
        "gates": _gates(told, words),
        "errors": [run for run in told.runs if run.state in ("failed", "interrupted")],
        "checkpoints": _checkpoints(told, words),
        "code_digests": sorted({d for run in told.done for d in (run.summary or {}).get("code", ())}),
        "weights": _weights(told, words),
        "literature": _literature(told, words),
        "background": literature.background([v.claim for v in told.verdicts], words.language),
        "how": _how(told, words, reference=reference, curves=curves),
    }


def _as_of(told: Story) -> str | None:
    """When a run was last heard of, to the minute."""
    times = [datetime.fromisoformat(run.ended) for run in told.runs if run.ended]
    return max(times).strftime("%Y-%m-%d %H:%M %z") if times else None


def _all_figures(context: Mapping[str, Any]) -> list[Figure]:
    """Every chart of the page once, in its order."""
    found: list[Figure] = [figure for figure, _ in (*context["forests"], *context["forests_secondary"])]
    found += [*context["results"], *context["pretraining"]]
    found += [figure for charts in context["curves"].values() for figure in charts]
    found += [*context["budget_contrasts"], *context["budget_gains"], *context["class_maps"].values()]
    found += [item["figure"] for items in context["class_gains"].values() for item in items]
    found += [item["figure"] for item in context["reliabilities"]]
    return found


def _claims_about(told: Story, factor: str | None) -> set[str]:
    """The claims that compare levels of a factor."""
    return {claim.id for claim in told.study.claims if factor in claim.contrast}


def _with_verdict(drawn: Sequence[Figure], by_claim: Mapping[str, Verdict]) -> list[tuple[Figure, Verdict]]:
    by_id = {f"contrast-{figures.word(claim)}": verdict for claim, verdict in by_claim.items()}
    return [(figure, by_id[figure.id]) for figure in drawn]


def _undone(told: Story, words: Words) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in told.runs:
        if run.state != "done":
            found.setdefault(run.state, []).append(f"{run.experiment} {words('page.seed', seed=run.seed)}")
    return found


def remarks(verdict: Verdict, reading: Reading, words: Words) -> list[str]:
    """What stands beside an interval: why it is judged so, what it would take, and what it may hide."""
    found = []
    if reading.missing:
        few = ", ".join(reading.missing[:SHOWN]) + (" …" if len(reading.missing) > SHOWN else "")
        return [words("answer.needs_runs", names=few)]
    capped = reading.uncapped is not None and reading.verdict != reading.uncapped
    if capped and reading.verdict == verdicts.INCONCLUSIVE:
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds)]
        found.append(words("answer.capped", gates="; ".join(kinds)))
        if reading.uncapped in (verdicts.SUPPORTED, verdicts.REFUTED):
            found.append(words("answer.uncapped", verdict=words(f"verdict.{reading.uncapped}")))
    elif len(verdict.readings) == 1 and reading.verdict in (
        verdicts.SUPPORTED,
        verdicts.REFUTED,
        verdicts.INCONCLUSIVE,
    ):
        found.append(words(f"why.{_where(verdict, reading)}"))
    if reading.negligible:
        found.append(words("answer.negligible", margin=f"{verdict.margin:g}"))
    if reading.seeds_would_settle is not None:
        found.append(words("answer.seeds_needed", n=reading.seeds_would_settle))
    if reading.verdict == verdicts.EXPLORATORY and verdict.expect != "none":
        key = "answer.tipping" if reading.tipping_sd is not None else "answer.open"
        found.append(words(key, sd=number(reading.tipping_sd)))
    if reading.verdict == verdicts.EXPLORATORY or not capped:
        told = ("seeds",) if reading.verdict == verdicts.EXPLORATORY else ()
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds) if kind not in told]
        found += [words("answer.mind", gates="; ".join(kinds))] if kinds else []
    return found


def _where(verdict: Verdict, reading: Reading) -> str:
    """Where the interval lies, as a key."""
    assert reading.points is not None
    low, high, margin = reading.points.low, reading.points.high, verdict.margin
    if verdict.expect == "equivalent":
        outside = low > margin or high < -margin
        return {verdicts.SUPPORTED: "within"}.get(reading.verdict, "outside" if outside else "beyond")
    if low > 0 or high < 0:
        return "above" if low > 0 else "below"
    return "inside" if reading.negligible else "crosses"


def _best(told: Story, words: Words) -> list[str]:
    """The best cell of each data set, and how far the next one is behind."""
    found = []
    for data, cells in figures.by_data(told).items():
        ranked = sorted(
            ((m, c) for c in cells if (m := c.mean("top1")) is not None), key=lambda pair: -pair[0]
        )
        if not ranked:
            continue
        best, cell = ranked[0]
        sentence = words(
            "answer.best_one" if cell.seeds == 1 else "answer.best",
            data=words.level(data),
            cell=_short_cell(cell, told, words),
            value=number(best),
            seeds=cell.seeds,
        )
        if len(ranked) > 1:
            behind, second = ranked[1]
            gap = number(best - behind)
            sentence += "; " + words(
                "answer.best_next", cell=_short_cell(second, told, words), difference=gap
            )
        found.append(sentence + ".")
    return found


def _short_cell(cell: Cell, told: Story, words: Words) -> str:
    """A cell within its data set: without the levels that all cells of the data set share."""
    return words.levels(figures.shorter(cell.levels, told, cell.data)) or cell.experiment


def _table(told: Story, words: Words) -> list[dict[str, Any]]:
    best = {
        max(known, key=lambda c: c.mean("top1") or 0.0).experiment
        for cells in figures.by_data(told).values()
        if (known := [c for c in cells if c.seeds])
    }
    rows = []
    for cells in figures.by_data(told).values():
        low, high = plots.span(v for c in cells for v in c.by_seed["top1"].values())
        for cell in cells:
            seeds = cell.by_seed["top1"]
            mean = cell.mean("top1")
            theirs = (cell.published or {}).get("top1")
            rows.append(
                {
                    "cell": cell,
                    "best": cell.experiment in best and len(cells) > 1,
                    "each": "  ".join(number(v) for v in seeds.values()),
                    "strip": _strip(cell, told, words, low, high) if seeds else "",
                    "difference": None if mean is None or theirs is None else mean - theirs,
                }
            )
    return rows


def _strip(cell: Cell, told: Story, words: Words, low: float, high: float) -> Markup:
    """Every seed as a mark on a small axis that the cells of a data set share."""
    series = figures.series_of(told, cell.levels.get(told.design.arm or ""))
    marks = [
        plots.dot(
            4 + 88 * (value - low) / (high - low),
            10,
            series,
            hint=f"{words('page.seed', seed=seed)}: {number(value)} %",
        )
        for seed, value in cell.by_seed["top1"].items()
    ]
    line = plots.rule(0, 10, 96, 10, "grid")
    return Markup(
        '<svg class="chart strip" viewBox="0 0 96 20" aria-hidden="true">' + line + "".join(marks) + "</svg>"
    )


def _class_gains(told: Story, words: Words) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, drawn in figures.class_gains(told, words).items():
        data = told.data[name]
        for figure, one in drawn:
            shrunken = one.gains.shrunken
            known = np.flatnonzero(np.isfinite(shrunken))
            # Where all are shrunken alike, the plain gain decides.
            order = known[np.lexsort((-one.gains.gain[known], -shrunken[known]))]

            def listed(numbers: Iterable[int], data: Any = data, gain: np.ndarray = one.gains.gain) -> str:
                return ", ".join(
                    f"{figures.class_name(data, int(k))} {signed(float(gain[k]), 1)}" for k in numbers
                )

            found.setdefault(name, []).append(
                {
                    "figure": figure,
                    "certain": int(figures.certain(one).sum()),
                    "classes": len(known),
                    "most": listed(order[: figures.NAMED]),
                    "least": listed(order[::-1][: figures.NAMED]),
                }
            )
    return found


def _confusion(told: Story, words: Words) -> list[dict[str, Any]]:
    found = []
    for name, cells in figures.by_data(told).items():
        known = [(cell, cell.judged) for cell in cells if cell.judged is not None]
        if not known:
            continue
        data = told.data[name]
        k = len(known[0][1].counts)
        of = np.array(data.superclass_of) if len(data.superclass_of) == k else np.zeros(k, np.int64)
        order = np.argsort(of, kind="stable")
        names = [figures.class_name(data, int(i)) for i in order]
        shares = [_shares(judged.counts) for _, judged in known]
        mean = np.mean(shares, axis=0)
        np.fill_diagonal(mean, 0.0)
        top = [divmod(int(i), k) for i in np.argsort(-mean, axis=None, kind="stable")[:PAIRS]]
        found.append(
            {
                "id": figures.word(name),
                "name": name,
                "classes": names,
                "ordered": len(data.superclass_of) == k,
                "columns": [_short_cell(cell, told, words) for cell, _ in known],
                "pairs": [
                    {
                        "true": figures.class_name(data, t),
                        "predicted": figures.class_name(data, p),
                        "shares": [float(share[t, p]) for share in shares],
                    }
                    for t, p in top
                    if mean[t, p] > 0
                ],
                "matrices": [_matrix(cell, order, data, told, words) for cell, _ in known],
            }
        )
    return found


def _shares(counts: np.ndarray) -> np.ndarray:
    """Percent of each true class, float64 (n_classes, n_classes)."""
    there = counts.sum(axis=1, keepdims=True)
    result: np.ndarray = 100.0 * np.divide(counts, there, out=np.zeros(counts.shape), where=there > 0)
    return result


def _matrix(cell: Cell, order: np.ndarray, data: Any, told: Story, words: Words) -> dict[str, str]:
    assert cell.judged is not None
    counts = cell.judged.counts[np.ix_(order, order)]
    pairs = ", ".join(
        words(
            "confusion.pair",
            true=figures.class_name(data, c.true),
            predicted=figures.class_name(data, c.predicted),
            share=number(100 * c.share, 1),
        )
        for c in story.confused(cell, most=3)
    )
    title = words("confusion.matrix", cell=_short_cell(cell, told, words), experiment=cell.experiment)
    text = words(
        "confusion.matrix_text",
        classes=len(counts),
        seeds=len(cell.judged.seeds),
        right=number(100.0 * float(np.trace(counts)) / max(1, int(counts.sum()))),
        pairs=pairs,
    )
    plain = np.minimum(counts, 65535).astype("<u2").tobytes()
    return {
        "title": title,
        "text": f"{title}. {text}",
        "pairs": pairs,
        "image": "data:image/png;base64," + base64.b64encode(confusion_png(counts)).decode(),
        "counts": base64.b64encode(plain).decode(),
    }


def confusion_png(counts: np.ndarray) -> bytes:
    """A pixel an entry: confusions blue, the diagonal grey, the stronger the larger; clear where none is.

    counts: int (n_classes, n_classes). The picture is see-through, so that it suits a light or dark page.
    """
    shares = _shares(counts)
    aside = shares.copy()
    np.fill_diagonal(aside, 0.0)
    strength = np.sqrt(aside / (aside.max() or 1.0))
    level = np.where(shares > 0, np.maximum(1, np.rint(strength * 127)), 0)
    level[np.diag_indices(len(level))] = 128 + np.rint(np.diag(shares) / 100.0 * 127)
    picture = Image.fromarray(level.astype(np.uint8), mode="P")
    picture.putpalette([0, 122, 204] * 128 + [128, 134, 142] * 128)
    clear = bytes([*(round(i * 255 / 127) for i in range(128)), *(round(i * 200 / 127) for i in range(128))])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True, transparency=clear)
    return buffer.getvalue()


def _reliabilities(told: Story, words: Words) -> list[dict[str, Any]]:
    by_id = {figure.id: figure for figure in figures.reliabilities(told, words)}
    found = []
    for levels, cells in figures.mates(told, but=[told.design.arm]).items():
        drawn = by_id.get(f"reliability-{figures.word(*(v for _, v in levels)) if levels else 'all'}")
        if drawn is not None:
            rows = "; ".join(f"{k} {v}" for k, v in figures.ece_rows(cells, told, words).items())
            found.append({"figure": drawn, "caption": words("calibration.caption", rows=rows)})
    return found


def _eces(told: Story, words: Words) -> list[dict[str, Any]]:
    """ECE of each cell, as it is and after temperature scaling, mean and deviation over seeds."""
    rows = []
    for cell in told.cells:
        if cell.judged is not None and cell.by_seed["ece"]:
            scaled = list(cell.judged.scaled.values())
            rows.append(
                {
                    "cell": cell,
                    "levels": words.levels(cell.levels),
                    "temperature": [s.temperature for s in scaled],
                    "after": [s.ece for s in scaled],
                }
            )
    return rows


def _health(told: Story) -> dict[str, Any]:
    """Checks by cell, and the sentences of those that ask to be looked at, with the runs that have them."""
    checked = [run for run in told.runs if run.health]
    cells = [cell for cell in told.cells if any(run.health for run in cell.runs)]
    kinds = list(dict.fromkeys(str(f["check"]).partition("/")[0] for run in checked for f in run.health))
    sentences: dict[tuple[str, str], dict[str, list[str]]] = {}
    for run in checked:
        for finding in run.health:
            if finding["ok"] is False:
                key = (str(finding["check"]).partition("/")[0], str(finding["sentence"]))
                sentences.setdefault(key, {}).setdefault(run.experiment, []).append(f"s{run.seed}")
    return {
        "runs": len(checked),
        "count": sum(f["ok"] is not None for run in checked for f in run.health),
        "failed": sum(f["ok"] is False for run in checked for f in run.health),
        "cells": [cell.experiment for cell in cells],
        "rows": [
            {"check": kind, "counts": [_well_and_failed(cell.runs, kind) for cell in cells]} for kind in kinds
        ],
        "sentences": [
            (check, sentence, "; ".join(f"{name} {' '.join(seeds)}" for name, seeds in runs.items()))
            for (check, sentence), runs in sentences.items()
        ],
    }


def _well_and_failed(runs: Sequence[Run], kind: str) -> tuple[int, int]:
    """How many runs are well in every check of a kind, and how many are not."""
    well = failed = 0
    for run in runs:
        found = [f["ok"] for f in run.health if str(f["check"]).partition("/")[0] == kind]
        failed += False in found
        well += True in found and False not in found
    return well, failed


def _gates(told: Story, words: Words) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for verdict in told.verdicts:
        for reading in verdict.readings:
            where = ": ".join(filter(None, (verdict.claim, words.levels(reading.stratum))))
            for gate in reading.gates:
                found.setdefault(gate, []).append(where)
    return found


def _checkpoints(told: Story, words: Words) -> dict[str, Any]:
    names = list(dict.fromkeys(name for run in told.done for name in story.selection(run)))
    rows = []
    for cell in told.cells:
        found = [story.selection(run) for run in cell.runs if run.summary]
        if found:
            means = [
                statistics.fmean(f[name] for f in found) if all(name in f for f in found) else None
                for name in names
            ]
            rows.append({"experiment": cell.experiment, "cell": words.levels(cell.levels), "values": means})
    return {"names": names, "rows": rows if len(names) > 1 else []}


def _weights(told: Story, words: Words) -> dict[str, Any]:
    known = [run for run in told.runs if run.environment is not None]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    warnings: dict[str, None] = {}
    for run in known:
        found = (run.environment or {})["weights"]
        if found["weights"] == "scratch":
            continue
        key = (str(found["weights"]), str(found.get("sha256")))
        row = rows.setdefault(
            key,
            {
                "declared": False,
                "training_data": words("page.unknown"),
                "saw_mixup": None,
                "saw_cutmix": None,
                "augmentation": words("page.unknown"),
                "source": None,
                "file": "",
                "sha256": "",
                **found,
                "users": {},
            },
        )
        row["users"][run.experiment] = None
        for finding in run.health:
            if finding["check"] == "weights" and finding["ok"] is False:
                warnings.update(dict.fromkeys(str(finding["sentence"]).split("; ")))
    for row in rows.values():
        row["used"] = ", ".join(row["users"])
    return {"known": bool(known), "rows": list(rows.values()), "warnings": list(warnings)}


def _literature(told: Story, words: Words) -> list[dict[str, Any]]:
    found = []
    for verdict in told.verdicts:
        papers = literature.papers(verdict.claim, words.language)
        if verdict.secondary and not papers:
            continue
        strata = "; ".join(
            f"{figures.stratum_name(r, words)} {signed(r.points.estimate)} {words('page.unit_pp')}"
            f" [{signed(r.points.low)}, {signed(r.points.high)}]"
            for r in verdict.readings
            if r.points is not None
        )
        found.append(
            {
                "verdict": verdict,
                "theory": literature.theory(verdict.claim, words.language),
                "ours": words(f"literature.ours_text.{verdict.verdict}", strata=strata or words("page.none")),
                "papers": papers,
            }
        )
    return found


def _how(told: Story, words: Words, *, reference: Path | None, curves: Path | None) -> dict[str, Any]:
    known = [run for run in told.runs if run.environment is not None]
    folder = shlex.quote(str(told.folder))
    options = "".join(
        f" {name} {shlex.quote(str(file))}"
        for name, file in (("--reference", reference), ("--curves", curves))
        if file is not None
    )
    language = f" --lang {words.language}" if words.language != "en" else ""
    groups = {
        "versions": _counted(_versions(run) for run in known),
        "hardware": _counted(_hardware(run, words) for run in known),
        "digests": _counted(_digests(run, words) for run in known),
    }
    seconds = [float(run.summary["seconds"]) for run in told.done if run.summary]
    speeds = [float(run.summary["images_per_second"]) for run in told.done if run.summary]
    return {
        "commands": [
            f"mixscope study run {folder}/study.yaml --out {folder}",
            f"mixscope report {folder}{language}{options}",
        ],
        "groups": {name: rows for name, rows in groups.items() if rows},
        "cost": words(
            "how.cost_text",
            hours=number(sum(seconds) / 3600),
            runs=len(seconds),
            median=duration(statistics.median(seconds), words),
            speed=plots.shown(statistics.median(speeds), 0),
        )
        if seconds
        else "",
        "runs": [_how_run(run, words) for run in told.runs],
    }


def _counted(found: Iterable[Mapping[str, str]]) -> list[tuple[str, str, int]]:
    """(what, value, runs that have it), in the order of their first appearance."""
    counts: dict[tuple[str, str], int] = {}
    for each in found:
        for pair in each.items():
            counts[pair] = counts.get(pair, 0) + 1
    order = list(dict.fromkeys(what for what, _ in counts))
    return sorted(
        ((what, value, n) for (what, value), n in counts.items()), key=lambda row: order.index(row[0])
    )


def _versions(run: Run) -> dict[str, str]:
    e = run.environment or {}
    packages = {name: version for name, version in e["packages"].items() if version}
    return {"mixscope": str(e.get("mixscope")), "python": str(e.get("python")), **packages}


def _hardware(run: Run, words: Words) -> dict[str, str]:
    e = run.environment or {}
    device, hardware = e["device"], e.get("hardware", {})
    return {
        "cpu": words(
            "how.cpu",
            name=hardware.get("cpu"),
            cores=hardware.get("cores"),
            memory=hardware.get("memory_gib"),
        ),
        "device": words(
            "how.device", name=device.get("name"), threads=device.get("threads"), ranks=device.get("ranks")
        ),
        "platform": str(e.get("platform")),
    }


def _digests(run: Run, words: Words) -> dict[str, str]:
    e = run.environment or {}
    code, data = e["code"], e["data"]
    revision = str(code.get("revision") or "–")
    if code.get("dirty"):
        revision += f" ({words('how.dirty')})"
    return {
        words("how.code"): str(code["digest"]),
        words("how.revision"): revision,
        words("how.data", name=data["name"]): str(data["digest"])[:16],
    }


def _how_run(run: Run, words: Words) -> dict[str, Any]:
    seconds = float(run.summary["seconds"]) if run.summary else None
    device = (run.environment or {}).get("device", {})
    return {
        "directory": run.directory,
        "seed": run.seed,
        "state": run.state,
        "epochs": len(run.epochs),
        "planned": run.epochs_planned,
        "seconds": seconds,
        "time": duration(seconds, words) if seconds is not None else "–",
        "speed": float(run.summary["images_per_second"]) if run.summary else None,
        "device": f"{device.get('name', '–')}",
        "code": (run.environment or {}).get("code", {}).get("digest", "–"),
    }


def duration(seconds: float, words: Words) -> str:
    """Time in the two units that matter.

    >>> duration(10_700, Words("en"))
    '2 h 58 min'
    """
    seconds = round(seconds)
    if seconds < 60:
        return words("how.seconds", s=seconds)
    if seconds < 3600:
        return words("how.minutes", m=seconds // 60, s=seconds % 60)
    return words("how.hours", h=seconds // 3600, m=seconds % 3600 // 60)
