"""Audits of published tables: contradictions, suspicions and notes.

entries.py     a table -> entries: one trained model each
repeats.py     rows of one experiment: seeds averaged, the last of several epochs
scales.py      values in one unit, and misprints
f1_bounds.py   macro F1 values that are possible for a precision and recall
rules.py       consistency of the values with each other
noise.py       differences against the sampling error of the test set
sentences.py   orders and differences stated in sentences
findings.py    what is found
formatting.py  the text for a terminal
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope import i18n
from mixscope.audit import entries, noise, repeats, rules, sentences
from mixscope.audit.entries import Entry
from mixscope.audit.findings import CONTRADICTION, NOTE, SEVERITIES, AuditFinding
from mixscope.audit.noise import Contrast
from mixscope.errors import ConfigError
from mixscope.findings import Finding
from mixscope.results import table_files
from mixscope.results import vocabulary as words
from mixscope.results.table_files import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The result of an audit, the most severe findings first.

    Attributes:
        tables: Number of tables read.
        rows: Number of rows with values.
        figures: Number of values.
        sizes: Numbers of test examples that are known, given or assumed.
        balance: Whether every class of a test set is taken to have equally many examples.
        findings: The findings.
        contrasts: Exploratory contrasts of the printed values.
    """

    tables: int
    rows: int
    figures: int
    sizes: tuple[Finding, ...]
    balance: Finding
    findings: tuple[AuditFinding, ...]
    contrasts: tuple[Contrast, ...]

    @property
    def contradictions(self) -> tuple[AuditFinding, ...]:
        """Findings that prove a printed value wrong."""
        return tuple(f for f in self.findings if f.severity == CONTRADICTION)

    def test_set(self, lang: str = "en") -> str:
        """What is taken as the test set, as text."""
        sizes = ", ".join(i18n.render(size, lang) for size in self.sizes)
        return f"{sizes}; {i18n.render(self.balance, lang)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `--json`, with counts of findings by severity."""
        counts: Mapping[str, int] = {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES}
        return {
            "tables": self.tables,
            "rows": self.rows,
            "figures": self.figures,
            "test_set": self.test_set(),
            "counts": counts,
            "findings": [f.to_dict() for f in self.findings],
            "contrasts": [c.to_dict() for c in self.contrasts],
        }


def file(
    path: Path, *, table: int | None = None, test_size: int | None = None, balanced: bool = False
) -> Audit:
    """Audits a Markdown or CSV file; see `document`.

    Raises:
        DataError: If it contains no table.
    """
    return document(table_files.read(path), table=table, test_size=test_size, balanced=balanced)


def document(
    read: Document, *, table: int | None = None, test_size: int | None = None, balanced: bool = False
) -> Audit:
    """Audits a parsed document.

    Args:
        read: The document.
        table: Number of the only table to audit (from 1), without sentences; None for all.
        test_size: Examples per test set; None takes the known size of the data set, else 10,000.
        balanced: Whether every test set has equally many examples of each class; known for CIFAR,
            Tiny-ImageNet and ImageNet.

    Raises:
        ConfigError: If the table does not exist or the test size is below 1.
    """
    if test_size is not None and test_size < 1:
        raise ConfigError(
            "out-of-range",
            f"expected the number of test examples, 1 or more, got {test_size}",
            key="--test-size",
        )
    numbers = [t.number for t in read.tables]
    if table is not None and table not in numbers:
        raise ConfigError(
            "out-of-range", f"the file has tables 1 to {max(numbers)}, got {table}", key="--table"
        )
    chosen = [t for t in read.tables if table in (None, t.number)]
    found: list[AuditFinding] = []
    rows: list[Entry] = []
    for one in chosen:
        its, slips = entries.read(one)
        rows += repeats.last_epochs(its)
        found += slips
    rows, contradictions = rules.of_entries(rows, balanced, test_size)
    found += contradictions
    experiments = repeats.over_seeds(rows)
    if table is None:
        found += sentences.findings(read.sentences, rows)
    doubtful = [f for f in found if f.severity != NOTE and _DOUBTED & {f.rule, f.why.code}]
    contrasts = noise.contrasts(experiments, test_size, doubtful)
    found += noise.notes(contrasts, experiments)
    found = _once(found)
    found.sort(key=lambda f: (SEVERITIES.index(f.severity), f.line or 0))
    known = [d for d in words.KNOWN_DATA if any(e.facets.get("dataset") == d for e in rows)]
    return Audit(
        tables=len(chosen),
        rows=sum(bool(e.figures) for e in rows),
        figures=sum(len(e.figures) for e in rows),
        sizes=_sizes(known, test_size),
        balance=_balance(known, balanced),
        findings=tuple(found),
        contrasts=tuple(contrasts),
    )


# Rules and observations that cast doubt on a cell's top-1; a doubled percent sign or a shifted name does not.
_DOUBTED = {
    "recall-is-top1",
    "top5-below-top1",
    "f1-bound",
    "precision-bound",
    "printed-twice",
    "precision-recall-gap",
    "audit-above-100",
    "audit-percent-among-shares",
    "audit-share-among-percents",
}


def _once(found: list[AuditFinding]) -> list[AuditFinding]:
    """Merges findings on a cell that several tables print."""
    first: dict[object, AuditFinding] = {}
    kept = []
    for finding in found:
        key = (finding.rule, finding.severity, finding.row, tuple(finding.figures.items()))
        earlier = first.setdefault(key, finding)
        if earlier is finding or earlier.table in (None, finding.table):
            kept.append(finding)
    return kept


def _sizes(known: list[str], test_size: int | None) -> tuple[Finding, ...]:
    if test_size is not None:
        return (Finding("audit-size-given", params={"examples": f"{test_size:,}"}),)
    if not known:
        return (Finding("audit-size-assumed", params={"examples": f"{words.TEST_SIZE:,}"}),)
    sets = [words.KNOWN_DATA[name] for name in known]
    return tuple(
        Finding("audit-size-known", params={"data": one.name, "examples": f"{one.test_size:,}"})
        for one in sets
    )


def _balance(known: list[str], balanced: bool) -> Finding:
    if balanced:
        return Finding("audit-balance-given")
    return Finding("audit-balance-known" if known else "audit-balance-unknown")
