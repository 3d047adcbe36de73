"""The literature on the claims, from literature.yaml, in one language."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One paper and its position on a claim.

    Attributes:
        authors: Authors.
        venue: Venue and year.
        arxiv: arXiv id, or "".
        says: Its result.
        side: "for", "against" or "context".
    """

    authors: str
    venue: str
    arxiv: str
    says: str
    side: str


def papers(claim: str, language: str) -> list[Paper]:
    """The papers on a claim, in the order of the file; empty if there are none."""
    return [
        _paper(entry, language, entry["claims"][claim])
        for entry in _file()["papers"]
        if claim in entry.get("claims", {})
    ]


def theory(claim: str, language: str) -> str:
    """Why a claim may be expected to hold or fail; "" if nothing is stored."""
    return str(_file()["theory"].get(claim, {}).get(language, "")).strip()


def background(claims: Collection[str], language: str) -> list[Paper]:
    """Papers that belong to none of these claims."""
    return [
        _paper(entry, language, "context")
        for entry in _file()["papers"]
        if not set(entry.get("claims", {})) & set(claims)
    ]


def _paper(entry: dict[str, Any], language: str, side: str) -> Paper:
    return Paper(
        authors=entry["authors"],
        venue=str(entry["venue"]),
        arxiv=str(entry.get("arxiv", "")),
        says=str(entry[language]).strip(),
        side=side,
    )


@cache
def _file() -> dict[str, Any]:
    text = (resources.files("mixscope.report") / "literature.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return found
