"""Formats an audit as text: contradictions, suspicions, notes, and contrasts."""

from collections.abc import Iterable, Iterator

from mixscope import i18n, tabular
from mixscope.audit import Audit
from mixscope.audit.findings import CONTRADICTION, NOTE, SUSPICION, AuditFinding
from mixscope.audit.noise import Contrast

_TITLES = {
    CONTRADICTION: "contradictions (cannot be as printed)",
    SUSPICION: "suspicions (possible, but unlikely to be right)",
    NOTE: "notes",
}


def text(audit: Audit) -> str:
    """Formats the whole audit for a terminal."""
    return "\n".join(_lines(audit))


def _lines(audit: Audit) -> Iterator[str]:
    tables = f"{audit.tables} table{'s' if audit.tables != 1 else ''}"
    yield f"read      {tables}, {audit.rows} rows of figures, {audit.figures} figures"
    yield f"test set  {audit.test_size_said}"
    for severity, title in _TITLES.items():
        found = [f for f in audit.findings if f.severity == severity]
        yield ""
        yield f"{title}: {len(found) or 'none'}"
        for finding in found:
            yield from _finding(finding)
    if audit.contrasts:
        yield ""
        seeds = any(c.seeds > 1 for c in audit.contrasts)
        basis = "over seeds where there are any, else from" if seeds else "from"
        yield f"contrasts of top-1 (percentage points; 95 % interval {basis} the size of the test set alone)"
        yield from _contrasts(audit.contrasts)
        yield "tipping SD: the standard deviation between runs from which on the interval covers zero."
        if not all(c.seeds > 1 for c in audit.contrasts):
            yield "One table of single runs cannot show that spread: every verdict is EXPLORATORY."


def _finding(finding: AuditFinding) -> Iterator[str]:
    place = f"table {finding.table}, line {finding.line}" if finding.table else f"line {finding.line}"
    figures = "  ".join(f"{name} {value}" for name, value in finding.figures.items())
    yield f"  {finding.rule:<21} {finding.row} ({place})" + (f": {figures}" if figures else "")
    yield f"  {'':<21} {i18n.render(finding.why)}"


def _contrasts(contrasts: Iterable[Contrast]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("contrast", "where", "estimate", "95 % interval", "zero", "tipping SD", "rests on doubtful cells")
    ]
    contrasts = list(contrasts)
    for c in contrasts:
        where = " ".join(_where(k, v) for k, v in c.stratum.items())
        interval = f"[{c.low:+.2f}, {c.high:+.2f}]"
        lean = {"above": "above", "below": "below", "covers": "inside"}[c.lean]
        if c.scales_agree is False:
            lean += ", logits disagree"
        tipping = f"{c.tipping_sd:.2f}" if c.tipping_sd else "-"
        rows.append((c.name, where, f"{c.estimate:+.2f}", interval, lean, tipping, ", ".join(c.doubtful)))
    if any(c.seeds > 1 for c in contrasts):
        seeds = ["seeds", *(str(c.seeds) for c in contrasts)]
        rows = [(*row[:4], own, *row[4:]) for row, own in zip(rows, seeds, strict=True)]
    yield from (f"  {line}" for line in tabular.to_text(rows))


def _where(facet: str, level: str) -> str:
    if facet == "pretrained":
        return "pretrained" if level == "yes" else "scratch"
    return f"{level} epochs" if facet == "epochs" else level
