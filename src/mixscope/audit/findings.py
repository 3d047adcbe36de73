"""Findings of an audit: what was found, where, how certain, and why.

The observation is a finding with a code (mixscope/findings.py); texts are in mixscope/i18n.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mixscope import i18n
from mixscope.findings import Finding

CONTRADICTION, SUSPICION, NOTE = "contradiction", "suspicion", "note"
SEVERITIES = (CONTRADICTION, SUSPICION, NOTE)

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
        figures: Values as printed, by name.
    """

    severity: str
    rule: str
    why: Finding
    table: int | None
    line: int | None
    row: str | None
    figures: Mapping[str, str] = field(default_factory=dict)

    def text(self, lang: str = "en") -> str:
        """The observation as text, with the values as printed."""
        why, values = (
            i18n.render(self.why, lang),
            ", ".join(f"{name} {value}" for name, value in self.figures.items()),
        )
        return i18n.message("audit-doubt", lang, why=why, values=values) if values else why

    def to_dict(self) -> dict[str, Any]:
        """Plain values, under the names above; why in English, code and params as data."""
        about = {"severity": self.severity, "rule": self.rule, "why": i18n.render(self.why)}
        about |= {name: value for name, value in self.why.to_dict().items() if name != "severity"}
        place = {"table": self.table, "line": self.line, "row": self.row}
        return about | place | {"figures": dict(self.figures)}
