"""The report of results: a page with charts and tables; `mixscope.report(results, "r.html")` writes it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _Report(ModuleType):
    """The package as a callable: both the package and the function are `mixscope.report`."""

    def __call__(
        self, results: Any, out: str | Path, *, lang: str = "en", reference: str | Path | None = None
    ) -> Path:
        """Writes the report of results.

        Args:
            results: Results, or their source: a path, a DataFrame, a mapping of columns.
            out: A name ending in .html gives one self-contained page; any other name a folder with the page,
                its tables (CSV, Markdown) and figures (SVG).
            lang: "en" or "ko".
            reference: Published tables (CSV or Markdown), shown beside these results by experiment.

        Returns:
            The page.

        Raises:
            ConfigError: If the language is unknown.
            DataError: If results or reference cannot be read.
        """
        from mixscope.report import page
        from mixscope.results import sources

        beside = None if reference is None else Path(reference)
        return page.write(sources.load(results), out=Path(out), language=lang, reference=beside).page


sys.modules[__name__].__class__ = _Report
