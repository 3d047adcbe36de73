"""Tiny-ImageNet: the original layout, val rearranged into class folders, and Parquet files."""

from pathlib import Path

from mixscope.data import decoding, listing
from mixscope.data.content import Content, Wanted
from mixscope.data.readers.image_files import JPEG_ENDINGS, classes_in, images_in, paths, splits_of
from mixscope.errors import DataError

TITLE = "tiny-imagenet"
NO_BOX = (-1, -1, -1, -1)
BOX_MOST = 2**15 - 1  # boxes are stored as int16
Boxes = dict[str, tuple[int, ...]]


def read_tiny_imagenet(folder: Path, wanted: Wanted) -> Content:
    """Reads Tiny-ImageNet; the labelled val split becomes the test split, since test labels are not public.

    In the original, val images are in one folder and val_annotations.txt gives the class and box of each.
    Rearranged copies have a folder per class, with or without annotations; their images are read in the same
    order.

    Raises:
        DataError: If files are missing or contradict each other.
    """
    top = listing.find_file(folder, "wnids.txt")
    if top is None:
        raise listing.wrong_folder(
            TITLE, folder, "wnids.txt, words.txt, train and val (without wnids.txt it is an imagefolder)"
        )
    wnids, notes = (
        listing.lines(top / "wnids.txt"),
        ["the test split is the labelled val split of the original"],
    )
    words = dict(
        line.split("\t", 1) for line in listing.lines(listing.need(top, "words.txt", TITLE)) if "\t" in line
    )
    class_of = {wnid: i for i, wnid in enumerate(wnids)}
    twice = next((wnid for i, wnid in enumerate(wnids) if class_of[wnid] != i), None)
    if twice is not None or not wnids:
        file = top / "wnids.txt"
        if twice is None:
            raise DataError("wrong-format", "names no class", path=file)
        raise DataError("duplicate", f"names {twice} twice", path=file)
    extra = sorted(set(classes_in(listing.need(top, "train", TITLE))) - set(wnids))
    if extra:
        raise DataError(
            "inconsistent",
            "is not in wnids.txt; the list is cut short, or the folder is none of Tiny-ImageNet's",
            path=top / "train" / extra[0],
        )
    train, test = _train(top, class_of, notes), _val(top, class_of, notes)
    report = decoding.Report()
    return Content(
        size=64,
        class_names=tuple(words.get(w, w).split(",")[0] for w in wnids),
        class_ids=tuple(wnids),
        splits=splits_of({"train": train, "test": test}, report, size=64, exact=True),
        notes=tuple(notes),
        late_notes=report.notes,
    )


Files = tuple[list[str], list[int], list[tuple[int, ...]] | None]


def _train(top: Path, class_of: dict[str, int], notes: list[str]) -> Files:
    files: list[str] = []
    labels: list[int] = []
    boxes: list[tuple[int, ...]] = []
    listed, short = 0, 0  # images listed in box files but missing; classes that lack some
    boxed = any((top / "train" / wnid / f"{wnid}_boxes.txt").exists() for wnid in class_of)
    for wnid in class_of:
        own = listing.need(top, f"train/{wnid}", TITLE)
        place = own / "images" if (own / "images").is_dir() else own
        images, _ = images_in(place, JPEG_ENDINGS)
        if not images:
            raise DataError(
                "missing-file", "holds no JPEG image; tiny-imagenet is not whole, unpack it again", path=place
            )
        files += paths(place, images)
        labels += [class_of[wnid]] * len(images)
        if not boxed:
            continue
        box_of = _annotations(listing.need(top, f"train/{wnid}/{wnid}_boxes.txt", TITLE), first=1)
        boxes += [box_of.get(name, NO_BOX) for name in images]
        lacking = len(box_of.keys() - set(images))
        listed, short = listed + lacking, short + (lacking > 0)
    if not boxed:
        notes.append("training images have no boxes, the files of boxes are not there")
    if lost := boxes.count(NO_BOX):
        notes.append(f"{lost:,} training images have no box in their class's file of boxes")
    if listed:
        notes.append(
            f"{listed:,} training images of {short:,} of the {len(class_of):,} classes are missing that"
            " their class's file of boxes lists; unless this is a sample on purpose, unpack it again"
        )
    return files, labels, boxes if boxed else None


