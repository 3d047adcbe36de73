"""A finding: an observation as data. Text is rendered from it in the reader's language (i18n).

Health checks of runs, gates of verdicts, audits of published tables and damaged records all return findings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ok", "note", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation.

    Attributes:
        code: What was observed; a message of both catalogues in i18n/.
        severity: "ok" (passed), "note" (for information), "warn" (needs attention) or "fail" (invalidates
            results that depend on it).
        params: Values of the message: numbers, texts, findings, and sequences of these. JSON-serializable.
    """

    code: str
    severity: Severity = "note"
    params: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.code, self.severity, repr(self.params)))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON, under the names above."""
        params = {name: _plain(value) for name, value in self.params.items()}
        return {"code": self.code, "severity": self.severity, "params": params}

    @staticmethod
    def from_dict(found: Mapping[str, Any]) -> "Finding":
        """Reads what `to_dict` wrote.

        Raises:
            KeyError: If a name is missing.
        """
        params = {name: _read(value) for name, value in found["params"].items()}
        return Finding(found["code"], found["severity"], params)


def _plain(value: Any) -> Any:
    if isinstance(value, Finding):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Finding.from_dict(value) if set(value) == {"code", "severity", "params"} else dict(value)
    return [_read(one) for one in value] if isinstance(value, list | tuple) else value
