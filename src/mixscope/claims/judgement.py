"""Verdicts and estimates as a table for terminals, notebooks and papers.

Results with claims are judged by them; without claims, every gain over the baseline and every difference of
gains is shown as exploratory. `contrast` estimates any weighted comparison in every stratum.
"""

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from mixscope import i18n, tabular
from mixscope.claims import estimates, exploratory, health, post_hoc, rules, samples, statements, verdicts
from mixscope.claims.contrasts import Interval
from mixscope.claims.exploratory import Explored
from mixscope.claims.statements import EXAMPLES_ONLY, ON_EXAMPLES, ON_SET, WELCH, Statement
from mixscope.claims.verdicts import Verdict
from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.results.results import LAST
from mixscope.study import gains
from mixscope.study.claim import normalised

STYLES = {"text": Statement.to_text, "markdown": Statement.to_markdown, "latex": Statement.to_latex}
T = TypeVar("T", bound="Verdict | Explored | Contrasted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrasted:
    """One contrast in one stratum.

    Attributes:
        stratum: Level of every factor that is not compared.
        weights: Weight of each experiment.
        estimate: Percentage points; None without finished runs.
        interval: 95 % interval in percentage points, over seeds; over test examples only if no standard
            deviation over seeds is known (`p` is None). None if neither is known.
        bound: If examples are not paired, the interval that includes other test examples.
        p: Two-sided p-value; None with one seed.
        seeds: Smallest and largest number of runs of its experiments.
        examples_paired: Whether per-example predictions were compared.
        missing: Experiments without a finished run.
    """

    stratum: Mapping[str, str]
    weights: Mapping[str, float]
    estimate: float | None
    interval: Interval | None
    bound: Interval | None
    p: float | None
    seeds: tuple[int, int]
    examples_paired: bool
    missing: tuple[str, ...] = ()


class Judgement(Sequence[T], Generic[T]):
    """Verdicts or estimates in order, printed as a table.

    Tables and sentences are in English ("en") or Korean ("ko").

    Attributes:
        title: What was judged, in one line.
        statements: One per row of the table, also available as sentences.
        notes: Remarks that apply to all rows and accompany the table everywhere: that it is exploratory, and
            what could not be checked.
    """

    def __init__(
        self, title: str, items: Sequence[T], rows: Sequence[Statement], notes: Sequence[Finding] = ()
    ) -> None:
        self.title = title
        self.notes = tuple(notes)
        self.statements = tuple(rows)
        self._items = tuple(items)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        """The item at an index."""
        return self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __repr__(self) -> str:
        """A table for a terminal."""
        return f"{self.title}\n\n{statements.to_text(self.statements)}"

    def _repr_html_(self) -> str:
        heads, rows = statements.table(self.statements)
        table = tabular.formatted(rows, heads, "html")
        below = "".join(f"\n<p>{html.escape(note)}</p>" for note in self._below("en"))
        return f"<p>{html.escape(self.title)}</p>\n{table}{below}"

    def to_markdown(self, lang: str = "en") -> str:
        """The table in Markdown, with notes below.

        Raises:
            ConfigError: If the language is unknown.
        """
        return statements.to_markdown(self.statements, self._below(statements.known(lang)), lang)

    def to_latex(self, lang: str = "en") -> str:
        """The table in LaTeX, with notes below; needs the package booktabs, and kotex for Korean.

        Raises:
            ConfigError: If the language is unknown.
        """
        return statements.to_latex(self.statements, self._below(statements.known(lang)), lang)

    def _below(self, lang: str) -> list[str]:
        return [sentence(note, lang) for note in self.notes]

    def sentences(self, style: str = "text", lang: str = "en") -> list[str]:
        """Each row as a sentence that can be pasted into a paper.

        Args:
            style: "text", "markdown" or "latex", whose special characters are escaped.
            lang: "en" or "ko".

        Raises:
            ConfigError: If the style or language is unknown.
        """
        if style not in STYLES:
            raise ConfigError("unknown-name", unknown("style", style, STYLES), key="sentences")
        known = [statement for statement in self.statements if not math.isnan(statement.estimate)]
        return [STYLES[style](statement, statements.known(lang)) for statement in known]


def judge(results: Results, *, checkpoint: str = LAST) -> "Judgement[Verdict] | Judgement[Explored]":
    """Judges the claims of results; without claims, explores their gains.

    Args:
        results: Results of trained models.
        checkpoint: "last" or "selected"; "last" for models trained elsewhere.

    Returns:
        A verdict for each claim, or an `Explored` for each gain and difference of gains.

    Raises:
        DataError: If predictions are missing or damaged, or there are no claims and no known baseline.
    """
    count = f"{results.name}: {len(results.done)} of {len(results.runs)} runs done"
    if not results.claims:
        found = exploratory.explore(results, checkpoint=checkpoint)
        title = f"{count}, no claims: exploratory, p corrected by Holm over all rows"
        return Judgement(title, found, [one.statement for one in found], _notes(results, found))
    judged = verdicts.judge(results, checkpoint=checkpoint)
    rows = statements.of_verdicts(judged, results.claims, results.roles)
    claims = "1 claim" if len(judged) == 1 else f"{len(judged)} claims"
    title = f"{count}, {claims}, verdict rules {rules.RULES}"
    return Judgement(title, judged, rows, _notes(results))


def _notes(results: Results, found: Sequence[Explored] | None = None) -> list[Finding]:
    """Remarks that must accompany a table in a paper."""
    if found is not None:
        notes = [exploratory.corrected(found)]
    else:
        notes = [Finding("answer-rules", params={"rules": rules.RULES})]
        notes += [gate.finding for gate in post_hoc.edits(results)]
        left_out = post_hoc.uncounted(results)
        notes += [] if left_out is None else [left_out]
    unchecked = health.unchecked(results) if results.plan is None else ()
    if unchecked:
        kinds = [Finding(f"unchecked-{kind.replace(' ', '_')}") for kind in unchecked]
        notes.append(Finding("said-unchecked", params={"all_kinds": kinds}))
    return notes


def sentence(finding: Finding, lang: str = "en") -> str:
    """A finding as a separate sentence."""
    text = i18n.render(finding, lang)
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def contrast(
    results: Results,
    weights: Mapping[str, Mapping[str, float]],
    *,
    where: Mapping[str, str] | None = None,
    checkpoint: str = LAST,
) -> Judgement[Contrasted]:
    """Estimates a weighted comparison of test accuracies in every stratum.

    The weight of an experiment is the product of the weights of its levels, as in a study's claims.

    Args:
        results: Results of trained models.
        weights: `{factor: {level: weight}}`, for instance `{"augmentation": {"mixup": 1, "default": -1}}`;
            the weights of a factor sum to 0, and are scaled so that their absolute values sum to 2. Factors
            that are called something else may be named by role: "model", "augmentation" or "pretraining".
        where: Levels to which other factors are restricted.
        checkpoint: "last" or "selected".

    Returns:
        A `Contrasted` for each combination of the factors that are not compared.

    Raises:
        ConfigError: If a factor or level is unknown, or weights do not sum to 0.
        DataError: If no experiment has the levels, or predictions are damaged.
    """
    weights = {_factor(results, name): levels for name, levels in weights.items()}
    where = {_factor(results, name): level for name, level in (where or {}).items()}
    for factor, levels in weights.items():
        if factor not in results.factors:
            raise ConfigError("unknown-name", unknown("factor", factor, results.factors), key="contrast")
        for level in levels:
            if level not in results.factors[factor]:
                raise ConfigError(
                    "unknown-name", unknown("level", level, results.factors[factor]), key=f"contrast.{factor}"
                )
        if abs(sum(levels.values())) > 1e-9:
            total = sum(levels.values())
            raise ConfigError(
                "out-of-range",
                f"weights of a comparison sum to 0, these to {total:g}",
                key=f"contrast.{factor}",
            )
        if not any(levels.values()):
            raise ConfigError("out-of-range", "expected weights other than 0", key=f"contrast.{factor}")
    weights = {factor: normalised(levels) for factor, levels in weights.items()}
    for factor, level in where.items():
        if factor not in results.factors or factor in weights:
            others = [f for f in results.factors if f not in weights]
            raise ConfigError(
                "unknown-name", unknown("factor outside the contrast", factor, others), key="where"
            )
        if level not in results.factors[factor]:
            raise ConfigError(
                "unknown-name", unknown("level", level, results.factors[factor]), key=f"where.{factor}"
            )
    found, rows = [], []
    name = " x ".join(
        " ".join(f"{weight:+g} {level}" for level, weight in each.items()) for each in weights.values()
    )
    for stratum in gains.strata(weights, results.factors, where):
        by_name = results.weights(gains.experiments(weights, stratum, results.factors))
        one = _contrasted(results, by_name, stratum, checkpoint)
        found.append(one)
        kind, what, place, other = statements.compared(weights, stratum, results.roles, name)
        rows.append(
            Statement(
                kind=kind,
                what=what,
                where=place,
                other=other,
                estimate=float("nan") if one.estimate is None else one.estimate,
                interval=one.interval,
                seeds=one.seeds,
                method=WELCH if one.p is not None else EXAMPLES_ONLY if one.interval else "",
                p=one.p,
                basis=(ON_EXAMPLES if one.examples_paired else ON_SET,),
                verdict=Finding("explored-missing", params={"all_experiments": list(one.missing)})
                if one.missing
                else None,
            )
        )
    return Judgement(f"{results.name}: {name}", found, rows)


def _factor(results: Results, name: str) -> str:
    """The factor of a name; "model", "augmentation" and "pretraining" also name the factor of this role."""
    if name in results.factors or name not in ("model", "augmentation", "pretraining"):
        return name
    return getattr(results.roles, name) or name


def _contrasted(
    results: Results, weights: Mapping[str, float], stratum: Mapping[str, str], checkpoint: str
) -> Contrasted:
    known = {name: samples.known(results, name, checkpoint) for name in weights}
    missing = tuple(name for name, experiment in known.items() if experiment is None)
    own = [experiment for experiment in known.values() if experiment is not None]
    if missing:
        return Contrasted(
            stratum=stratum,
            weights=weights,
            estimate=None,
            interval=None,
            bound=None,
            p=None,
            seeds=(0, 0),
            examples_paired=False,
            missing=missing,
        )
    each = list(weights.values())
    made, bound = estimates.unassumed(own, each), estimates.bound(own, each)
    seeds = [experiment.n_seeds for experiment in own]
    return Contrasted(
        stratum=stratum,
        weights=weights,
        estimate=made.value,
        interval=made.interval() if math.isfinite(made.variance) else None,
        bound=None if bound is None else bound.interval(),
        p=made.p_two_sided,
        seeds=(min(seeds), max(seeds)),
        examples_paired=estimates.by_example(own) is not None,
    )
