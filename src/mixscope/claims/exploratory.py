"""Results without claims: every gain over the baseline and every difference of gains, with intervals.

Nothing was claimed before these runs, so nothing is confirmed: p-values are two-sided and Holm-corrected over
all shown contrasts, and every verdict is exploratory. `new_claims` writes the same contrasts to a claims
file, to be edited before new results are known.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mixscope import i18n, tabular
from mixscope.claims import contrasts, estimates, power, samples
from mixscope.claims.contrasts import Interval
from mixscope.claims.estimates import Known
from mixscope.claims.gates import FEWEST_SEEDS
from mixscope.claims.statements import EXAMPLES_ONLY, ON_EXAMPLES, ON_SET, WELCH, Statement
from mixscope.claims.statements import GAIN as SAID_GAIN
from mixscope.claims.statements import OF_GAINS as SAID_OF_GAINS
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.formatting import count_range, ends
from mixscope.results import Results
from mixscope.results.results import LAST
from mixscope.study import gains
from mixscope.study.gains import GAIN, OF_GAINS, Contrast

BETTER, WORSE, UNDECIDED, NO_VERDICT, MISSING = "better", "worse", "undecided", "no-verdict", "missing"
LEVEL = 0.05  # two-sided, after Holm


@dataclass(frozen=True, kw_only=True, slots=True)
class Explored:
    """One contrast without a claim.

    Attributes:
        contrast: The contrast and its stratum.
        estimate: Percentage points; None without finished runs.
        interval: 95 % interval in percentage points, over seeds; over test examples only if no standard
            deviation over seeds is known (`p` is None). None if neither is known.
        bound: If examples are not paired, the interval that includes other test examples.
        seeds: Smallest and largest number of runs of its experiments.
        p: Two-sided p-value; None with one seed.
        p_holm: p-value after Holm's correction over all shown contrasts.
        verdict: "better" or "worse" (of the augmentation, or of the first model's gain) if p_holm is at most
            0.05, "undecided", "no-verdict" (one seed) or "missing".
        examples_paired: Whether per-example predictions were compared.
        seeds_needed: Number of seeds for 80 % power at the observed variance, if undecided; None beyond
            1,000.
        tipping_sd: Without variance between seeds, the standard deviation between runs, in percentage points,
            that would extend the interval to 0; None if test examples alone do. Their number counts if it is
            known.
        missing: Experiments without a finished run.
    """

    contrast: Contrast
    estimate: float | None
    interval: Interval | None
    bound: Interval | None
    seeds: tuple[int, int]
    p: float | None
    p_holm: float | None
    verdict: str
    examples_paired: bool
    seeds_needed: int | None
    tipping_sd: float | None
    missing: tuple[str, ...] = ()

    @property
    def statement(self) -> Statement:
        """The result as a table row or a sentence."""
        found, of_gains = self.contrast, self.contrast.kind == OF_GAINS
        stratum = ", ".join(v for v in found.stratum.values() if v != found.model)
        model = found.model or ""
        where = ", ".join(x for x in (model, stratum) if x) if not of_gains else model
        other = found.over or "" if of_gains else ""
        if of_gains and stratum:
            where, other = f"{model} ({stratum})", f"{other} ({stratum})"
        one = self.p is None
        return Statement(
            kind=SAID_OF_GAINS if of_gains else SAID_GAIN,
            what=found.augmentation or "",
            where=where,
            other=other,
            estimate=float("nan") if self.estimate is None else self.estimate,
            interval=self.interval,
            seeds=self.seeds,
            method=WELCH if not one else EXAMPLES_ONLY if self.interval else "",
            basis=(ON_EXAMPLES if self.examples_paired else ON_SET,),
            p_holm=self.p_holm,
            verdict=self.finding,
        )

    @property
    def finding(self) -> Finding:
        """The verdict as data, to be rendered in the reader's language."""
        found = self.contrast
        if self.verdict in (BETTER, WORSE):
            if found.kind == OF_GAINS:
                return Finding(
                    "explored-gains-more",
                    params={"model": found.model if self.verdict == BETTER else found.over},
                )
            return Finding("explored-better" if self.verdict == BETTER else "explored-worse")
        if self.verdict == UNDECIDED:
            if self.seeds[0] < FEWEST_SEEDS:
                return Finding("explored-few-seeds", params={"seeds": self.seeds[0], "needed": FEWEST_SEEDS})
            if self.seeds_needed is None:
                return Finding("explored-never")
            return Finding("explored-undecided", params={"seeds": self.seeds_needed})
        if self.verdict == MISSING:
            return Finding("explored-missing", params={"all_experiments": list(self.missing)})
        if self.tipping_sd is None:
            return Finding("explored-open")
        return Finding("explored-tipping", params={"sd": self.tipping_sd})

    @property
    def said(self) -> str:
        """The verdict in English."""
        return i18n.render(self.finding).replace(i18n.NO_BREAK, " ")


def explore(results: Results, *, checkpoint: str = LAST) -> tuple[Explored, ...]:
    """Estimates every gain over the baseline, then every difference of gains, in every stratum.

    Args:
        results: Results whose roles include an augmentation and its baseline.
        checkpoint: "last" or "selected"; "last" for models trained elsewhere.

    Raises:
        DataError: If there is no baseline, or nothing to compare with it.
    """
    design = results.roles
    if design.augmentation is None or design.baseline is None:
        levels = {f: ", ".join(each) for f, each in results.factors.items()}
        shown = "; ".join(f"{f}: {each}" for f, each in levels.items())
        raise DataError(
            "missing-key",
            f"no level is known as the baseline ({shown}); name it: --baseline LEVEL, in"
            " Python load(..., baseline=LEVEL)",
            path=results.source,
        )
    found = [
        _explored(results, contrast, checkpoint) for contrast in gains.of_design(design, (GAIN, OF_GAINS))
    ]
    found = [one for one in found if len(one.missing) < 2 or one.contrast.kind == GAIN]
    if not found:
        raise DataError(
            "too-few",
            f"{design.augmentation} has no level besides {design.baseline}; expected one to compare with it",
            path=results.source,
        )
    adjusted = contrasts.holm({str(i): one.p for i, one in enumerate(found) if one.p is not None})
    return tuple(_judged(one, adjusted.get(str(i))) for i, one in enumerate(found))


def _explored(results: Results, contrast: Contrast, checkpoint: str) -> Explored:
    experiments = gains.experiments(contrast.weights, contrast.stratum, results.factors)
    named = {results.named(levels) or "-".join(levels.values()): weight for levels, weight in experiments}
    there = {e.name for e in results.experiments}
    known = {n: samples.known(results, n, checkpoint) if n in there else None for n in named}
    missing = tuple(n for n, sample in known.items() if sample is None)
    nothing = Explored(
        contrast=contrast,
        estimate=None,
        interval=None,
        bound=None,
        seeds=(0, 0),
        p=None,
        p_holm=None,
        verdict=MISSING,
        examples_paired=False,
        seeds_needed=None,
        tipping_sd=None,
        missing=missing,
    )
    if missing:
        return nothing
    own: list[Known] = [sample for sample in known.values() if sample is not None]
    weights = list(named.values())
    found = estimates.unassumed(own, weights)
    known_error = math.isfinite(found.variance)
    bound = estimates.bound(own, weights)
    squares = sum(w * w / c.n_seeds for c, w in zip(own, weights, strict=True))
    outlook = power.Outlook.of(found)
    tipping = None
    if found.conditional:
        bare = found if known_error else dataclasses.replace(found, examples=0.0)
        tipping = power.tipping_sd(bare, squares, expect="none", margin=0.0)
    seeds = [c.n_seeds for c in own]
    return dataclasses.replace(
        nothing,
        estimate=found.value,
        interval=found.interval() if known_error else None,
        bound=None if bound is None else bound.interval(),
        seeds=(min(seeds), max(seeds)),
        p=found.p_two_sided,
        verdict=NO_VERDICT,
        examples_paired=estimates.by_example(own) is not None,
        seeds_needed=outlook.seeds_needed(expect="none", margin=0.0) if outlook else None,
        tipping_sd=tipping,
    )


def _judged(one: Explored, p_holm: float | None) -> Explored:
    if one.estimate is None or p_holm is None:
        return one
    verdict = UNDECIDED
    if p_holm <= LEVEL and one.seeds[0] >= FEWEST_SEEDS:
        verdict = BETTER if one.estimate > 0 else WORSE
    return dataclasses.replace(one, p_holm=p_holm, verdict=verdict)


# --- a claims file --------------------------------------------------------------------------------------


def new_claims(results: Results) -> str:
    """A claims file with every gain and difference of gains, to be edited before new results are known.

    Args:
        results: Results that define factors and levels, not the claims.

    Raises:
        DataError: If there is no baseline.
    """
    seen: dict[str, Contrast] = {}
    for one in explore(results):
        seen.setdefault(_name(one.contrast), one.contrast)
    lines = [
        "# Claims for `mixscope judge FILE --claims THIS_FILE`, from the levels in",
        f"# {results.source}. They are claims only if they are written before the results",
        "# come that they are judged by: edit them now, keep what you expect, delete the rest.",
        "# expect: above, below, equivalent (to zero) or none (estimate only). margin: percentage points",
        "# that matter. A claim is made in every combination of the other factors; `where: {FACTOR: LEVEL}`",
        "# picks some. Results that are judged more than once need `looks: [3, 5, 8]` beside `claims:`: the",
        "# numbers of seeds at which they are judged. Without it, each repetition adds false verdicts.",
        "claims:",
    ]
    for name, contrast in seen.items():
        said = [f"    {lang}: {_quoted(_words(contrast, lang))}" for lang in i18n.LANGUAGES]
        lines += [f"  {name}:", *said, "    contrast:"]
        for factor, weights in contrast.weights.items():
            inside = ", ".join(f"{_quoted(level)}: {weight:g}" for level, weight in weights.items())
            lines.append(f"      {_quoted(factor)}: {{{inside}}}")
        lines += ["    expect: above", "    margin: 1"]
        if contrast.kind == OF_GAINS:
            lines.append("    secondary: true")
    return "\n".join(lines) + "\n"


def _name(contrast: Contrast) -> str:
    mark = contrast.augmentation or ""
    return _key(f"gain-{mark}" if contrast.kind == GAIN else f"{contrast.model}-{mark}")


def _words(contrast: Contrast, lang: str) -> str:
    about = {"augmentation": contrast.augmentation}
    if contrast.kind == OF_GAINS:
        return i18n.message("claims-gains", lang, model=contrast.model, over=contrast.over, **about)
    return i18n.message("claims-gain", lang, **about)


def _key(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-") or "claim"


def _quoted(text: str) -> str:
    """Quotes text for YAML, of which JSON strings are a subset."""
    return json.dumps(text, ensure_ascii=False)


def corrected(found: Sequence[Explored]) -> Finding:
    """The finding that nothing was claimed, and over how many contrasts p is corrected."""
    return Finding("judge-exploratory", params={"tests": sum(one.p is not None for one in found)})


def heading(found: Sequence[Explored], lang: str = "en") -> str:
    """The same as a sentence."""
    return i18n.render(corrected(found), lang)


def to_text(found: Sequence[Explored], lang: str = "en") -> list[str]:
    """Lines for a terminal: name, estimate, interval, bound, seeds, verdict."""
    heads = ("explored-estimate", "explored-interval", "explored-bound", "explored-seeds", "explored-verdict")
    rows: list[tuple[str, ...]] = [("", *(i18n.message(head, lang) for head in heads))]
    for one in found:
        seeds = "" if one.estimate is None else count_range(*one.seeds)
        estimate = "" if one.estimate is None else i18n.message("explored-points", lang, value=one.estimate)
        interval = one.statement.ends(lang)
        name = one.statement.called(lang)
        bound = ends(one.bound.low, one.bound.high) if one.bound else ""
        rows.append((name, estimate, interval, bound, seeds, i18n.render(one.finding, lang)))
    unknown = {
        column
        for column, values in ((2, [one.interval for one in found]), (3, [one.bound for one in found]))
        if not any(values)
    }
    lines = tabular.to_text([[cell for i, cell in enumerate(row) if i not in unknown] for row in rows])
    return [line.replace(i18n.NO_BREAK, " ") for line in lines]
