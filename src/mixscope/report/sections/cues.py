"""Section on local and global cues.

Which one determines predictions, and which hypothesis on CutMix that favours.

Based on the summary of `mixscope analyze STUDY_DIR --what cues`; the docstring of `compare` in
analysis/cues.py describes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixscope.errors import DataError
from mixscope.formatting import number, signed
from mixscope.report import plots
from mixscope.report.plots import Bar
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts
from mixscope.results import Results

# Columns of the table: metrics of an experiment by name.
FIGURES = ("local", "global", "lri", "conflict-local", "conflict-global", "conflict-neither")
SPLITS = ("iid", "conflict", "local-only", "global-only", "shuffled", "low-pass")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Content of the section. figures: LRI by experiment and its differences. shown: sentences and rows."""

    figures: tuple[Figure, ...]
    shown: Mapping[str, Any]


def part(results: Results, texts: Texts) -> Part | None:
    """The content of the section, None if cues were not analysed.

    Raises:
        DataError: If the summary is damaged.
    """
    summary = results.analysis("cues")
    if summary is None:
        return None
    try:
        return _part(summary, texts)
    except (ValueError, LookupError, TypeError) as problem:
        raise DataError(
            "damaged-file",
            f"is damaged, or of another version; `mixscope analyze {results.source} --what cues` writes it"
            " again",
            path=f"{results.source}/analysis/cues/summary.json",
        ) from problem


def charts(found: Mapping[str, Any], texts: Texts) -> list[Figure]:
    """LRI by experiment, and its differences; charts without values are omitted."""
    names = {one["experiment"]: texts.levels(one["levels"]) for one in found["experiments"]}
    return [
        drawn for drawn in (_by_experiment(found, names, texts), _differences(found, names, texts)) if drawn
    ]


def _part(found: Mapping[str, Any], texts: Texts) -> Part:
    names = {one["experiment"]: texts.levels(one["levels"]) for one in found["experiments"]}
    by_id = {contrast["id"]: contrast for contrast in found["contrasts"]}
    decision = found["decision"]
    account = texts(f"cues.account.{decision['account']}") if decision["account"] else ""
    accounts = [
        {
            "text": texts(f"cues.account.{account['id']}"),
            "verdict": account["verdict"],
            "parts": [
                {
                    "name": difference(by_id[part["contrast"]], names),
                    "expect": texts(f"cues.expect.{part['expect']}"),
                    "value": interval(by_id[part["contrast"]], sign=True),
                    "verdict": part["verdict"],
                }
                for part in account["parts"]
            ],
        }
        for account in found["accounts"]
    ]
    rows = [
        {
            "name": names[experiment["experiment"]],
            "experiment": experiment["experiment"],
            "seeds": len(experiment["seeds"]),
            "figures": [(experiment["figures"][f] or {}).get("estimate") for f in FIGURES],
            "texts": [interval(experiment["figures"][f]) for f in FIGURES],
            "correct": [experiment["figures"][f"correct-{split}"]["estimate"] for split in SPLITS],
        }
        for experiment in found["experiments"]
    ]
    shown = {
        "reading": texts(f"cues.decision.{decision['kind']}", account=account, seeds=decision["seeds"]),
        "accounts": accounts,
        "rows": rows,
        "columns": [texts(f"cues.figure.{figure}") for figure in FIGURES],
        "splits": [texts(f"cues.split.{split}") for split in SPLITS],
        "matched": [
            texts(
                "cues.match",
                name=name,
                local=number(100 * m["local"], 1),
                glob=number(100 * m["global"], 1),
                trainings=m["trainings"],
            )
            for name, m in found["matched"].items()
        ],
        "scenes": found["scenes"],
        "runs": found["runs"],
        "margin": number(found["margin"]),
    }
    return Part(figures=tuple(charts(found, texts)), shown=shown)


def interval(figure: Mapping[str, Any] | None, *, sign: bool = False) -> str:
    """An estimate with its interval; a dash if missing."""
    shown = signed if sign else number
    if figure is None:
        return "–"
    if figure["low"] is None:
        return shown(figure["estimate"])
    return f"{shown(figure['estimate'])} [{shown(figure['low'])}, {shown(figure['high'])}]"


def difference(contrast: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The two sides of a contrast, the first minus the second."""
    ordered = sorted(contrast["weights"].items(), key=lambda pair: -pair[1])
    return " − ".join(names[experiment] for experiment, _ in ordered)


def _by_experiment(found: Mapping[str, Any], names: Mapping[str, str], texts: Texts) -> Figure | None:
    bars = [
        _bar(
            names[one["experiment"]],
            one["figures"]["lri"],
            texts,
            seeds=[v for v in one["by_seed"]["lri"] if v is not None],
            hollow=len(one["seeds"]) < 2,
        )
        for one in found["experiments"]
        if one["figures"]["lri"] is not None
    ]
    ends = texts("cues.by_global"), texts("cues.by_local")
    return _forest("cues-lri", bars, texts("cues.chart"), texts, "cues.chart_text", ends)


def _differences(found: Mapping[str, Any], names: Mapping[str, str], texts: Texts) -> Figure | None:
    bars = [
        _bar(difference(one, names), one, texts, sign=True, margin=found["margin"], hollow=one["seeds"] < 2)
        for one in found["contrasts"]
        if one["figure"] == "lri"
    ]
    ends = texts("cues.more_global"), texts("cues.more_local")
    title = texts("cues.differences")
    return _forest("cues-differences", bars, title, texts, "cues.differences_text", ends)


def _bar(
    name: str,
    figure: Mapping[str, Any],
    texts: Texts,
    *,
    sign: bool = False,
    margin: float = 0.0,
    seeds: Sequence[float] = (),
    hollow: bool,
) -> Bar:
    value = interval(figure, sign=sign)
    ends = {end: figure[end] for end in ("estimate", "low", "high")}
    hint = texts("cues.row", name=name, value=value)
    return Bar(name=name, **ends, value=value, margin=margin, seeds=seeds, hollow=hollow, hint=hint)


def _forest(
    id: str, bars: Sequence[Bar], title: str, texts: Texts, text: str, ends: tuple[str, str]
) -> Figure | None:
    if not bars:
        return None
    rows = texts(text, rows=" ".join(bar.hint for bar in bars))
    return plots.forest(id, bars, title=title, text=rows, unit="LRI", below=ends[0], above=ends[1])
