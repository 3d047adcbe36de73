"""Estimated contrasts as sentences and tables for papers, in text, Markdown and LaTeX.

A sentence states the contrast, its estimate, its interval, and the basis of the interval: number of seeds,
kind of test, whether examples are paired. It states a direction only if the interval excludes 0. Texts are in
the catalogues (i18n), in every language; names of levels are kept.

LaTeX needs the package booktabs, and for Korean kotex, which works with pdfLaTeX, XeLaTeX and LuaLaTeX.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixscope import i18n, tabular
from mixscope.claims.contrasts import Interval
from mixscope.claims.rules import INCONCLUSIVE, NEGLIGIBLE, POST_HOC, REFUTED, SCALE_DEPENDENT, SUPPORTED
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding
from mixscope.formatting import count_range, ends, p_value
from mixscope.study.claim import Claim
from mixscope.study.roles import Roles

GAIN, DIFFERENCE, OF_GAINS, CONTRAST = "gain", "difference", "difference of gains", "contrast"
# Methods; the last ignores variance between seeds.
WELCH, PAIRED, EXAMPLES_ONLY = "Welch t", "paired t", "test examples only"
ON_EXAMPLES, ON_SET = "examples paired", "on this test set"
HEADINGS = ("contrast", "estimate", "interval", "seeds", "p_holm", "verdict")
_METHODS = {WELCH: "said-method-welch", PAIRED: "said-method-paired", EXAMPLES_ONLY: "said-method-examples"}
_BASES = {ON_EXAMPLES: "said-basis-examples", ON_SET: "said-basis-set"}
_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One contrast and its description.

    Attributes:
        kind: "gain" (of `what` in `where`), "difference" (`what` minus `other`), "difference of gains" (of
            `what` in `where` minus in `other`) or "contrast" (named `what`).
        what: An augmentation, an experiment, or the contrast's name.
        where: A model, with its stratum; "" if there is only one.
        other: What it is compared with; "" for a gain and a contrast.
        estimate: Percentage points.
        interval: In percentage points; None if it is unknown.
        seeds: Smallest and largest number of runs of its experiments.
        method: `WELCH`, `PAIRED`, `EXAMPLES_ONLY`, or "" without an interval.
        basis: Further properties of the interval: `ON_EXAMPLES` or `ON_SET`.
        p_holm: p-value after Holm's correction, two-sided or of the claim; None without one, and beside a
            capped verdict.
        verdict: Conclusion in a few words; None without a verdict.
        judged: The interval that the verdict is based on, if it is not `interval`; shown in sentences.
        framed: A message with the parameter `said`, if the verdict does not allow a direction.
        p: Two-sided p-value of this contrast alone; None with one seed, and where `p_holm` is given.
    """

    kind: str
    what: str
    where: str = ""
    other: str = ""
    estimate: float
    interval: Interval | None
    seeds: tuple[int, int]
    method: str = WELCH
    basis: tuple[str, ...] = ()
    p_holm: float | None = None
    verdict: Finding | None = None
    judged: Interval | None = None
    framed: Finding | None = None
    p: float | None = None

    @property
    def name(self) -> str:
        """Name in tables, for instance "gain of cutmix, vit"."""
        return self.called()

    def called(self, lang: str = "en") -> str:
        """The name in a language of the catalogues; names of levels are kept."""
        where = f", {self.where}" if self.where else ""
        if self.kind == GAIN:
            return i18n.message("contrasts-gain_of", lang, what=self.what) + where
        if self.kind == OF_GAINS:
            gains = i18n.message("contrasts-gains_of", lang, what=self.what)
            return f"{gains}, {self.where} - {self.other}"
        return f"{self.what} - {self.other}{where}" if self.kind == DIFFERENCE else f"{self.what}{where}"

    def to_text(self, lang: str = "en") -> str:
        """The sentence, with a full stop."""
        return _plain(self._sentence(lang))

    def to_markdown(self, lang: str = "en") -> str:
        """The sentence with Markdown's special characters escaped."""
        return _markdown(self.to_text(lang))

    def to_latex(self, lang: str = "en") -> str:
        """The sentence for LaTeX, with no-break spaces between values and units."""
        text = _latex(self._sentence(lang)).replace(f"{i18n.NO_BREAK}\\%", "\\,\\%")
        return text.replace(i18n.NO_BREAK, "~").replace(" -", " $-$")

    def _sentence(self, lang: str) -> str:
        return f"{self._body(lang)} ({self._rests(lang)})."

    def _body(self, lang: str) -> str:
        rests = self.judged or self.interval
        above = rests is not None and rests.low > 0
        below = rests is not None and rests.high < 0
        kind = {GAIN: "gain", DIFFERENCE: "difference", OF_GAINS: "gains"}.get(self.kind, "contrast")
        if self.framed is not None:
            first = self.framed.code not in _CAPPED and kind == "gains"
            framed = self._message("gains-single-first" if first else f"{kind}-single", lang)
            text = i18n.message(self.framed.code, lang, **self.framed.params, said=framed)
            return text[0].upper() + text[1:] if self.framed.code in _CAPPED else text
        if self.seeds[0] == 1:
            return i18n.message("said-one-run", lang, said=self._message(f"{kind}-single", lang))
        if self.interval is None or self.method == EXAMPLES_ONLY:
            return i18n.message("said-no-spread", lang, said=self._message(f"{kind}-single", lang))
        beyond = "beyond" if kind == "contrast" else "up" if above else "down"
        return self._message(f"{kind}-{beyond if above or below else 'open'}", lang)

    def _message(self, name: str, lang: str) -> str:
        accuracy = i18n.message("said-accuracy", lang)
        return i18n.message(
            f"said-{name}",
            lang,
            what=self.what,
            where=self.where or (accuracy if self.kind == GAIN else ""),
            other=self.other,
            size=abs(self.estimate),
            value=self.estimate,
            **{"in": i18n.message("said-in", lang, where=self.where) if self.where else ""},
        )

    def _rests(self, lang: str) -> str:
        few, many = self.seeds
        seeds = i18n.message("said-seeds" if few == many else "said-seeds-range", lang, few=few, many=many)
        parts = [seeds]
        parts += [i18n.message(_METHODS[self.method], lang)] if self.method else []
        parts += [i18n.message(_BASES[basis], lang) for basis in self.basis]
        kind, p = ("p_holm", self.p_holm) if self.p_holm is not None else ("p", self.p)
        if p is not None:
            small = "-small" if p < 0.001 else ""
            parts.append(i18n.message(f"said-{kind}{small}", lang, p=f"{p:.2g}"))
        if self.interval is None:
            return f"{i18n.message('said-no-interval', lang)}; {', '.join(parts)}"
        shown = self.judged or self.interval
        level = f"{100 * shown.level:.4g}"
        ends = i18n.message("said-ends", lang, level=level, low=shown.low, high=shown.high)
        return f"{ends}; {', '.join(parts)}"

    def cells(self, lang: str = "en") -> tuple[str, ...]:
        """A row of a table, under `HEADINGS`."""
        p = p_value(self.p if self.p_holm is None else self.p_holm)
        seeds = count_range(*self.seeds)
        verdict = "" if self.verdict is None else _plain(i18n.render(self.verdict, lang))
        name, ends = self.called(lang), self.ends(lang) or "-"
        return (name, f"{self.estimate:+.2f}", ends, seeds, p, verdict)

    def ends(self, lang: str = "en") -> str:
        """The interval, with a remark if it includes test examples only; "" if there is none."""
        if self.interval is None:
            return ""
        shown = ends(self.interval.low, self.interval.high)
        if self.method != EXAMPLES_ONLY:
            return shown
        return i18n.message("contrasts-examples_only", lang, ends=shown)


