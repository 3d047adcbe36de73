"""Writes the report as one page, with its tables and figures beside it.

The page is self-contained: styles, scripts, charts and matrices are embedded, so that it can be mailed and
read anywhere. External text (names, sentences of records) is escaped by the templates, which escape by
default.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

import mixscope
from mixscope import i18n
from mixscope.atomic import replacing
from mixscope.claims import health as health_gates
from mixscope.claims import post_hoc, verdicts
from mixscope.claims.verdicts import Verdict
from mixscope.errors import ConfigError
from mixscope.findings import Finding
from mixscope.formatting import number, p_value, signed
from mixscope.report import drawing, grouping, literature, tables
from mixscope.report.content import ReportContent, ReportedExperiment, gather
from mixscope.report.figures import Figures
from mixscope.report.labels import seeds_range
from mixscope.report.sections import (
    analyses,
    answer,
    budget,
    calibration,
    classes,
    confusion,
    contrasts,
    cues,
    health,
    how,
    pretraining,
    weights,
)
from mixscope.report.sections import curves as training
from mixscope.report.sections import literature as sources
from mixscope.report.sections import results as results_section
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts
from mixscope.results import Results
from mixscope.results import tables as results_tables
from mixscope.runs import code_version

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
    "cues",
    "analyses",
    "health",
    "weights",
    "literature",
    "how",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The files of a report.

    Attributes:
        page: The page.
        tables: Its tables.
        figures: Its figures.
        content: Its content.
    """

    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    content: ReportContent


def write(
    results: Results,
    *,
    out: Path,
    language: str = "en",
    reference: Path | None = None,
    curves: Path | None = None,
    judge: Callable[[Results], Sequence[Verdict]] = verdicts.judge,
) -> Report:
    """Writes the report of results to the folder `out`: index.html, tables/ and figures/.

    Args:
        results: Results of trained models.
        out: Folder, or a name ending in .html for a single self-contained page.
        language: "en" or "ko".
        reference: File of published values, shown beside the results.
        curves: File of published curves.
        judge: Function that judges the claims.

    Raises:
        ConfigError: If the language is unknown, or files of others would be overwritten.
        DataError: If the reference cannot be read.
    """
    texts = Texts(language, results)
    _check_place(out)
    content = gather(results, judge, reference=reference, curves=curves)
    context = _context(content, texts, reference=reference, curves=curves)
    page = _environment(texts).get_template("page.html").render(**context)
    if out.suffix == ".html":
        out.parent.mkdir(parents=True, exist_ok=True)
        return Report(page=_write(out, page), tables=(), figures=(), content=content)
    (out / "tables").mkdir(parents=True, exist_ok=True)
    (out / "figures").mkdir(exist_ok=True)
    made_tables = tuple(
        _write(out / "tables" / name, text) for name, text in tables.all_of(content, texts).items()
    )
    drawn = tuple(
        _write(out / "figures" / f"{figure.id}.svg", drawing.alone(str(figure.svg)))
        for figure in _all_figures(context)
    )
    drawn += tuple(
        _write(out / "figures" / f"{matrix['id']}.png", confusion.saved(matrix, data["classes"], texts))
        for data in context["confusion"]
        for matrix in data["matrices"]
    )
    return Report(page=_write(out / "index.html", page), tables=made_tables, figures=drawn, content=content)


def figures(results: Results, language: str = "en") -> Figures:
    """The charts of the report.

    Raises:
        ConfigError: If the language is unknown.
    """
    texts = Texts(language, results)
    content = gather(results, verdicts.judge)
    return Figures(_all_figures(_context(content, texts, reference=None, curves=None)))


def write_analysis(summary: Mapping[str, Any], place: Path) -> list[Path]:
    """Writes the charts of one analysis (from its `compare`) as SVG files to its folder, if it has any."""
    if summary["what"] == "cues":
        drawn = cues.charts(summary, Texts("en"))
    elif summary["what"] in analyses.PARTS:
        drawn = analyses.charts(summary, Texts("en"))
    else:
        return []
    return [_write(place / f"{figure.id}.svg", drawing.alone(str(figure.svg))) for figure in drawn]


