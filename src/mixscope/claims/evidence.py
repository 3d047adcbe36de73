"""Deprecated name of the study folder's reader, until every caller says `results.folders.study`."""

from mixscope.results.folders import study as gather
from mixscope.results.results import Results as Evidence

__all__ = ["Evidence", "gather"]
