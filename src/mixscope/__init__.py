"""mixscope: which mixing augmentation helps which architecture, and is the difference real?

    import mixscope

    r = mixscope.load("results.csv")      # a study's folder, bundle, table, DataFrame, dict of columns
    mixscope.judge(r)                     # verdicts, readable in a terminal and a notebook
    mixscope.report(r, "report.html")

`docs/reference/api.md` lists what is public: the names in `__all__`. Everything else may change.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# Module of each public name, imported on first access to keep `import mixscope` fast.
_HOMES = {
    "load": "mixscope.api",
    "judge": "mixscope.api",
    "contrast": "mixscope.api",
    "contrast_arrays": "mixscope.claims.arrays",
    "figures": "mixscope.api",
    "train": "mixscope.api",
    "Loader": "mixscope.data.public_loader",
    "Results": "mixscope.results.results",
    "Study": "mixscope.study.study",
}

if TYPE_CHECKING:
    from mixscope.api import contrast as contrast
    from mixscope.api import figures as figures
    from mixscope.api import judge as judge
    from mixscope.api import load as load
    from mixscope.api import train as train
    from mixscope.claims.arrays import contrast_arrays as contrast_arrays
    from mixscope.data.public_loader import Loader as Loader
    from mixscope.report import _Report
    from mixscope.results.results import Results as Results
    from mixscope.study.study import Study as Study

    report = _Report("mixscope.report")

__all__ = [
    "Loader",
    "Results",
    "Study",
    "contrast",
    "contrast_arrays",
    "figures",
    "judge",
    "load",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "report":  # a package that can be called
        return importlib.import_module("mixscope.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'mixscope' has no attribute {name!r}; public are {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
