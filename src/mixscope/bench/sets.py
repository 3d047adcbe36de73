"""Which data set is measured with, where the user named none."""

from pathlib import Path

from mixscope.data.store import Store, is_prepared
from mixscope.errors import DataError

FIRST = ("cifar100", "digits")  # the first of these that is prepared


def chosen(root: Path, name: str | None) -> Store:
    """The store of `name` in `root`, or of the first of FIRST.

    Raises ConfigError for a name that is not known and DataError for a set that is not prepared, or damaged.
    """
    if name is None:
        name = next((each for each in FIRST if is_prepared(root, each)), None)
    if name is None:
        raise DataError(
            f"{root}: holds neither {' nor '.join(FIRST)} to measure with; run `mixscope data prepare"
            " digits`, which downloads nothing, or name a prepared set with --set"
        )
    return Store.open(root, name)
