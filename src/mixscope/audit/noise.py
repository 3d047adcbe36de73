"""Differences between printed values, against the sampling error of the test set.

A printed top-1 p on n test examples has a binomial standard error sqrt(p (1 - p) / n). The cells of a
contrast are treated as independent: printed values cannot show that two models fail on the same examples, and
if they do, the true error is smaller. Variation between training runs is not visible in a table of single
runs. Therefore every verdict here is EXPLORATORY, and is shown with the standard deviation between runs that
would make the difference insignificant. Where every cell was trained with several seeds, the interval is
Welch's over seeds instead.

    gain    g(model, augmentation) = top-1 with the augmentation - top-1 of the baseline
    D       g(ViT) - g(ResNet), of each augmentation that the table has
    C       D_mixup - D_cutmix
    T       D pretrained - D from scratch
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mixscope.audit.entries import Entry
from mixscope.audit.findings import NOTE, AuditFinding, Points
from mixscope.claims import accuracies
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.verdicts import EXPLORATORY
from mixscope.findings import Finding
from mixscope.results import vocabulary as words
from mixscope.study import gains
from mixscope.study.gains import Weights

Z95 = 1.959963984540054
BASELINE = "default"
FIRST = ("mixup", "cutmix")  # in this order, then the table's other augmentations in its own


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """A weighted sum of top-1 values, in percentage points.

    Attributes:
        name: "gain", "C", or "D_" or "T_" with an augmentation, as in "D_mixup".
        stratum: Levels common to its cells.
        verdict: Always EXPLORATORY, since a table of single runs does not support more.
        estimate: Percentage points.
        standard_error: Percentage points.
        low: Lower end of the 95 % interval given these models.
        high: Upper end of the 95 % interval.
        lean: Position of the interval: "above", "below" or "covers" zero.
        logit: The same contrast of logits.
        scales_agree: Whether the contrast of logits has the same sign.
        tipping_sd: Smallest standard deviation between runs, in percentage points, for which the interval
            covers zero; 0 where it already does.
        cells: Weights by label.
        doubtful: Labels of its cells under suspicion.
        test_size: Examples per cell.
        seeds: Seeds of the cell with fewest; 1 where the interval includes test examples only.
    """

    name: str
    stratum: Mapping[str, str]
    verdict: str
    estimate: float
    standard_error: float
    low: float
    high: float
    lean: str
    logit: float | None
    scales_agree: bool | None
    tipping_sd: float
    cells: Mapping[str, float]
    doubtful: tuple[str, ...]
    test_size: int
    seeds: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, under the names above."""
        return asdict(self)


Weighted = list[tuple[Entry, float]]
Stratum = tuple[str | None, ...]  # levels of STRATA
STRATA = ("dataset", "pretrained", "epochs", "condition")
Cells = dict[tuple[Stratum, str, str], Entry]  # by stratum, model and augmentation


def contrasts(
    entries: Sequence[Entry], test_size: int | None, doubtful: Sequence[AuditFinding]
) -> list[Contrast]:
    """Every gain, D, C and T whose cells are all printed; of a cell that is printed twice, the first.

    Args:
        entries: The entries.
        test_size: Examples per test set, None for the known size.
        doubtful: Findings that cast doubt on cells.
    """
    doubted = {(f.table, f.line) for f in doubtful}
    cells: Cells = {}
    for e in entries:
        if "top1" in e.figures and "model" in e.facets and "augmentation" in e.facets:
            stratum = tuple(e.facets.get(f) for f in STRATA)
            cells.setdefault((stratum, e.facets["model"], e.facets["augmentation"]), e)
    strata = list(dict.fromkeys(s for s, _, _ in cells))
    models = list(dict.fromkeys(m for _, m, _ in cells))
    vits = [m for m in models if words.family(m) == "vit"]
    nets = [m for m in models if words.family(m) in ("resnet50", "resnet")]
    named: list[tuple[str, Stratum, dict[str, str], Weighted]] = []
    printed = dict.fromkeys(a for _, _, a in cells if a != BASELINE)
    augmentations = [*(x for x in FIRST if x in printed), *(x for x in printed if x not in FIRST)]
    against = {x: {"augmentation": {x: 1.0, BASELINE: -1.0}} for x in augmentations}
    for s in strata:
        for m in models:
            for x, gain in against.items():
                named.append(("gain", s, {"model": m, "augmentation": x}, _weighted(cells, gain, s, m)))
    for v, r in itertools.product(vits, nets):
        both = {"model": f"{v} - {r}"} if len(vits) * len(nets) > 1 else {}
        between = {"model": {v: 1.0, r: -1.0}}
        apart = {"augmentation": {"mixup": 1.0, "cutmix": -1.0}}
        for s in strata:
            named += [(f"D_{x}", s, both, _weighted(cells, between | gain, s)) for x, gain in against.items()]
            named.append(("C", s, both, _weighted(cells, between | apart, s)))
        for s in strata:
            data, pretrained, *rest = s
            if pretrained == "yes" and (data, "no", *rest) in strata:
                common, more = (data, None, *rest), {"pretrained": {"yes": 1.0, "no": -1.0}} | between
                named += [
                    (f"T_{x}", common, both, _weighted(cells, more | gain, s)) for x, gain in against.items()
                ]
    return [
        _contrast(
            name, {k: v for k, v in zip(STRATA, s, strict=True) if v} | more, cells_, test_size, doubted
        )
        for name, s, more, cells_ in named
        if cells_
    ]