_CAPPED = ("said-capped", "said-capped-why")


def known(lang: str) -> str:
    """Validates a language.

    Raises:
        ConfigError: If it is unknown.
    """
    if lang not in i18n.LANGUAGES:
        raise ConfigError("unknown-name", unknown("language", lang, i18n.LANGUAGES), key="lang")
    return lang


def of_verdicts(verdicts: Sequence[Verdict], claims: Sequence[Claim], design: Roles) -> list[Statement]:
    """A statement for each claim in each stratum, by the form of its contrast."""
    return [_of_reading(r, c, design) for v, c in zip(verdicts, claims, strict=True) for r in v.readings]


def _of_reading(reading: Reading, claim: Claim, design: Roles) -> Statement:
    one = reading.seeds == 1
    kind, what, where, other = compared(claim.contrast, reading.stratum, design, claim.id)
    return Statement(
        kind=kind,
        what=what,
        where=where,
        other=other,
        estimate=reading.points.estimate if reading.points else float("nan"),
        interval=reading.points,
        seeds=(reading.seeds, reading.seeds),
        method=EXAMPLES_ONLY if one else PAIRED if reading.paired else WELCH,
        basis=(ON_EXAMPLES if reading.bootstrap is not None else ON_SET,),
        p_holm=reading.quotable_p,
        verdict=Finding(f"verdict-{reading.verdict}"),
        judged=None if one else reading.judged,
        framed=_framed(reading, claim),
    )


