"""What papers say about the claims: literature.yaml, in one language."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One paper as it stands to a claim. side: "for", "against" or "context"; arxiv: its number, or ""."""

    authors: str
    venue: str
    arxiv: str
    says: str
    side: str


def papers(claim: str, language: str) -> list[Paper]:
    """What is stored for a claim, in the file's order; empty for a claim that nobody wrote about."""
    return [
        _paper(entry, language, entry["claims"][claim])
        for entry in _file()["papers"]
        if claim in entry.get("claims", {})
    ]


def theory(claim: str, language: str) -> str:
    """Why one might expect a claim to hold or fail; "" where nothing is stored."""
    return str(_file()["theory"].get(claim, {}).get(language, "")).strip()


def background(claims: Collection[str], language: str) -> list[Paper]:
    """What belongs to none of these claims."""
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
