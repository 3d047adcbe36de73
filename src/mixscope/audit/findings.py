"""What an audit finds: one thing, where it stands, how certain it is, and why.

What does not belong here: how things are found (rules.py, prose.py, noise.py) and how they look (wording.py).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

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
    "band": "top-1 lies where published recipes lie",
    "noise": "a difference is larger than the test set's sampling error",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """severity: "contradiction" (proven from the document alone), "suspicion" (a reason to look) or "note".

    rule: a key of RULES. table: 1, 2, ... in the order of the document, None for a text. line: 1, 2, ... in
    the file. row: the experiment's name, or what the row says of itself. figures: as printed, by name.
    """

    severity: str
    rule: str
    why: str
    table: int | None
    line: int | None
    row: str | None
    figures: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, under the names above."""
        return asdict(self)
