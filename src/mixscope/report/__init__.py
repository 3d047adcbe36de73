"""The report of results as a page with charts and tables; `mixscope.report(results, "report.html")` writes it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _Report(ModuleType):
    """The package, which is also the public function: both are called `mixscope.report`."""

    def __call__(
        self, results: Any, out: str | Path, *, lang: str = "en", reference: str | Path | None = None
    ) -> Path:
        """Writes the report of results; see `mixscope.api.report`."""
        from mixscope import api

        return api.report(results, out, lang=lang, reference=reference)


sys.modules[__name__].__class__ = _Report