def _val(top: Path, class_of: dict[str, int], notes: list[str]) -> Files:
    val, notes_file = listing.need(top, "val", TITLE), top / "val" / "val_annotations.txt"
    box_of = _annotations(notes_file, first=2) if notes_file.exists() else {}
    listed = {c[0]: c[1] for c in (line.split("\t") for line in listing.lines(notes_file))} if box_of else {}
    unknown = sorted(set(listed.values()) - set(class_of))
    if unknown:
        raise DataError(
            "unknown-name",
            f"names {unknown[0]}, which is not in wnids.txt; expected one of it",
            path=notes_file,
        )
    place_of, found = _val_images(val, class_of)
    if not found:  # the original layout: all in one folder
        listing.need(top, "val/val_annotations.txt", TITLE)
        found = listed
    elif box_of:
        notes.append("val is arranged in class folders")
        wrong = sorted(name for name, wnid in found.items() if listed.get(name, wnid) != wnid)
        if wrong:
            raise DataError(
                "inconsistent",
                f"is in another class's folder than {notes_file} says"
                f" ({listed[wrong[0]]}); unpack tiny-imagenet again",
                path=place_of[wrong[0]] / wrong[0],
            )
    else:
        notes.append("val is arranged in class folders and has no annotations, so test images have no boxes")
    if box_of:
        _compare(top, notes_file, listed, place_of)
    names = sorted(place_of)
    return (
        [str(place_of[name] / name) for name in names],
        [class_of[found[name]] for name in names],
        [box_of[name] for name in names] if box_of else None,
    )


def _val_images(val: Path, class_of: dict[str, int]) -> tuple[dict[str, Path], dict[str, str]]:
    """The folder of each val image by name, and its class if the folders give it."""
    if (val / "images").is_dir() and (names := images_in(val / "images", JPEG_ENDINGS)[0]):
        return dict.fromkeys(names, val / "images"), {}
    place_of: dict[str, Path] = {}
    found: dict[str, str] = {}
    for wnid in listing.folders(val):
        if wnid == "images":
            continue
        if wnid not in class_of:
            raise DataError(
                "inconsistent", "is not in wnids.txt; the folder is none of Tiny-ImageNet's", path=val / wnid
            )
        place = val / wnid / "images" if (val / wnid / "images").is_dir() else val / wnid
        for name in images_in(place, JPEG_ENDINGS)[0]:
            if name in place_of:
                raise DataError(
                    "duplicate",
                    f"has the name of {place_of[name] / name}; unpack it again",
                    path=place / name,
                )
            place_of[name], found[name] = place, wnid
    if not found:
        raise DataError(
            "missing-file",
            "holds no JPEG image; tiny-imagenet is not whole, unpack it again",
            path=val / "images",
        )
    return place_of, found


def _compare(top: Path, notes_file: Path, listed: dict[str, str], place_of: dict[str, Path]) -> None:
    """Checks that annotations and val images agree. Raises DataError."""
    missing = sorted(set(listed) - set(place_of))
    unknown = sorted(set(place_of) - set(listed))
    if missing or unknown:
        if missing:
            file, sentence = top / "val" / "images" / missing[0], f"is missing and {notes_file} lists it"
        else:
            file = place_of[unknown[0]] / unknown[0]
            sentence = f"has no class, {notes_file} does not list it"
        n = len(missing or unknown)
        more = f" (as are {n - 1:,} more)" if n > 1 else ""
        raise DataError(
            "missing-file" if missing else "inconsistent",
            f"{sentence}{more}; tiny-imagenet is not whole, unpack it again",
            path=file,
        )


def _annotations(file: Path, *, first: int) -> Boxes:
    """Reads boxes by file name from an annotation file; `first` is the column of x0."""
    rows: Boxes = {}
    for number, line in enumerate(listing.lines(file), start=1):
        cells = line.split("\t")
        try:
            box = tuple(map(int, cells[first : first + 4]))
        except ValueError:
            box = ()
        if len(box) != 4 or min(box) < 0 or max(box) > BOX_MOST:
            what = "a file name, a class and a box" if first == 2 else "a file name and a box"
            raise DataError(
                "wrong-format",
                f"expected {what} of four numbers of pixels with tabs between, got"
                f" {line[:80]!r}; unpack tiny-imagenet again",
                path=file,
                line=number,
            )
        if cells[0] in rows:
            raise DataError(
                "duplicate", f"lists {cells[0]} a second time; unpack it again", path=file, line=number
            )
        rows[cells[0]] = box
    return rows
