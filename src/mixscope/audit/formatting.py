"""Formats an audit as text: contradictions, suspicions, notes, and contrasts."""

from collections.abc import Iterable, Iterator

from mixscope import i18n, tabular
from mixscope.audit import Audit
from mixscope.audit.findings import SEVERITIES, AuditFinding
from mixscope.audit.noise import Contrast
from mixscope.formatting import ends

_COLUMNS = (
    *("audit-col-contrast", "audit-col-where", "audit-col-estimate", "audit-col-interval"),
    *("audit-col-zero", "audit-col-tipping", "audit-col-doubtful"),
)


def text(audit: Audit, lang: str = "en") -> str:
    """Formats the whole audit for a terminal."""
    return "\n".join(_lines(audit, lang))


def _lines(audit: Audit, lang: str) -> Iterator[str]:
    counts = {"tables": audit.tables, "rows": audit.rows, "figures": audit.figures}
    yield i18n.message("audit-read", lang, **counts)
    yield i18n.message("audit-test-set", lang, assumed=audit.test_set(lang))
    for severity in SEVERITIES:
        found = [f for f in audit.findings if f.severity == severity]
        yield ""
        yield i18n.message("audit-severity", lang, kind=severity, count=len(found))
        for finding in found:
            yield from _finding(finding, lang)
    if audit.contrasts:
        yield ""
        several = "true" if any(c.seeds > 1 for c in audit.contrasts) else "false"
        yield i18n.message("audit-contrasts", lang, several=several)
        yield from _contrasts(audit.contrasts, lang)
        yield i18n.message("audit-tipping", lang)
        if not all(c.seeds > 1 for c in audit.contrasts):
            yield i18n.message("audit-single-runs", lang)


def _finding(finding: AuditFinding, lang: str) -> Iterator[str]:
    place = i18n.message("audit-place", lang, table=finding.table or "none", line=finding.line)
    figures = "  ".join(finding.values(lang))
    row = i18n.message("audit-value-headings", lang) if finding.row == "headings" else finding.row
    yield f"  {finding.rule:<21} {row} ({place})" + (f": {figures}" if figures else "")
    yield f"  {'':<21} {i18n.render(finding.why, lang)}"


def _contrasts(contrasts: Iterable[Contrast], lang: str) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [tuple(i18n.message(column, lang) for column in _COLUMNS)]
    contrasts = list(contrasts)
    for c in contrasts:
        name = i18n.message("audit-gain", lang) if c.name == "gain" else c.name
        where = " ".join(_where(k, v, lang) for k, v in c.stratum.items())
        interval = ends(c.low, c.high)
        agree = "false" if c.scales_agree is False else "true"
        lean = i18n.message("audit-lean", lang, lean=c.lean, agree=agree)
        tipping = f"{c.tipping_sd:.2f}" if c.tipping_sd else "-"
        rows.append((name, where, f"{c.estimate:+.2f}", interval, lean, tipping, ", ".join(c.doubtful)))
    if any(c.seeds > 1 for c in contrasts):
        seeds = [i18n.message("audit-col-seeds", lang), *(str(c.seeds) for c in contrasts)]
        rows = [(*row[:4], own, *row[4:]) for row, own in zip(rows, seeds, strict=True)]
    yield from (f"  {line}" for line in tabular.to_text(rows))


def _where(facet: str, level: str, lang: str) -> str:
    if facet == "pretrained":
        return i18n.message("audit-where-pretrained" if level == "yes" else "audit-where-scratch", lang)
    return i18n.message("audit-epochs", lang, epochs=level) if facet == "epochs" else level
