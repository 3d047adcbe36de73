"""Claims in a separate file: for results without a study, or in place of a study's claims."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mixscope.errors import ConfigError
from mixscope.results.results import Results
from mixscope.study import claim, claim_sets, document
from mixscope.study.document import Document


@dataclass(frozen=True, slots=True)
class ClaimsFile:
    """A parsed claims file, not yet checked against factors.

    Attributes:
        document: Its content, with line numbers.
        factors: Names of the factors in its claims.
    """

    document: Document
    factors: tuple[str, ...]

    def put_into(self, results: Results) -> Results:
        """Replaces the claims of results.

        They are post hoc unless runs recorded the same at their start (claims/post_hoc.py).

        Raises:
            ConfigError: If a claim refers to a factor or level that the results do not have; with its line.
        """
        levels: Mapping[str, Mapping[str, Mapping[str, object]]] = {
            factor: {level: {} for level in each} for factor, each in results.factors.items()
        }
        claims = claim.read(claim_sets.resolved(self.document, list(results.factors)), levels)
        looks = claim.read_looks(self.document) or results.looks
        return dataclasses.replace(results, claims=claims, looks=looks, claims_file=str(self.document.file))


def read(file: Path) -> ClaimsFile:
    """Reads a file with `claims:`, and optionally `looks:`, as in a study file.

    Raises:
        ConfigError: If it cannot be read, or has no claims.
        DataError: If it does not exist.
    """
    found = document.read(file)
    tree = found.tree.get("claims") if isinstance(found.tree, Mapping) else None
    if not isinstance(tree, Mapping) or not tree:
        raise ConfigError(
            "missing-key", "has no claims; expected `claims:`, as `mixscope claims new` writes it", path=file
        )
    named: list[str] = []
    for one in tree.values():
        for key in ("contrast", "where"):
            part = one.get(key) if isinstance(one, Mapping) else None
            named += list(part) if isinstance(part, Mapping) else []
    return ClaimsFile(found, tuple(dict.fromkeys(map(str, named))))
