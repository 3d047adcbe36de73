"""Estimated contrasts as sentences and tables that can be pasted into a paper, in text, Markdown and LaTeX.

A sentence says what was estimated, how large it is, its interval, and what the interval rests on: number of
seeds, kind of test, whether examples are paired. It claims a direction only where the interval leaves out 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from mixscope import i18n
from mixscope.claims.contrasts import Interval
from mixscope.claims.rules import INCONCLUSIVE, NEGLIGIBLE, POST_HOC, REFUTED, SCALE_DEPENDENT, SUPPORTED
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.study.claim import Claim
from mixscope.study.roles import Roles

GAIN, DIFFERENCE, OF_GAINS, CONTRAST = "gain", "difference", "difference of gains", "contrast"
EXAMPLES_ONLY = "test examples only"  # method of an interval that counts no spread over seeds
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
        p: Two-sided, of this contrast alone; None with one seed, and where `p_holm` is told.
        p_holm: Two-sided or of the claim, after Holm; None where there is none, and beside a capped verdict.
        verdict: One word or a few; "" without one.
        judged: The interval that the verdict rests on, where it is not `interval`; sentences have it.
        before: What a sentence begins with where its verdict allows no direction.
        after: What it ends with.
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
    judged: Interval | None = None
    before: str = ""
    after: str = ""
    p: float | None = None

    @property
    def name(self) -> str:
        """How tables call it, for instance "gain of cutmix, vit"."""
        return self.called()

    def called(self, lang: str = "en") -> str:
        """The name in a language of the catalogues; names of levels stay as they are."""
        where = f", {self.where}" if self.where else ""
        if self.kind == GAIN:
            return i18n.message("contrasts-gain_of", lang, what=self.what) + where
        if self.kind == OF_GAINS:
            gains = i18n.message("contrasts-gains_of", lang, what=self.what)
            return f"{gains}, {self.where} - {self.other}"
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
        rests = self.judged or self.interval
        above = rests is not None and rests.low > 0
        below = rests is not None and rests.high < 0
        in_where = f" in {where}" if where else ""
        if self.before or self.after:
            said = f"{self.before}{self._single(what, where, other)}{self.after}"
            return said[0].upper() + said[1:] if said.startswith("the gains of") else said
        if self.seeds[0] == 1:
            return f"In single runs, which show no spread, {self._single(what, where, other)}"
        if self.interval is None or self.method == EXAMPLES_ONLY:
            return f"With no spread between runs known, {self._single(what, where, other)}"
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
        elif self.p is not None:
            parts.append(f"p {self.p:.2g}" if self.p >= 0.001 else "p < 0.001")
        if self.interval is None:
            return f"no interval; {', '.join(p for p in parts if p)}"
        shown = self.judged or self.interval
        ends = f"{100 * shown.level:.4g} % CI {_end(shown.low)} to {_end(shown.high)}"
        return f"{ends}; {', '.join(p for p in parts if p)}"

    def cells(self) -> tuple[str, ...]:
        """A row of a table, under `HEADINGS`."""
        few, many = self.seeds
        told = self.p if self.p_holm is None else self.p_holm
        p = "-" if told is None else f"{told:.3f}" if told >= 0.001 else "< 0.001"
        seeds = str(few) if few == many else f"{few}-{many}"
        return (self.name, f"{self.estimate:+.2f}", self.ends() or "-", seeds, p, self.verdict)

    def ends(self, lang: str = "en") -> str:
        """The interval, and that it counts test examples only where it does; "" where there is none."""
        if self.interval is None:
            return ""
        ends = f"[{self.interval.low:+.2f}, {self.interval.high:+.2f}]"
        return (
            i18n.message("contrasts-examples_only", lang, ends=ends) if self.method == EXAMPLES_ONLY else ends
        )


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
        p_holm=reading.quotable_p,
        verdict=reading.verdict.lower().replace("-", " "),
        judged=None if one else reading.judged,
        before=_before(reading),
        after=_after(reading, claim),
    )


def _before(reading: Reading) -> str:
    """What a verdict that allows no direction is said with; "" for the others."""
    if reading.verdict in (INCONCLUSIVE, SCALE_DEPENDENT, POST_HOC):
        word = reading.verdict.replace("-", " ").capitalize()
        why = "; ".join(i18n.message(f"gate-{kind}") for kind in dict.fromkeys(reading.gate_kinds))
        return f"{word} ({why}): " if why else f"{word}: "
    return ""


def _after(reading: Reading, claim: Claim) -> str:
    """How an equivalence, or a difference inside the margin, is said; "" for a direction."""
    margin = f"the margin of {claim.margin:g} pp"
    if reading.verdict == NEGLIGIBLE:
        return f", a difference within {margin}"
    if claim.expect == "equivalent" and reading.verdict == SUPPORTED:
        return f", equivalent to none within {margin}"
    if claim.expect == "equivalent" and reading.verdict == REFUTED:
        return f", not equivalent: beyond {margin}"
    return ""


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


def table(statements: Sequence[Statement]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Headings and rows. Without any verdict there is no column of them; p is of Holm or called p."""
    heads, rows = list(HEADINGS), [statement.cells() for statement in statements]
    if any(s.p is not None and s.p_holm is None for s in statements):
        heads[heads.index("p (Holm)")] = "p"
    if not any(statement.verdict for statement in statements):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return heads, rows


def to_text(statements: Sequence[Statement]) -> str:
    """A table for a terminal."""
    heads, rows = table(statements)
    return _table(rows, heads, "plain")


def to_markdown(statements: Sequence[Statement], notes: Sequence[str] = ()) -> str:
    """A table for Markdown, a row a statement; below it what has to be said of all rows."""
    heads, rows = table(statements)
    text = _table([tuple(map(_markdown, row)) for row in rows], heads, "pipe") + "\n"
    return text + "".join(f"\n{_markdown(note)}\n" for note in notes)


def to_latex(statements: Sequence[Statement], notes: Sequence[str] = ()) -> str:
    """A tabular for LaTeX (package booktabs), a row a statement; below it what has to be said of all rows."""
    heads, cells = table(statements)
    rows = []
    for each in cells:
        name, estimate, ends, *rest = map(_latex, each)
        rows.append((name, estimate.replace("-", "$-$"), ends.replace("-", "$-$"), *rest))
    text = _table(rows, [_latex(h).replace("95 \\%", "95\\,\\%") for h in heads], "latex_raw")
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        text = text.replace("\\hline", rule, 1)
    below = "".join(f"\n\\par\\smallskip{{\\footnotesize {_latex(note)}\\par}}" for note in notes)
    return text + below + "\n"


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
