"""Sets of claims shared by several studies: one file of claims, and the study's names of levels.

    claims:
      extends: mixup-and-cutmix       a built-in set, or a .yaml file of claims
      levels: {resnet: resnet50}      levels with another name in the study
      set: {pair_seeds: true}         values for all claims, unless overridden for one
      only: [H1, H2]                  claims to use; default: all that apply
      H1: {margin: 2.0}               overrides the set, key by key; further claims are added

Claims of the set that involve a factor which the study does not have are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from mixscope.errors import unknown
from mixscope.study import document
from mixscope.study.document import Document, Key

EXTENDS, LEVELS, SET, ONLY = "extends", "levels", "set", "only"
TOP = "claims"


def builtin() -> list[str]:
    """Names of the built-in sets."""
    folder = resources.files("mixscope.study") / "builtin" / "claims"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def resolved(study: Document, factors: Sequence[str]) -> Document:
    """Expands the claims of a study file in full.

    Args:
        study: The file; its `claims` may extend a set.
        factors: The factors of the study.

    Raises:
        ConfigError: If a claim is invalid; with file, line and key.
    """
    own = study.tree.get(TOP)
    if not isinstance(own, Mapping) or not isinstance(own.get(EXTENDS), str):
        return study
    shared = _read(str(own[EXTENDS]), study)
    names = own.get(LEVELS) or {}
    only, added = own.get(ONLY), own.get(SET) or {}
    if not isinstance(added, Mapping):
        raise study.error("wrong-type", f"expected `key: value` for every claim, got {added!r}", TOP, SET)
    if not isinstance(names, Mapping):
        raise study.error("wrong-type", f"expected LEVEL OF THE SET: LEVEL, got {names!r}", TOP, LEVELS)
    if only is not None and (not isinstance(only, list) or not only):
        raise study.error("wrong-type", f"expected a list of claims of the set, got {only!r}", TOP, ONLY)
    for name in only or ():
        if name not in shared.tree:
            raise study.error("unknown-name", unknown("claim of the set", name, shared.tree), TOP, ONLY)
    for name, claim in shared.tree.items():
        if not isinstance(claim, Mapping):
            raise shared.error("wrong-type", f"expected a claim as `key: value`, got {claim!r}", name)
    used = {level for claim in shared.tree.values() for level in _levels(claim)}
    for name in names:
        if name not in used:
            raise study.error(
                "unknown-name", unknown("level of the set", name, sorted(used)), TOP, LEVELS, name
            )
    kept = [
        name
        for name, claim in shared.tree.items()
        if (only is None or name in only) and _factors(claim) <= set(factors)
    ]
    tree = {TOP: {name: _renamed(shared.tree[name], names) | dict(added) for name in kept}}
    places = {(TOP, *key): place for key, place in _each(shared.places, kept, names)}
    words = {(TOP, *key): word for key, word in _each(shared.words, kept, names)}
    mine = {name: claim for name, claim in own.items() if name not in (EXTENDS, LEVELS, SET, ONLY)}
    above = replace(study, tree={**study.tree, TOP: mine})
    return document.over(Document(study.file, tree, places, words), above)


def _read(name: str, study: Document) -> Document:
    if name.endswith((".yaml", ".yml")):
        return document.read(Path(name))
    if name not in builtin():
        raise study.error(
            "unknown-name", unknown("built-in set of claims (or .yaml file)", name, builtin()), TOP, EXTENDS
        )
    file = resources.files("mixscope.study") / "builtin" / "claims" / f"{name}.yaml"
    return document.parse(file.read_text(encoding="utf-8"), file=f"{name} (claims)")


def _factors(claim: Any) -> set[str]:
    parts = [claim.get(part) for part in ("contrast", "where")]
    return {factor for part in parts if isinstance(part, Mapping) for factor in part}


def _levels(claim: Any) -> list[str]:
    contrast, where = claim.get("contrast") or {}, claim.get("where") or {}
    compared = [level for weights in contrast.values() if isinstance(weights, Mapping) for level in weights]
    return [*compared, *map(str, where.values())]


def _renamed(claim: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """A claim with the study's names of levels."""
    found = dict(claim)
    if isinstance(found.get("contrast"), Mapping):
        found["contrast"] = {
            factor: {names.get(level, level): weight for level, weight in weights.items()}
            if isinstance(weights, Mapping)
            else weights
            for factor, weights in found["contrast"].items()
        }
    if isinstance(found.get("where"), Mapping):
        found["where"] = {factor: names.get(level, level) for factor, level in found["where"].items()}
    return found


def _each(known: Mapping[Key, Any], kept: Sequence[str], names: Mapping[str, str]) -> list[tuple[Key, Any]]:
    """Locations or texts of the used claims, under the study's names of levels."""
    found = []
    for key, value in known.items():
        if key and key[0] in kept:
            if len(key) == 4 and key[1] == "contrast":
                key = (*key[:3], names.get(str(key[3]), key[3]))
            found.append((key, value))
    return found
