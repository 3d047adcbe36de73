"""Findings of an audit: what was found, where, how certain, and why.

The observation is a finding with a code (mixscope/findings.py); texts are in mixscope/i18n.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mixscope import i18n
from mixscope.findings import Finding
from mixscope.results.vocabulary import SHOWN

CONTRADICTION, SUSPICION, NOTE = "contradiction", "suspicion", "note"
SEVERITIES = (CONTRADICTION, SUSPICION, NOTE)

# Messages for the names of values that this package gives itself; others are quoted from the document.
_NAMES = {
    **{shown: f"metric-{metric}" for metric, shown in SHOWN.items()},
    "cells": "audit-value-cells",
    "headings": "audit-value-headings",
    "missing": "audit-value-missing",
    "twice": "audit-value-twice",
    "difference": "audit-value-difference",
    "standard error": "audit-value-standard-error",
    "stated": "audit-value-stated",
    "from": "audit-value-from",
    "to": "audit-value-to",
}

RULES = {
    "shifted-cells": "a cell does not hold what its column's heading says",
    "row-length": "a row has more or fewer cells than there are headings",
    "percent-typo": "a percentage that is none: sign, point or scale",
    "recall-is-top1": "macro recall equals top-1 on a balanced test set",
    "top5-below-top1": "top-5 is at least top-1",
    "f1-bound": "macro F1 lies between max(0, P + R - 1) and 2PR/(P + R)",
    "precision-bound": "macro precision is at least recall squared on a balanced test set",
    "printed-twice": "one cell has one figure",
    "numbering": "experiments are numbered without gaps and doubles",
    "order": "an order stated in a text is the order of its figures",
    "difference": "a stated difference is the difference of its figures",
    "precision-recall-gap": "precision above recall by 2.5 points or more marks a broken evaluation",
    "direction": "a heading says whether accuracies or error rates stand below it",
    "unit": "a heading says whether its values are percent or shares of 1",
    "band": "top-1 lies where published recipes lie",
    "noise": "a difference is larger than the test set's sampling error",
}


@dataclass(frozen=True, slots=True)
class Points:
    """A number in percentage points that the audit computed.

    Attributes:
        number: Percentage points.
        signed: Whether a positive number is shown with its sign.
    """

    number: float
    signed: bool = False

    def text(self, lang: str = "en") -> str:
        """The number with its unit."""
        return f"{self.number:{'+' if self.signed else ''}.2f}{i18n.message('audit-value-pp', lang)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFinding:
    """A finding on a table or text.

    Attributes:
        severity: "contradiction" (proven from the document alone), "suspicion" (a reason to check) or "note".
        rule: A key of RULES.
        why: The observation.
        table: Number of the table in the document, from 1; None for a text.
        line: Line of the file, from 1.
        row: Name of the experiment, or a description of the row.
        figures: Values as printed, or computed ones, by name; by position from 1 where they have no name.
    """

    severity: str
    rule: str
    why: Finding
    table: int | None
    line: int | None
    row: str | None
    figures: Mapping[str | int, str | Points] = field(default_factory=dict)

    def text(self, lang: str = "en") -> str:
        """The observation as text, with the values as printed."""
        why, values = i18n.render(self.why, lang), ", ".join(self.values(lang))
        return i18n.message("audit-doubt", lang, why=why, values=values) if values else why

    def values(self, lang: str = "en") -> Iterator[str]:
        """The values as printed, each after its name."""
        for name, value in self.figures.items():
            yield f"{_name(name, lang)} {value.text(lang) if isinstance(value, Points) else value}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, under the names above; why in English, code and params as data."""
        about = {"severity": self.severity, "rule": self.rule, "why": i18n.render(self.why)}
        about |= {name: value for name, value in self.why.to_dict().items() if name != "severity"}
        place = {"table": self.table, "line": self.line, "row": self.row}
        figures = {
            name if isinstance(name, str) else f"figure {name}": (
                value.text() if isinstance(value, Points) else value
            )
            for name, value in self.figures.items()
        }
        return about | place | {"figures": figures}


def _name(name: str | int, lang: str) -> str:
    if isinstance(name, int):
        return i18n.message("audit-value-figure", lang, number=name)
    return i18n.message(_NAMES[name], lang) if name in _NAMES else name
