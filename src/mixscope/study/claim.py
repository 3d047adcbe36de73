"""Claims of a study, written down before its first run.

    claims:
      H2:
        en: ViT gains more from MixUp than ResNet does
        ko: ...
        contrast:                           an experiment's weight is the product over these factors
          model: {vit: 1, resnet50: -1}     differences of means: weights are scaled so that their absolute
          augmentation: {mixup: 1, default: -1}   values sum to 2; 1/3 is a valid weight
        where: {data: cifar100}             only these strata; default: all
        expect: above                       above, below or equivalent (to zero), or none: estimate only
        margin: 1.0                         smallest difference that matters, in percentage points
        pair_seeds: false                   compare seed by seed; see claims/contrasts.py for its cost
        secondary: false
        needs: [H1]                         claims that must hold too

A claim is made in every stratum, that is, every combination of levels of the factors outside its contrast.

Claims are fixed before the first run: every run of a study records their digest, so that later edits are
detected.
"""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from mixscope.errors import unknown
from mixscope.study import gains
from mixscope.study.document import Document, Key
from mixscope.study.gains import Levels

KEYS = ("en", "ko", "contrast", "where", "expect", "margin", "pair_seeds", "secondary", "needs")
EXPECT = ("above", "below", "equivalent", "none")
RULES = 2  # version of the verdict rules; 1 for studies started before versions were recorded


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A claim about a weighted sum of experiments; the fields are those of the file (see above).

    Attributes:
        id: Key of the claim.
        text: `{language: sentence}`.
        contrast: `{factor: {level: weight}}`.
        where: `{factor: level}` of the strata.
        expect: "above", "below", "equivalent" or "none".
        margin: Percentage points.
        pair_seeds: Whether seeds are compared pairwise.
        secondary: Whether the claim is secondary.
        needs: Claims that must hold too.
    """

    id: str
    text: Mapping[str, str]
    contrast: Mapping[str, Mapping[str, float]]
    where: Mapping[str, str]
    expect: str
    margin: float
    pair_seeds: bool
    secondary: bool
    needs: tuple[str, ...]

    def strata(self, factors: Levels) -> list[dict[str, str]]:
        """The strata of this claim: {factor: level} of every factor outside the contrast."""
        return gains.strata(self.contrast, factors, self.where)

    def weights(self, stratum: Mapping[str, str], factors: Levels) -> list[tuple[dict[str, str], float]]:
        """The experiments of one stratum with their weights, in the order of the factors."""
        return gains.experiments(self.contrast, stratum, factors)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, under the names above."""
        return asdict(self)

    def canonical(self) -> dict[str, Any]:
        """The canonical form: equal for two claims that assert the same.

        Sentences and the order of keys are ignored. Weights are scaled so that the absolute weights of each
        factor sum to 2, as in a difference of means; numbers are written with 12 digits.
        """
        return {
            "contrast": {
                factor: {level: _digits(weight) for level, weight in normalised(weights).items()}
                for factor, weights in self.contrast.items()
            },
            "where": dict(self.where),
            "expect": self.expect,
            "margin": _digits(self.margin),
            "pair_seeds": self.pair_seeds,
            "secondary": self.secondary,
            "needs": sorted(set(self.needs)),
        }


