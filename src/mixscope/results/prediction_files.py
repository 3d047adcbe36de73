"""Predictions of other programs, one file per run: npz, CSV, TSV, JSON lines or Parquet.

A file has an id for each test example (else their order is used), the label, and one of: predicted class,
correctness, logits, or probabilities. Ids and classes may be numbers or text. Files are aligned by id, and
rejected if they are not comparable: different labels, or examples that only some runs were tested on.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixscope.errors import Code, DataError
from mixscope.results import table_files
from mixscope.results.outcomes import Outcomes

NAMES = {
    "ids": ("ids", "id", "index", "idx", "image_id", "example", "filename", "file", "path"),
    "labels": ("labels", "label", "target", "targets", "y", "y_true", "true", "ground_truth"),
    "predicted": ("predicted", "pred", "preds", "prediction", "predictions", "y_pred", "predicted_class"),
    "correct": ("correct", "is_correct", "hit", "right"),
    "top5": ("top5", "top5_correct"),
    "confidence": ("confidence",),
    "log_likelihood": ("log_likelihood",),
    "logits": ("logits", "logit", "scores", "outputs"),
    "probabilities": ("probabilities", "probs", "prob", "proba", "p", "softmax"),
}
EXPECTED = "id, label and one of predicted, correct, logits or probabilities"
FEWEST_ERRORS = 5  # with fewer errors, equal predictions do not prove a copy
_WIDE = ("logits", "probabilities")
_YES, _NO = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")


@dataclass(frozen=True, slots=True)
class Source:
    """The predictions of one run.

    Attributes:
        file: The file.
        said: Name of its run in messages, for instance "results.csv line 4".
        only: `{column: value}` that selects this run's rows in a file with several runs.
    """

    file: Path
    said: str
    only: Mapping[str, str]

    def error(self, code: Code, problem: str) -> DataError:
        """The error for these predictions."""
        return DataError(code, problem, path=self.file, place=f"{self.file} ({self.said})")


def read(sources: Sequence[Source]) -> list[Outcomes]:
    """Reads the predictions of every run and aligns them by id.

    Args:
        sources: One per run; all of one data set.

    Returns:
        Outcomes in the order of `sources`, with the same ids and labels.

    Raises:
        DataError: If a file cannot be read or lacks arrays, ids are repeated, files differ in test examples
            or labels, or two runs have the same predictions.
    """
    found = [_arrays(source) for source in sources]
    for arrays, source in zip(found, sources, strict=True):
        _check(arrays, source)
    ids = np.unique(found[0]["ids"])
    texts = [arrays[name] for arrays in found for name in ("labels", "predicted") if name in arrays]
    classes = _classes(texts)
    aligned = []
    for arrays, source in zip(found, sources, strict=True):
        order = np.argsort(arrays["ids"], kind="stable")
        if not np.array_equal(arrays["ids"][order], ids):
            own = np.setxor1d(arrays["ids"], ids)
            raise source.error(
                "not-comparable",
                f"has {len(order):,} test examples, {sources[0].file}"
                f" {len(ids):,}, and they differ (for instance id {own[0]}); expected the same examples"
                " in all runs of one data set; evaluate the run again",
            )
        aligned.append({name: array[order] for name, array in arrays.items()})
    _labels_agree(aligned, sources)
    outcomes = [_outcomes(a, s, ids, classes) for a, s in zip(aligned, sources, strict=True)]
    _not_copied(outcomes, sources)
    return outcomes


# --- one file -------------------------------------------------------------------------------------------


def _arrays(source: Source) -> dict[str, np.ndarray]:
    """The arrays of a file under standard names."""
    if source.file.suffix.lower() == ".npz":
        raw = _of_npz(source)
    elif source.file.suffix.lower() == ".npy":
        raise source.error("wrong-format", f"holds one array; expected an npz with {EXPECTED}")
    else:
        raw = _of_table(source)
    found: dict[str, np.ndarray] = {}
    for name, known in NAMES.items():
        key = next((k for word in known for k in raw if k.lower() == word), None)
        if key is not None:
            found[name] = raw[key]
    for name in _WIDE:
        if name in found and found[name].ndim == 1 and found[name].dtype.kind == "U":
            found[name] = _lists(found[name], name, source)
        columns = [k for word in NAMES[name] for k in raw if _numbered(k, word) is not None]
        if columns and name not in found:
            columns.sort(
                key=lambda k: max(_numbered(k, w) or 0 for w in NAMES[name] if _numbered(k, w) is not None)
            )
            found[name] = np.stack([raw[k] for k in columns], axis=1)
    return found


def _lists(cells: np.ndarray, name: str, source: Source) -> np.ndarray:
    """A column whose cells are lists, as Parquet and JSON lines have them: float64 (n, classes)."""
    rows = []
    for number, text in enumerate(cells, 1):
        try:
            row = json.loads(str(text).replace("nan", "NaN").replace("inf", "Infinity"))
        except ValueError:
            row = None
        if not isinstance(row, list) or not all(isinstance(v, int | float) for v in row):
            raise source.error(
                "wrong-type",
                f"{name} of example {number} is {str(text)[:40]!r}; expected a"
                f" list of numbers, one a class, or a column for each class ({name}_0, {name}_1, ...)",
            )
        rows.append(row)
    sizes = sorted({len(row) for row in rows})
    if len(sizes) > 1:
        raise source.error(
            "wrong-type",
            f"{name} has {sizes[0]} to {sizes[-1]} values an example; expected"
            " one for each class in every row",
        )
    return np.array(rows, np.float64)


def _numbered(key: str, word: str) -> int | None:
    """The class of a column such as logit_3."""
    rest = key.lower().removeprefix(word).lstrip("_-. ")
    return int(rest) if key.lower().startswith(word) and rest.isdecimal() else None


def _of_npz(source: Source) -> dict[str, np.ndarray]:
    try:
        # From memory: numpy would keep the handle of a damaged file open.
        with np.load(io.BytesIO(source.file.read_bytes()), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except FileNotFoundError as problem:
        raise _absent(source) from problem
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as problem:
        raise source.error(
            "wrong-format",
            f"is no npz of arrays ({problem}); write it again by numpy.savez",
        ) from problem


def _of_table(source: Source) -> dict[str, np.ndarray]:
    if not source.file.is_file():
        raise _absent(source)
    table = table_files.read(source.file).tables[0]
    frame = table.to_frame()
    for column, value in source.only.items():
        if column in frame:
            frame = frame[frame[column] == value]
    return {str(name): frame.iloc[:, i].to_numpy(dtype=np.str_) for i, name in enumerate(frame.columns)}


def _absent(source: Source) -> DataError:
    return source.error("missing-file", "does not exist; expected predictions as npz, CSV or Parquet")


def _check(arrays: dict[str, np.ndarray], source: Source) -> None:
    """Converts numbers, checks lengths and required arrays; ids by order if there are none."""
    judged = [n for n in ("correct", "predicted", "logits", "probabilities") if n in arrays]
    if not judged or ("correct" not in judged and "labels" not in arrays):
        raise source.error(
            "missing-key",
            f"holds {', '.join(arrays) or 'none of the known arrays'}; expected {EXPECTED}",
        )
    n = len(arrays[judged[0]])
    arrays.setdefault("ids", np.arange(n))
    for name, array in arrays.items():
        if array.ndim != (2 if name in _WIDE else 1) or len(array) != n:
            raise source.error(
                "wrong-type",
                f"{name} has shape {array.shape} beside {n:,} {judged[0]}; expected one length",
            )
        if name in ("correct", "top5"):
            arrays[name] = _yes_or_no(array, name, source)
        elif name in (*_WIDE, "confidence", "log_likelihood"):
            try:
                arrays[name] = array.astype(np.float64)
            except ValueError as problem:
                raise source.error("wrong-type", f"{name} is no number everywhere ({problem})") from problem
            if not np.isfinite(arrays[name]).all():
                raise source.error(
                    "not-finite", f"{name} holds a value that is not finite; expected finite numbers"
                )
        else:
            arrays[name] = _whole(array)
    _check_classes(arrays, source)
    if n < 2:
        raise source.error("too-few", f"has {n} examples; expected two or more")
    values, counts = np.unique(arrays["ids"], return_counts=True)
    if len(values) < n:
        raise source.error(
            "duplicate", f"id {values[counts.argmax()]} is there twice; expected one row an example"
        )


def _check_classes(arrays: Mapping[str, np.ndarray], source: Source) -> None:
    """Checks that labels and predicted classes are of one kind: class numbers, or names."""
    both = {name: arrays[name] for name in ("labels", "predicted") if name in arrays}
    for name, array in both.items():
        if array.dtype.kind == "i":
            if len(array) and array.min() < 0:
                raise source.error(
                    "out-of-range",
                    f"{name} holds {array.min()}; expected classes from 0, or their names",
                )
        elif array.size and all(_is_number(text) for text in np.unique(array)):
            odd = next((text for text in array if not text.isdecimal()), array[0])
            raise source.error(
                "wrong-type",
                f"{name} holds {odd}; expected classes as whole numbers from 0, or their names",
            )
    if len(both) < 2:
        return
    labels, predicted = both["labels"], both["predicted"]
    names = labels.dtype.kind == predicted.dtype.kind == "U"
    if labels.dtype.kind != predicted.dtype.kind or (names and not np.isin(predicted, labels).any()):
        raise source.error(
            "inconsistent",
            f"labels such as {labels[0]!s} and predicted classes such as {predicted[0]!s} are of two"
            " kinds; expected both as numbers of classes or both as the same names; write both alike",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _yes_or_no(array: np.ndarray, name: str, source: Source) -> np.ndarray:
    words = np.char.lower(np.char.strip(array.astype(np.str_)))
    yes = np.isin(words, _YES)
    odd = ~yes & ~np.isin(words, _NO)
    if odd.any():
        raise source.error("wrong-type", f"{name} holds {array[odd][0]!r}; expected true or false, 1 or 0")
    return yes


def _whole(array: np.ndarray) -> np.ndarray:
    """int64 if all values are integers, else text."""
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    try:
        numbers = array.astype(np.float64)
    except ValueError:
        return array.astype(np.str_)
    whole = (
        np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all() and (abs(numbers) < 2**53).all()
    )
    return numbers.astype(np.int64) if whole else array.astype(np.str_)


# --- all files ------------------------------------------------------------------------------------------


def _classes(arrays: Sequence[np.ndarray]) -> np.ndarray | None:
    """Class names in order, if any file has names instead of numbers."""
    if all(array.dtype.kind == "i" for array in arrays):
        return None
    return np.unique(np.concatenate([array.astype(np.str_) for array in arrays]))


def _labels_agree(aligned: Sequence[dict[str, np.ndarray]], sources: Sequence[Source]) -> None:
    first = next((i for i, arrays in enumerate(aligned) if "labels" in arrays), None)
    if first is None:
        return
    labels = aligned[first]["labels"].astype(np.str_)
    for arrays, source in zip(aligned, sources, strict=True):
        if "labels" in arrays:
            differ = np.flatnonzero(arrays["labels"].astype(np.str_) != labels)
            if len(differ):
                i = differ[0]
                raise source.error(
                    "not-comparable",
                    f"label of id {arrays['ids'][i]} is {arrays['labels'][i]},"
                    f" in {sources[first].file} it is {labels[i]} ({len(differ):,} labels differ); expected"
                    " the same labels in all runs of one data set; evaluate one of them again",
                )


def _outcomes(
    arrays: dict[str, np.ndarray], source: Source, ids: np.ndarray, classes: np.ndarray | None
) -> Outcomes:
    number = ids if ids.dtype.kind == "i" else np.arange(len(ids))
    codes = {
        name: arrays[name] if classes is None else np.searchsorted(classes, arrays[name].astype(np.str_))
        for name in ("labels", "predicted")
        if name in arrays
    }
    try:
        for name in _WIDE:
            if name in arrays:
                scores = arrays[name]
                if name == "probabilities":
                    if scores.min() < 0 or abs(scores.sum(axis=1) - 1).max() > 0.01:
                        raise DataError(
                            "out-of-range",
                            "expected rows that add up to 1, none below 0",
                            key="probabilities",
                        )
                    scores = np.log(np.maximum(scores, np.finfo(np.float32).tiny))
                return Outcomes.from_logits(number, codes["labels"], scores)
        known = np.concatenate(list(codes.values())) if codes else np.zeros(0, np.int64)
        correct = arrays["correct"] if "correct" in arrays else codes["labels"] == codes["predicted"]
        return Outcomes(
            ids=number.astype(np.int64),
            correct=correct,
            labels=codes["labels"].astype(np.int64) if "labels" in codes else None,
            predicted=codes["predicted"].astype(np.int64) if "predicted" in codes else None,
            top5=arrays.get("top5"),
            confidence=_float32(arrays.get("confidence")),
            log_likelihood=_float32(arrays.get("log_likelihood")),
            n_classes=(len(classes) if classes is not None else int(known.max()) + 1) if len(known) else None,
        )
    except DataError as problem:
        raise problem.reworded(f"{source.file} ({source.said}): {problem}", path=source.file) from problem


def _float32(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.astype(np.float32)


def _not_copied(outcomes: Sequence[Outcomes], sources: Sequence[Source]) -> None:
    """Rejects copies of a run; runs with few errors or constant predictions may be equal by chance."""
    seen: dict[bytes, Source] = {}
    for found, source in zip(outcomes, sources, strict=True):
        what = found.predicted if found.predicted is not None else found.correct
        scores = found.log_likelihood
        if scores is None and (len(np.unique(what)) < 2 or (~found.correct).sum() < FEWEST_ERRORS):
            continue
        whole = what.tobytes() + (b"" if scores is None else scores.tobytes())
        other = seen.setdefault(whole, source)
        if other is not source:
            raise source.error(
                "duplicate",
                f"has the same predictions as {other.file} ({other.said}), so"
                " one is a copy; expected a different run for each row; evaluate it again or delete the row",
            )
