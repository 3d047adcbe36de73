"""Image folders: train/<class>/* and test/<class>/* or val/<class>/*."""

from pathlib import Path

from mixscope.data import decoding, listing
from mixscope.data.content import WHITE, Content, Wanted
from mixscope.data.readers.image_files import (
    class_notes,
    classes_in,
    held_out,
    holdout_note,
    images_in,
    paths,
    splits_of,
)
from mixscope.errors import ConfigError, DataError

LARGEST_SIDE = 4096  # px, largest side of stored images
ROLES = {  # names of folders, in any case
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}


def read_imagefolder(folder: Path, wanted: Wanted) -> Content:
    """Reads an image folder; with `wanted.size` images are resized.

    No image is skipped: one in an unsupported format, outside a class folder or in a subfolder of one is
    rejected. Files that are not images are left out and counted in the notes, except hidden files.

    Raises:
        DataError: If the layout is wrong or images cannot be read.
        ConfigError: If a test fraction is given and there is a test split.
    """
    top = listing.find(folder, lambda place: "train" in _roles(place), "train")
    if top is None and wanted.test_fraction is None:
        raise listing.wrong_folder(
            "imagefolder",
            folder,
            "train/<class>/* and test/<class>/* or val/<class>/* (or <class>/* with --test-fraction)",
        )
    notes: list[str] = []
    if top is None:
        train = listing.find(folder, _holds_classes, "class folders")
        if train is None:
            raise listing.wrong_folder("imagefolder", folder, "<class>/* with images")
        top, held = train, None
    else:
        roles = _roles(top)
        train, held = top / roles["train"], _held(top, roles, notes)
    if held is not None and wanted.test_fraction is not None:
        raise ConfigError(
            "conflict",
            f"{top} has a test split, {held.name}; leave --test-fraction out",
            key="--test-fraction",
        )
    names = classes_in(train)
    found = {"train": _files(train, names, top, notes)}
    if held is None:
        files, labels = found["train"]
        mask = held_out(labels, wanted.test_fraction, names, train)
        assert wanted.test_fraction is not None, "held_out asks for it"
        notes.append(holdout_note(wanted.test_fraction))
        for split, kept in (("train", ~mask), ("test", mask)):
            rows = kept.nonzero()[0].tolist()
            found[split] = ([files[row] for row in rows], [labels[row] for row in rows])
    else:
        strangers = sorted(set(classes_in(held)) - set(names))
        if strangers:
            raise DataError("inconsistent", "is a class that train does not have", path=held / strangers[0])
        found["test"] = _files(held, names, top, notes)
    _refuse_empty({"train": train} if held is None else {"train": train, "test": held}, names, found)
    files = found["train"][0]
    side = decoding.side(files, len(files)) if wanted.size is None else wanted.size
    if side > LARGEST_SIDE:
        raise DataError(
            "out-of-range",
            f"is {side:,} pixels wide, at most {LARGEST_SIDE:,} can be stored; give --size N to resize",
            path=top,
        )
    if wanted.size is not None:
        notes.append(f"images resized to {side} px where they had another size")
    report = decoding.Report(background=wanted.background or WHITE)
    return Content(
        size=side,
        class_names=tuple(names),
        splits=splits_of(
            {split: (*each, None) for split, each in found.items()},
            report,
            size=side,
            exact=wanted.size is None,
        ),
        notes=(*notes, *class_notes(names)),
        late_notes=report.notes,
        made_with=wanted.made_with(divided=held is None),
    )


def _roles(folder: Path) -> dict[str, str]:
    """Names of the split folders by role. Raises DataError where two have the same role."""
    found: dict[str, str] = {}
    for name in listing.folders(folder):
        role = next((role for role, known in ROLES.items() if name.lower() in known), None)
        if role is not None and role in found:
            raise DataError(
                "duplicate",
                f"{found[role]} and {name} may both be the {role} split; rename or move one of them",
                path=folder,
            )
        if role is not None:
            found[role] = name
    return found


def _held(top: Path, roles: dict[str, str], notes: list[str]) -> Path | None:
    """The folder of the test split: test, or else val; a test folder without classes does not count."""
    test, val = roles.get("test"), roles.get("val")
    if test is not None and val is not None:
        if not listing.folders(top / test):
            notes.append(f"{test} was left out, it holds no class folder: {val} is the test split")
            return top / val
        notes.append(f"{val} was left out: {test} is the test split, and validation is carved out of train")
    held = test or val
    return None if held is None else top / held


def _holds_classes(folder: Path) -> bool:
    inside = listing.folders(folder)
    return bool(inside) and any(
        images_in(folder / name)[0] for name in inside if not listing.folders(folder / name)
    )


def _files(split: Path, names: list[str], top: Path, notes: list[str]) -> tuple[list[str], list[int]]:
    files: list[str] = []
    labels: list[int] = []
    skipped: list[Path] = []
    for label, name in enumerate(names):
        place = split / name
        found, others = images_in(place) if place.is_dir() else ([], [])
        files += paths(place, found)
        labels += [label] * len(found)
        skipped += [place / each for each in others]
    if skipped:
        first = skipped[0].relative_to(top).as_posix()
        notes.append(f"files that are no images, left out: {len(skipped):,}, the first is {first}")
    hidden = listing.hidden_folders(split)
    if hidden:
        notes.append(f"hidden folders of {split.name} were left out: {listing.few(hidden)}")
    return files, labels


def _refuse_empty(
    places: dict[str, Path], names: list[str], found: dict[str, tuple[list[str], list[int]]]
) -> None:
    empty = [
        place / names[label]
        for split, place in places.items()
        for label in sorted(set(range(len(names))) - set(found[split][1]))
    ]
    if empty:
        others = [f"{place.parent.name}/{place.name}" for place in empty[1:]]
        more = f", like {listing.few(others)}" if others else ""
        raise DataError(
            "too-few",
            f"holds no image that is read{more}; expected some of every class in"
            f" {' and in '.join(place.name for place in places.values())}, so add images or remove the class",
            path=empty[0],
        )
