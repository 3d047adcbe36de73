"""Finds local copies of data sets, from which they can be prepared without a download."""

from pathlib import Path

from mixscope.data import listing
from mixscope.data.readers.image_folder import ROLES

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".parquet")
BEGINNINGS = {  # prefixes of the names of published archives and of the folders in them
    "cifar10": ("cifar-10-python", "cifar-10-binary", "cifar-10-batches"),
    "cifar100": ("cifar-100-python", "cifar-100-binary"),
    "tiny-imagenet": ("tiny-imagenet-200",),
}


def at_hand(places: list[Path]) -> dict[str, list[Path]]:
    """Finds archives and folders from which a data set can be prepared.

    Known data sets are recognized by the names of their published files, image folders by their splits.

    Args:
        places: Folders to search.

    Returns:
        Paths by name of the data set.
    """
    found: dict[str, list[Path]] = {}
    for place in dict.fromkeys(place.absolute() for place in places):
        try:
            inside = listing.visible(place)
        except OSError:  # missing or not readable
            continue
        for name in inside:
            if (data := _set_of(place / name)) is not None:
                found.setdefault(data, []).append(place / name)
    return found


def _set_of(path: Path) -> str | None:
    try:
        folder = path.is_dir()
        if not folder and not path.name.lower().endswith(ARCHIVES):
            return None
        for data, beginnings in BEGINNINGS.items():
            if path.name.lower().startswith(beginnings):
                return data
        inside = {name.lower() for name in listing.folders(path)} if folder else set()
    except OSError:
        return None
    held = inside & {*ROLES["test"], *ROLES["val"]}
    return "imagefolder" if held and inside & {*ROLES["train"]} else None