def digest(claims: Sequence[Claim], looks: Sequence[int]) -> str:
    """Digest of the claims and of the numbers of seeds at which they are judged: 16 hexadecimal digits.

    Does not depend on the layout of the file, its name, titles and translations, or the version of the
    verdict rules. Runs record it at their start.
    """
    tree = {"claims": {c.id: c.canonical() for c in claims}, "looks": list(looks)}
    text = json.dumps(tree, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """Scales the weights of a factor's levels so that their absolute values sum to 2."""
    total = sum(map(abs, weights.values()))
    return {level: 2.0 * weight / total for level, weight in weights.items()}


def _digits(number: float) -> str:
    return f"{number:.12g}"


def read(document: Document, factors: Levels) -> tuple[Claim, ...]:
    """Reads the claims of a study file and checks them against its factors.

    Raises:
        ConfigError: If a claim is invalid; with line and key.
    """
    tree = document.tree.get("claims") or {}
    _mapping(tree, document, ("claims",))
    claims = tuple(_claim(str(name), found, document, factors) for name, found in tree.items())
    for claim in claims:
        for needed in claim.needs:
            if needed not in tree or needed == claim.id:
                others = [c.id for c in claims if c is not claim]
                raise document.error(
                    "unknown-name", unknown("other claim", needed, others), "claims", claim.id, "needs"
                )
            other = next(c for c in claims if c.id == needed)
            if not any(agree(a, b) for a in claim.strata(factors) for b in other.strata(factors)):
                raise document.error(
                    "conflict",
                    f"{needed} is claimed of other strata than"
                    f" {claim.id}, so that it would never count; change `where`, or leave it out",
                    "claims",
                    claim.id,
                    "needs",
                )
    _check_circles(claims, document)
    return claims


def _check_circles(claims: Sequence[Claim], document: Document) -> None:
    """Raises ConfigError for a claim that needs itself indirectly."""
    needs = {claim.id: claim.needs for claim in claims}
    for start in needs:
        seen, waiting = set[str](), list(needs[start])
        while waiting:
            name = waiting.pop()
            if name == start:
                raise document.error(
                    "conflict",
                    f"{start} needs itself by way of"
                    f" {', '.join(needs[start])}; claims need each other in one direction only",
                    "claims",
                    start,
                    "needs",
                )
            if name not in seen:
                seen.add(name)
                waiting += needs[name]


def read_looks(document: Document) -> tuple[int, ...]:
    """The numbers of seeds at which claims are judged; empty if the file does not set them.

    Raises:
        ConfigError: If they are invalid; with line and key.
    """
    looks = document.tree.get("looks")
    if looks is None:
        return ()
    whole = isinstance(looks, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in looks)
    if not whole or not looks or looks[0] < 2 or any(b <= a for a, b in itertools.pairwise(looks)):
        raise document.error(
            "wrong-type",
            f"expected the numbers of seeds at which claims are judged, ascending"
            f" whole numbers from 2 as in [3, 5, 8, 12], got {looks!r}",
            "looks",
        )
    return tuple(looks)


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two strata have the same level of every common factor."""
    return all(other.get(factor, level) == level for factor, level in one.items())


def _claim(name: str, found: Any, document: Document, factors: Levels) -> Claim:
    at: Key = ("claims", name)
    _mapping(found, document, at)
    for key in found:
        if key not in KEYS:
            raise document.error("unknown-name", unknown("key of a claim", key, KEYS), *at, key)
    if not isinstance(found.get("en"), str) or not isinstance(found.get("ko", ""), str):
        raise document.error("wrong-type", "expected what is claimed in words, en: TEXT (and ko: TEXT)", *at)
    expect = found.get("expect")
    if expect not in EXPECT:
        raise document.error("unknown-name", unknown("expectation", expect, EXPECT), *at, "expect")
    margin = found.get("margin")
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin <= 100:
        raise document.error(
            "out-of-range",
            f"expected the percentage points that matter, above 0 and at"
            f" most 100, got {margin!r}; a margin is chosen before the first run",
            *at,
            "margin",
        )
    for key in ("pair_seeds", "secondary"):
        if not isinstance(found.get(key, False), bool):
            raise document.error("wrong-type", f"expected true or false, got {found[key]!r}", *at, key)
    contrast = _contrast(found.get("contrast"), document, (*at, "contrast"), factors)
    needs = found.get("needs") or []
    if not isinstance(needs, list):
        raise document.error("wrong-type", f"expected a list of claims, got {needs!r}", *at, "needs")
    return Claim(
        id=name,
        text={language: found[language] for language in ("en", "ko") if language in found},
        contrast=contrast,
        where=dict(_where(found.get("where") or {}, document, (*at, "where"), factors, contrast)),
        expect=expect,
        margin=float(margin),
        pair_seeds=found.get("pair_seeds", False),
        secondary=found.get("secondary", False),
        needs=tuple(map(str, needs)),
    )


def _contrast(found: Any, document: Document, at: Key, factors: Levels) -> dict[str, dict[str, float]]:
    if not isinstance(found, Mapping) or not found:
        raise document.error("wrong-type", f"expected FACTOR: {{LEVEL: WEIGHT, ...}}, got {found!r}", *at)
    contrast: dict[str, dict[str, float]] = {}
    for factor, weights in found.items():
        if factor not in factors:
            raise document.error("unknown-name", unknown("factor", factor, factors), *at, factor)
        _mapping(weights, document, (*at, factor))
        for level in weights:
            if level not in factors[factor]:
                raise document.error(
                    "unknown-name", unknown("level", level, factors[factor]), *at, factor, level
                )
        each = {level: _weight(weight, document, (*at, factor, level)) for level, weight in weights.items()}
        if not each or abs(math.fsum(each.values())) > 1e-6 * math.fsum(map(abs, each.values())):
            raise document.error(
                "out-of-range",
                f"the weights of a comparison add up to 0, these to"
                f" {math.fsum(each.values()):g}; a mean of three levels is written with 1/3",
                *at,
                factor,
            )
        contrast[factor] = normalised(each)
    return contrast


def _weight(given: Any, document: Document, at: Key) -> float:
    """Parses a weight: a number, or a fraction of integers such as 1/3 or -2/3."""
    number = float("nan")
    if isinstance(given, int | float) and not isinstance(given, bool):
        number = float(given)
    elif isinstance(given, str) and re.fullmatch(r"[+-]?\d{1,9}\s*/\s*[1-9]\d{0,8}", given.strip()):
        number = float(Fraction(given.replace(" ", "")))
    if not math.isfinite(number) or number == 0:
        raise document.error(
            "wrong-type", f"expected a weight other than 0, as 1, -0.5 or 1/3, got {given!r}", *at
        )
    return number


def _where(
    found: Any, document: Document, at: Key, factors: Levels, contrast: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    _mapping(found, document, at)
    for factor, level in found.items():
        free = [f for f in factors if f not in contrast]
        if factor not in free:
            raise document.error(
                "unknown-name", unknown("factor outside the contrast", factor, free), *at, factor
            )
        if str(level) not in factors[factor]:
            raise document.error("unknown-name", unknown("level", level, factors[factor]), *at, factor)
        yield factor, str(level)


def _mapping(value: Any, document: Document, at: Key) -> None:
    if not isinstance(value, Mapping):
        raise document.error("wrong-type", f"expected `key: value`, got {value!r}", *at)