def _weighted(cells: Cells, weights: Weights, stratum: Stratum, model: str | None = None) -> Weighted:
    """The entries of a contrast with their weights; empty if one is not printed."""
    held: dict[str, Any] = dict(zip(STRATA, stratum, strict=True))
    held |= {} if model is None else {"model": model}
    found = []
    for levels, weight in gains.experiments(weights, held, (*STRATA, "model", "augmentation")):
        *about, of, mixing = levels.values()
        entry = cells.get((tuple(about), str(of), str(mixing)))
        if entry is None:
            return []
        found.append((entry, weight))
    return found


def _contrast(
    name: str,
    stratum: Mapping[str, str],
    weighted: Weighted,
    test_size: int | None,
    doubted: set[tuple[int | None, int | None]],
) -> Contrast:
    total: dict[int, tuple[Entry, float]] = {}
    for entry, weight in weighted:  # C contains the cells without mixing twice, with opposite signs
        total[id(entry)] = (entry, total.get(id(entry), (entry, 0.0))[1] + weight)
    kept = [(e, w) for e, w in total.values() if w]
    n = test_size or words.test_size(kept[0][0].facets)
    shares = [(float(e.figures["top1"].value) / 100, w) for e, w in kept]
    estimate = 100 * sum(w * s for s, w in shares)
    error = 100 * math.sqrt(sum(w**2 * s * (1 - s) / n for s, w in shares))
    low, high = estimate - Z95 * error, estimate + Z95 * error
    seeds = min(len(e.by_seed.get("top1", ())) for e, _ in kept)
    if seeds > 1:
        cells = [Accuracies.of_runs(e.by_seed["top1"], n_test=n) for e, _ in kept]
        welch = accuracies.points(cells, [w for _, w in kept])
        error = welch.standard_error
        low, high = welch.interval().low, welch.interval().high
    inside = all(0 < s < 1 for s, _ in shares)
    logit = sum(w * math.log(s / (1 - s)) for s, w in shares) if inside else None
    spare = (estimate / Z95) ** 2 - error**2
    tipping = math.sqrt(max(0.0, spare) / sum(w**2 for _, w in shares))
    return Contrast(
        name=name,
        stratum=dict(stratum),
        verdict=EXPLORATORY,
        estimate=estimate,
        standard_error=error,
        low=low,
        high=high,
        lean="above" if low > 0 else "below" if high < 0 else "covers",
        logit=logit,
        scales_agree=None if logit is None else (logit > 0) == (estimate > 0),
        tipping_sd=tipping,
        cells={e.label: w for e, w in kept},
        doubtful=tuple(e.label for e, _ in kept if (e.table, e.line) in doubted),
        test_size=n,
        seeds=max(seeds, 1),
    )


def notes(found: Sequence[Contrast], entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    """A note for every contrast whose interval covers zero."""
    by_label = {e.label: e for e in reversed(entries)}
    for c in found:
        if c.lean == "covers":
            entry = by_label[next(iter(c.cells))]
            yield AuditFinding(
                severity=NOTE,
                rule="noise",
                why=Finding(
                    "audit-noise",
                    params={
                        "contrast": c.name,
                        "stratum": [_named(k, v) for k, v in c.stratum.items()],
                        "spread": _spread(c),
                        "low": c.low,
                        "high": c.high,
                    },
                ),
                table=entry.table,
                line=entry.line,
                row=entry.label,
                figures={
                    "difference": Points(c.estimate, signed=True),
                    "standard error": Points(c.standard_error),
                },
            )


def _spread(contrast: Contrast) -> Finding:
    if contrast.seeds > 1:
        return Finding("audit-seed-spread", params={"seeds": contrast.seeds})
    return Finding("audit-sampling-error", params={"examples": f"{contrast.test_size:,}"})


def _named(facet: str, level: str) -> Finding | str:
    if facet == "pretrained":
        return Finding("audit-pretrained" if level == "yes" else "audit-scratch")
    return Finding("audit-epochs", params={"epochs": level}) if facet == "epochs" else level