def _check_place(out: Path) -> None:
    """Raises ConfigError if files of others would be overwritten."""
    above = next((p for p in (out, *out.parents) if p.exists()), out)
    if above.exists() and not above.is_dir() and (above != out or out.suffix != ".html"):
        raise ConfigError(
            "wrong-format",
            "is a file; expected a folder for the report, or a new name that ends in .html",
            path=above,
        )
    page = out if out.suffix == ".html" else out / "index.html"
    if page.is_file():
        with page.open("rb") as file:
            if b'<meta name="generator" content="mixscope' not in file.read(4096):
                raise ConfigError(
                    "already-exists",
                    "already exists and is not a report of mixscope; give another --out",
                    path=page,
                )


def _write(path: Path, content: str | bytes) -> Path:
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def _text(name: str) -> str:
    return (resources.files("mixscope.report") / "templates" / name).read_text(encoding="utf-8")


def _environment(texts: Texts) -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("mixscope.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(t=texts, number=number, p_value=p_value, signed=signed, plain=_plain, cite=_cite)
    found.globals.update(
        value=_value, values=_values, rendered=lambda finding: _rendered(finding, texts.language)
    )
    return found


def _rendered(finding: Finding, language: str) -> Markup:
    """A finding in the reader's language, marked if it is an English text of another program."""
    foreign = finding.code == "recorded-error" or i18n.RECORDED in finding.params
    text = i18n.render(finding, language)
    return Markup('<span lang="en">{}</span>').format(text) if foreign and language != "en" else escape(text)


def _plain(value: float | None) -> str:
    """A number to sort by; empty if missing."""
    return "" if value is None else repr(float(value))


def _value(experiment: ReportedExperiment, figure: str) -> Markup:
    """A table cell with mean and standard deviation over seeds."""
    mean = experiment.mean(figure)
    return _number(mean, results_tables.shown(figure, mean, experiment.deviation(figure)))


def _number(value: float | None, text: str) -> Markup:
    """A table cell that sorts by its value; the line may be broken before the deviation."""
    shown, _, deviation = text.partition(" ± ")
    spread = Markup(' <span class="sd">± {}</span>').format(deviation) if deviation else Markup("")
    return Markup('<td class="n" data-sort="{}">{}{}</td>').format(_plain(value), shown, spread)


def _values(found: Sequence[float]) -> Markup:
    """A table cell with mean and standard deviation of these values."""
    mean = statistics.fmean(found) if found else None
    return _number(mean, results_tables.shown("", mean, statistics.stdev(found) if len(found) > 1 else None))


def _cite(paper: literature.Paper) -> Markup:
    text = f"{paper.authors}, {paper.venue}"
    if not paper.arxiv:
        return escape(text)
    return Markup('{} <a href="https://arxiv.org/abs/{}" rel="noreferrer">arXiv {}</a>').format(
        text, paper.arxiv, paper.arxiv
    )


def _context(
    content: ReportContent, texts: Texts, *, reference: Path | None, curves: Path | None
) -> dict[str, Any]:
    """All variables of the templates, by name."""
    by_claim = {verdict.claim: verdict for verdict in content.verdicts}
    forests = {
        secondary: contrasts.with_verdicts(contrasts.forests(content, texts, secondary=secondary), by_claim)
        for secondary in (False, True)
    }
    css = _text("figure.css") + _text("style.css")
    of_cues = cues.part(content.results, texts)
    context = {
        "content": content,
        "sections": [name for name in SECTIONS if name != "cues" or of_cues is not None],
        "version": mixscope.__version__,
        "css": Markup(css),
        "js": Markup(_text("page.js")),
        "as_of": _as_of(content),
        "undone": answer.undone(content, texts),
        "lost": ", ".join(
            f"{one.experiment} {one.lost}/{one.planned}" for one in health_gates.lost(content.results)
        ),
        "primary": [v for v in content.verdicts if not v.secondary],
        "secondary": [v for v in content.verdicts if v.secondary],
        "used_verdicts": list(dict.fromkeys(v.verdict for v in content.verdicts)),
        "remarks": lambda verdict, reading: answer.remarks(verdict, reading, texts),
        "best": answer.best_experiments(content, texts),
        "edited": post_hoc.edits(content.results),
        "uncounted": post_hoc.uncounted(content.results),
        "recorded": post_hoc.claimed(content.results),
        "seeds_range": seeds_range,
        "notes": lambda reading: (*reading.findings, *reading.warnings, *reading.caveats),
        "forests": forests[False],
        "forests_secondary": forests[True],
        "explored": contrasts.explored(content, texts),
        "explored_p": any(one.p is not None for one in content.explored),
        "explored_bounds": any(one.bound is not None for one in content.explored),
        "chosen": any(r.chosen_on_test is not None for v in content.verdicts for r in v.readings),
        "results": results_section.charts(content, texts),
        "table": results_section.table(content, texts),
        "metrics": results_section.metrics(content),
        "doubted": [experiment for experiment in content.experiments if experiment.doubts],
        "has_reference": any(experiment.published for experiment in content.experiments),
        "published_protocol": any(
            experiment.checkpoint == "best-on-test" for experiment in content.experiments
        ),
        "pretraining": pretraining.charts(content, texts),
        "of_pretraining": [
            v
            for v in content.verdicts
            if v.claim in pretraining.claims_about(content, content.roles.pretraining)
        ],
        "curves": training.charts(content, texts),
        "crowded": grouping.left_out(content),
        "curve_split": next((s for r in content.results.runs if (s := training.judged_split(r))), "train"),
        "published_logs": sum(len(experiment.published_curves) for experiment in content.experiments),
        "budget_gains": budget.gains(content, texts),
        "budget_contrasts": budget.contrasts(content, texts),
        "class_gains": classes.class_gains(content, texts),
        "class_maps": classes.maps(content, texts),
        "one_seed": any(one.seeds < 2 for gains in content.class_gains.values() for one in gains),
        "confusion": confusion.by_data_set(content, texts),
        "reliabilities": calibration.captioned(content, texts),
        "eces": calibration.eces(content, texts),
        "cues": of_cues,
        "analyses": analyses.parts(content.results, texts),
        "health": health.checks(content, texts),
        "gates": health.gates(content, texts),
        "errors": [run for run in content.results.runs if run.state in ("failed", "interrupted")],
        "checkpoints": health.checkpoints(content, texts),
        "code_digests": sorted(
            code_version.distinct(
                d for run in content.results.done if run.provenance for d in run.provenance.code_digests
            )
        ),
        "weights": weights.provenance(content, texts),
        "literature": sources.by_claim(content, texts),
        "background": literature.background([v.claim for v in content.verdicts], texts.language),
        "how": how.how(content, texts, reference=reference, curves=curves),
    }
    return {**context, "absent": _absent(context)}


def _absent(context: Mapping[str, Any]) -> list[str]:
    """Sections without content, each of which states the reason in a sentence."""
    content: ReportContent = context["content"]
    empty = {
        "pretraining": content.roles.pretraining is None or not context["pretraining"],
        "curves": not context["curves"],
        "budget": not context["budget_gains"] and not context["budget_contrasts"],
        "classes": not context["class_gains"],
        "confusion": not context["confusion"],
        "calibration": not context["reliabilities"],
        "analyses": not context["analyses"],
        "health": not context["health"]["runs"],
        "weights": not context["weights"]["known"] or not context["weights"]["rows"],
    }
    return [name for name in context["sections"] if empty.get(name)]


def _as_of(content: ReportContent) -> str | None:
    """When a record was last written, to the minute."""
    times = [datetime.fromisoformat(run.heard) for run in content.results.runs if run.heard]
    return max(times).strftime("%Y-%m-%d %H:%M %z") if times else None


def _all_figures(context: Mapping[str, Any]) -> list[Figure]:
    """Every chart of the page once, in order."""
    found: list[Figure] = [figure for figure, _ in (*context["forests"], *context["forests_secondary"])]
    found += context["explored"]
    found += [*context["results"], *context["pretraining"]]
    found += [figure for charts in context["curves"].values() for figure in charts]
    found += [
        *context["budget_contrasts"],
        *context["budget_gains"],
        *itertools.chain(*context["class_maps"].values()),
    ]
    found += [item["figure"] for items in context["class_gains"].values() for item in items]
    found += [item["figure"] for item in context["reliabilities"]]
    found += context["cues"].figures if context["cues"] is not None else ()
    found += [figure for part in context["analyses"] for figure in (*part.figures, *part.folded)]
    return found