def _framed(reading: Reading, claim: Claim) -> Finding | None:
    """The message for an estimate whose verdict does not allow a direction; None if it does."""
    margin = {"margin": f"{claim.margin:g}"}
    if reading.verdict in (INCONCLUSIVE, SCALE_DEPENDENT, POST_HOC):
        why = [Finding(f"gate-{kind}") for kind in dict.fromkeys(reading.gate_kinds)]
        verdict = Finding(f"verdict-{reading.verdict}")
        if not why:
            return Finding("said-capped", params={"verdict": verdict})
        return Finding("said-capped-why", params={"verdict": verdict, "all_why": why})
    if reading.verdict == NEGLIGIBLE:
        return Finding("said-negligible", params=margin)
    if claim.expect == "equivalent" and reading.verdict == SUPPORTED:
        return Finding("said-equivalent", params=margin)
    if claim.expect == "equivalent" and reading.verdict == REFUTED:
        return Finding("said-not-equivalent", params=margin)
    return None


def compared(
    contrast: Mapping[str, Mapping[str, float]], levels: Mapping[str, str], design: Roles, name: str
) -> tuple[str, str, str, str]:
    """Kind, what, where and other of a contrast in a stratum; by a name if it has no other form."""
    pairs = {f: _pair(weights) for f, weights in contrast.items()}
    stratum = ", ".join(levels.values())
    augmentation, model = pairs.get(design.augmentation or ""), pairs.get(design.model or "")
    if len(pairs) == 1 and augmentation:
        if augmentation[1] == design.baseline:
            return GAIN, augmentation[0], stratum, ""
        return DIFFERENCE, augmentation[0], stratum, augmentation[1]
    if len(pairs) == 2 and augmentation and model and augmentation[1] == design.baseline:
        in_stratum = f" ({stratum})" if stratum else ""
        return OF_GAINS, augmentation[0], model[0] + in_stratum, model[1] + in_stratum
    return CONTRAST, name, stratum, ""


def _pair(weights: Mapping[str, float]) -> tuple[str, str] | None:
    """The levels with weights 1 and -1; None for anything else."""
    by_weight = {weight: level for level, weight in weights.items()}
    return (by_weight[1.0], by_weight[-1.0]) if set(by_weight) == {1.0, -1.0} and len(weights) == 2 else None


def table(statements: Sequence[Statement], lang: str = "en") -> tuple[list[str], list[tuple[str, ...]]]:
    """Headings and rows. Without verdicts their column is omitted; p is labelled as Holm's or plain."""
    heads, rows = list(HEADINGS), [statement.cells(lang) for statement in statements]
    if any(s.p is not None and s.p_holm is None for s in statements):
        heads[heads.index("p_holm")] = "p"
    if not any(statement.verdict for statement in statements):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return [_plain(i18n.message(f"said-head-{head}", lang)) for head in heads], rows


def to_text(statements: Sequence[Statement], lang: str = "en") -> str:
    """A table for a terminal."""
    heads, rows = table(statements, lang)
    return _table(rows, heads, "plain")


def to_markdown(statements: Sequence[Statement], notes: Sequence[str] = (), lang: str = "en") -> str:
    """A table in Markdown, one row per statement, with notes below."""
    heads, rows = table(statements, lang)
    text = _table([tuple(map(_markdown, row)) for row in rows], heads, "pipe") + "\n"
    return text + "".join(f"\n{_markdown(_plain(note))}\n" for note in notes)


def to_latex(statements: Sequence[Statement], notes: Sequence[str] = (), lang: str = "en") -> str:
    """A tabular for LaTeX, one row per statement, with notes below.

    Needs the package booktabs, and kotex for Korean, as a comment in its first line says.
    """
    heads, cells = table(statements, lang)
    rows = []
    for each in cells:
        name, estimate, ends, *rest = map(_latex, each)
        rows.append((name, estimate.replace("-", "$-$"), ends.replace("-", "$-$"), *rest))
    text = _table(rows, [_latex(h).replace("95 \\%", "95\\,\\%") for h in heads], "latex_raw")
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        text = text.replace("\\hline", rule, 1)
    below = "".join(f"\n\\par\\smallskip{{\\footnotesize {_latex(_plain(note))}\\par}}" for note in notes)
    packages = "% \\usepackage{booktabs,kotex}\n" if lang == "ko" else ""
    return packages + text + below + "\n"


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str], style: str) -> str:
    return tabular.formatted(rows, heads, style)


def _plain(text: str) -> str:
    return text.replace(i18n.NO_BREAK, " ")


def _latex(text: str) -> str:
    return text.translate(_LATEX).replace("<", "$<$")


def _markdown(text: str) -> str:
    for sign in "\\|<>`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
