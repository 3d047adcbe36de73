"""Estimated contrasts as sentences and tables that can be pasted into a paper, in text, Markdown and LaTeX.

A sentence says what was estimated, how large it is, its interval, and what the interval rests on: number of
seeds, kind of test, whether examples are paired. It claims a direction only where the interval leaves out 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from mixscope.claims.contrasts import Interval
from mixscope.claims.rules import RULES as RULES
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.study.claim import Claim
from mixscope.study.roles import Roles

GAIN, DIFFERENCE, OF_GAINS, CONTRAST = "gain", "difference", "difference of gains", "contrast"
RULED = f"Judged by version {RULES} of the verdict rules."
HEADINGS = ("contrast", "estimate (pp)", "95 % CI", "seeds", "p (Holm)", "verdict")
_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One contrast and what is said of it.

    Attributes:
        kind: "gain" (of `what` in `where`), "difference" (`what` minus `other`), "difference of gains" (of
            `what` in `where` minus in `other`) or "contrast" (called `what`).
        what: An augmentation, an experiment, or the contrast's name.
        where: A model, with its stratum; "" where there is but one.
        other: What it is compared with; "" for a gain and a contrast.
        interval: In percentage points; None where nothing is known of the spread.
        estimate: Percentage points.
        seeds: Number of runs of the experiment that has fewest, and of the one that has most.
        method: For instance "Welch t".
        basis: What else the interval rests on, for instance "examples paired".
        p_holm: Two-sided or of the claim, after Holm; None where there is none.
        verdict: One word or a few; "" without one.
    """

    kind: str
    what: str
    where: str = ""
    other: str = ""
    estimate: float
    interval: Interval | None
    seeds: tuple[int, int]
    method: str = "Welch t"
    basis: tuple[str, ...] = ()
    p_holm: float | None = None
    verdict: str = ""

    @property
    def name(self) -> str:
        """How tables call it, for instance "gain of cutmix, vit"."""
        where = f", {self.where}" if self.where else ""
        if self.kind == GAIN:
            return f"gain of {self.what}{where}"
        if self.kind == OF_GAINS:
            return f"difference of gains of {self.what}, {self.where} - {self.other}"
        return f"{self.what} - {self.other}{where}" if self.kind == DIFFERENCE else f"{self.what}{where}"

    def to_text(self) -> str:
        """The sentence, with a full stop."""
        return f"{self._said(self.what, self.where, self.other)} ({self._rests()})."

    def to_markdown(self) -> str:
        """The sentence; signs that Markdown would take for markup are escaped."""
        parts = (_markdown(self.what), _markdown(self.where), _markdown(self.other))
        return f"{self._said(*parts)} ({_markdown(self._rests())})."

    def to_latex(self) -> str:
        """The sentence for LaTeX, with spaces that do not break between a value and its unit."""
        parts = (_latex(self.what), _latex(self.where), _latex(self.other))
        said = f"{self._said(*parts)} ({_latex(self._rests())})."
        return said.replace(" pp", "~pp").replace("95 \\%", "95\\,\\%").replace(" -", " $-$")

    def _said(self, what: str, where: str, other: str) -> str:
        size = f"{abs(self.estimate):.1f} pp"
        signed = f"{self.estimate:+.1f} pp"
        above = self.interval is not None and self.interval.low > 0
        below = self.interval is not None and self.interval.high < 0
        in_where = f" in {where}" if where else ""
        if self.seeds[0] == 1:
            return f"In single runs, which show no spread, {self._single(what, where, other)}"
        if self.kind == GAIN:
            target = where or "top-1 accuracy"
            if above:
                return f"{what} improved {target} by {size}"
            if below:
                return f"{what} lowered {target} by {size}"
            return f"{what} changed {target} by {signed}, which does not differ from 0 beyond noise"
        if self.kind == DIFFERENCE:
            if above or below:
                return f"{what} was {size} {'above' if above else 'below'} {other}{in_where}"
            return f"{what} and {other} differed by {signed}{in_where}, not beyond noise"
        if self.kind == OF_GAINS:
            if above or below:
                return f"{what} gained {size} {'more' if above else 'less'} in {where} than in {other}"
            return f"The gains of {what} in {where} and {other} differed by {signed}, not beyond noise"
        return f"{what}{in_where} was {signed}" + ("" if above or below else ", not beyond noise")

    def _single(self, what: str, where: str, other: str) -> str:
        signed, in_where = f"{self.estimate:+.1f} pp", f" in {where}" if where else ""
        if self.kind == GAIN:
            return f"{what} changed {where or 'top-1 accuracy'} by {signed}"
        if self.kind == DIFFERENCE:
            return f"{what} and {other} differed by {signed}{in_where}"
        if self.kind == OF_GAINS:
            return f"the gains of {what} in {where} and {other} differed by {signed}"
        return f"{what}{in_where} was {signed}"

    def _rests(self) -> str:
        few, many = self.seeds
        seeds = f"{few} to {many} seeds" if few != many else "one seed" if few == 1 else f"{few} seeds"
        parts = [seeds, self.method, *self.basis]
        if self.p_holm is not None:
            parts.append(
                f"p {self.p_holm:.2g} after Holm" if self.p_holm >= 0.001 else "p < 0.001 after Holm"
            )
        if self.interval is None:
            return f"no interval; {', '.join(p for p in parts if p)}"
        ends = f"{100 * self.interval.level:g} % CI {_end(self.interval.low)} to {_end(self.interval.high)}"
        return f"{ends}; {', '.join(p for p in parts if p)}"

    def cells(self) -> tuple[str, ...]:
        """A row of a table, under `HEADINGS`."""
        few, many = self.seeds
        ends = f"[{self.interval.low:+.2f}, {self.interval.high:+.2f}]" if self.interval else "-"
        p = "-" if self.p_holm is None else f"{self.p_holm:.3f}" if self.p_holm >= 0.001 else "< 0.001"
        seeds = str(few) if few == many else f"{few}-{many}"
        return (self.name, f"{self.estimate:+.2f}", ends, seeds, p, self.verdict)


