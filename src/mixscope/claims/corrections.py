"""Claims judged together: corrected for each other, combined with what they need, summed over strata."""

import dataclasses
from collections.abc import Mapping, Sequence

from mixscope.claims import gates, looks, rules
from mixscope.claims.gates import Gate
from mixscope.claims.readings import Reading, Verdict, stratum_text
from mixscope.claims.rules import (
    ALPHA,
    DIFFER,
    ESTIMATE,
    EXPLORATORY,
    INCONCLUSIVE,
    MISSING,
    NEGLIGIBLE,
    POST_HOC,
    REFUTED,
    SCALE_DEPENDENT,
    SETTLED,
    SUPPORTED,
    over_strata,
)
from mixscope.findings import Finding
from mixscope.study.claim import Claim, agree


def corrected(claims: Sequence[Claim], readings: Mapping[str, list[Reading]]) -> dict[str, list[Reading]]:
    """Readings whose p-values are corrected for looks, then by Holm over the family; other claims alone."""
    members = [claim.id for claim in rules.family(claims)]
    p = {c.id: [_over_looks(c, r) for r in readings[c.id]] for c in claims if c.expect != "none"}
    whole, alone = rules.corrected({name: p[name] for name in members})
    found = {}
    for claim in claims:
        mine = readings[claim.id]
        if claim.id in members:
            found[claim.id] = [
                _one_corrected(claim, r, whole[claim.id], a, len(members), len(mine))
                for r, a in zip(mine, alone[claim.id], strict=True)
            ]
        elif claim.id in p:
            own, each = rules.corrected({claim.id: p[claim.id]})
            found[claim.id] = [
                _one_corrected(claim, r, own[claim.id], a, 1, len(mine))
                for r, a in zip(mine, each[claim.id], strict=True)
            ]
        else:
            found[claim.id] = mine
    return found


def _over_looks(claim: Claim, reading: Reading) -> float:
    """The p-value of a reading as if there were only one look; 1 if there is nothing to test yet."""
    if reading.p is None or reading.look is None:
        return 1.0
    equivalent = claim.expect == "equivalent"
    level, total = (
        (reading.look.narrow, looks.EQUIVALENCE) if equivalent else (reading.look.level, looks.ONE_SIDED)
    )
    return min(1.0, reading.p * total / level)


def _one_corrected(
    claim: Claim, reading: Reading, whole: float, alone: float, size: int, strata: int
) -> Reading:
    """Sets a reading to supported with its whole claim, or alone, or not."""
    if reading.p is None:
        return reading
    reading = dataclasses.replace(reading, p_holm=whole)
    level = looks.EQUIVALENCE if claim.expect == "equivalent" else ALPHA
    if reading.uncapped != SUPPORTED or min(whole, alone) <= level:
        return reading
    if reading.look is None:
        return reading  # unfinished, already capped
    if strata > 1:
        found = gates.gate("holm", "one-of-strata", strata=strata, p=reading.p, corrected=alone, alpha=level)
        return _gated(reading, found)
    return _gated(reading, gates.gate("holm", "holm", tests=size, p=reading.p, p_holm=whole, alpha=level))


def _gated(reading: Reading, gate: Gate, verdict: str = INCONCLUSIVE) -> Reading:
    return dataclasses.replace(
        reading,
        verdict=reading.verdict if reading.verdict in (EXPLORATORY, MISSING) else verdict,
        gates=(*reading.gates, gate.sentence),
        findings=(*reading.findings, gate.finding),
        gate_kinds=(*reading.gate_kinds, gate.kind),
    )


def with_needs(
    reading: Reading, claim: Claim, claims: Sequence[Claim], readings: Mapping[str, list[Reading]]
) -> Reading:
    """Combines a reading with the claims it needs: refuted with any of them, supported only with all.

    The needed claim's strata that agree with this one in every common factor are used.
    """
    for name in rules.all_needs(claim, {c.id: c for c in claims}):
        for other in readings[name]:
            if not agree(reading.stratum, other.stratum):
                continue
            gate = gates.gate("needs", "needs-claim", claim=name, verdict=Finding(f"verdict-{other.verdict}"))
            if other.verdict == REFUTED and reading.verdict not in (EXPLORATORY, MISSING, REFUTED):
                reading = _gated(reading, gate, REFUTED)
            elif other.verdict != SUPPORTED and reading.verdict == SUPPORTED:
                reading = _gated(reading, gate)
    return reading


def post_hoc(reading: Reading, edited: Sequence[Gate]) -> Reading:
    """A reading of a claim that may have been fitted to results."""
    if not edited or reading.verdict == MISSING:
        return reading
    for gate in edited:
        reading = _gated(reading, gate)
    return dataclasses.replace(reading, verdict=POST_HOC)


def over_all_strata(claim: Claim, readings: Sequence[Reading], heterogeneity: float | None) -> Verdict:
    """The verdict of a claim from its readings, one a stratum."""
    return Verdict(
        claim=claim.id,
        text=dict(claim.text),
        expect=claim.expect,
        margin=claim.margin,
        secondary=claim.secondary,
        verdict=over_strata([r.verdict for r in readings]),
        why=reason(claim, readings[0]) if len(readings) == 1 else _why(readings, heterogeneity),
        readings=tuple(readings),
        p_holm=readings[0].p_holm,
        heterogeneity=heterogeneity,
    )


def _why(readings: Sequence[Reading], heterogeneity: float | None) -> Finding:
    """The verdicts of the strata, the decisive ones first and by name."""
    order = (REFUTED, SUPPORTED, NEGLIGIBLE, SCALE_DEPENDENT, INCONCLUSIVE, POST_HOC, ESTIMATE, EXPLORATORY)
    parts = []
    for kind in (*order, MISSING):
        mine = [r for r in readings if r.verdict == kind]
        params = {"verdict": Finding(f"verdict-{kind}"), "count": len(mine), "strata": len(readings)}
        if mine and len(mine) == len(readings):
            return Finding("why-all-strata", params=params)
        if mine and kind in SETTLED:
            where = "; ".join(stratum_text(r.stratum) for r in mine)
            parts.append(Finding("why-named-strata", params=params | {"where": where}))
        elif mine:
            parts.append(Finding("why-some-strata", params=params))
    if heterogeneity is not None and any(r.verdict == SUPPORTED for r in readings):
        code = "why-strata-differ" if heterogeneity <= DIFFER else "why-strata-alike"
        parts.append(Finding(code, params={"p": heterogeneity}))
    return Finding("why-strata", params={"all_parts": parts})


def reason(claim: Claim, reading: Reading) -> Finding:
    """Why a claim with a single stratum got its verdict."""
    if reading.verdict == MISSING or reading.judged is None:
        missing = Finding("why-missing", params={"experiments": list(reading.missing)})
        return missing if reading.missing else reading.findings[0]
    if reading.verdict == EXPLORATORY:
        return Finding("why-one-seed")
    if reading.verdict != reading.uncapped:
        return Finding("why-limited", params={"all_gates": list(reading.findings)})
    if reading.verdict == ESTIMATE:
        return Finding("why-no-claim")
    low, high, margin = reading.judged.low, reading.judged.high, claim.margin
    params = {"level": f"{100 * reading.judged.level:.4g}", "margin": f"{margin:g}"}
    if claim.expect == "equivalent":
        where = {SUPPORTED: "inside", REFUTED: "outside"}.get(reading.verdict, "beyond")
    elif reading.verdict == NEGLIGIBLE:
        where = "inside"
    else:
        where = "above" if low > 0 else "below" if high < 0 else "crosses"
    return Finding(f"why-{where}", params=params)
