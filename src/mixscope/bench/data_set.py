"""The default data set of benchmarks."""

from pathlib import Path

from mixscope.data.store import Store, is_prepared
from mixscope.errors import DataError

FIRST = ("cifar100", "digits")  # the first of these that is prepared


def chosen(root: Path, name: str | None) -> Store:
    """Opens the data set `name` in `root`, or the first of FIRST that is prepared.

    Raises:
        ConfigError: If the name is unknown.
        DataError: If the set is not prepared, or damaged.
    """
    if name is None:
        name = next((each for each in FIRST if is_prepared(root, each)), None)
    if name is None:
        raise DataError(
            "not-prepared",
            f"holds neither {' nor '.join(FIRST)} to measure with; run `mixscope data prepare"
            " digits`, which downloads nothing, or name a prepared set with --set",
            path=root,
        )
    return Store.open(root, name)