def of_verdicts(verdicts: Sequence[Verdict], claims: Sequence[Claim], design: Roles) -> list[Statement]:
    """A statement for each claim in each stratum, by what its contrast compares."""
    return [_of_reading(v, r, c, design) for v, c in zip(verdicts, claims, strict=True) for r in v.readings]


def _of_reading(verdict: Verdict, reading: Reading, claim: Claim, design: Roles) -> Statement:
    one = reading.seeds == 1
    kind, what, where, other = _compared(claim, reading, design)
    return Statement(
        kind=kind,
        what=what,
        where=where,
        other=other,
        estimate=reading.points.estimate if reading.points else float("nan"),
        interval=reading.points,
        seeds=(reading.seeds, reading.seeds),
        method="test examples only" if one else "paired t" if reading.paired else "Welch t",
        basis=("examples paired" if reading.bootstrap is not None else "on this test set",),
        p_holm=reading.p_holm,
        verdict=reading.verdict.lower().replace("-", " "),
    )


def _compared(claim: Claim, reading: Reading, design: Roles) -> tuple[str, str, str, str]:
    """Kind, what, where and other of a claim in a stratum; by its name where it is no other kind."""
    pairs = {f: _pair(weights) for f, weights in claim.contrast.items()}
    stratum = ", ".join(reading.stratum.values())
    augmentation, model = pairs.get(design.augmentation or ""), pairs.get(design.model or "")
    if len(pairs) == 1 and augmentation:
        if augmentation[1] == design.baseline:
            return GAIN, augmentation[0], stratum, ""
        return DIFFERENCE, augmentation[0], stratum, augmentation[1]
    if len(pairs) == 2 and augmentation and model and augmentation[1] == design.baseline:
        in_stratum = f" ({stratum})" if stratum else ""
        return OF_GAINS, augmentation[0], model[0] + in_stratum, model[1] + in_stratum
    return CONTRAST, claim.id, stratum, ""


def _pair(weights: Mapping[str, float]) -> tuple[str, str] | None:
    """The level that counts 1 and the one that counts -1; None for anything else."""
    by_weight = {weight: level for level, weight in weights.items()}
    return (by_weight[1.0], by_weight[-1.0]) if set(by_weight) == {1.0, -1.0} and len(weights) == 2 else None


def to_text(statements: Sequence[Statement]) -> str:
    """A table for a terminal."""
    return _table([s.cells() for s in statements], HEADINGS, "plain")


def to_markdown(statements: Sequence[Statement], note: str = "") -> str:
    """A table for Markdown, a row a statement, and a note below."""
    table = _table([tuple(map(_markdown, s.cells())) for s in statements], HEADINGS, "pipe") + "\n"
    return f"{table}\n{_markdown(note)}\n" if note else table


def to_latex(statements: Sequence[Statement], note: str = "") -> str:
    """A tabular for LaTeX (package booktabs), a row a statement, and a note below as a comment."""
    rows = []
    for statement in statements:
        name, estimate, ends, *rest = map(_latex, statement.cells())
        rows.append((name, estimate.replace("-", "$-$"), ends.replace("-", "$-$"), *rest))
    heads = [_latex(h).replace("95 \\%", "95\\,\\%") for h in HEADINGS]
    text = _table(rows, heads, "latex_raw")
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        text = text.replace("\\hline", rule, 1)
    return f"{text}\n% {note}\n" if note else text + "\n"


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str], style: str) -> str:
    return str(tabulate(rows, heads, tablefmt=style, disable_numparse=True))


def _end(value: float) -> str:
    return f"{value:.1f}"


def _latex(text: str) -> str:
    return text.translate(_LATEX).replace("<", "$<$")


def _markdown(text: str) -> str:
    for sign in "\\|<>`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
