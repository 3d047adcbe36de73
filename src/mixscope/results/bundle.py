"""Bundles: results in one small file or folder, without weights and images, for later judging.

    bundle.json        schema, design, experiments, claims, and the state of every run
    study.yaml         the study file, if there was one
    runs/NAME.json     each finished run: metrics, epochs, health, provenance, settings, names of its arrays
    arrays/DIGEST.npz  per-example outcomes (labels and ids of a test set once), named by content
    analysis/NAME.json summaries of analyses
    SHA256SUMS         checksums of all of these, in the format of sha256sum

Equal results give equal bytes, and packing again after more runs adds files and changes only bundle.json. A
packed run is kept: its folder may be on another machine, or deleted.
"""

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import mixscope
from mixscope.atomic import replacing
from mixscope.errors import ConfigError, DataError
from mixscope.results.json_values import from_plain, to_plain
from mixscope.results.outcomes import Outcomes
from mixscope.results.results import DAMAGED, LAST, PENDING, Results, Run, Scaled

SCHEMA = 1
ANALYSES = ("cues", "robustness", "mixtures", "calibration", "attribution", "features")
_INDEX, _SUMS, _PLAN = "bundle.json", "SHA256SUMS", "study.yaml"
_DATE = (1980, 1, 1, 0, 0, 0)  # of every entry: a bundle does not depend on the time

Files = Mapping[str, bytes]


# --- writing --------------------------------------------------------------------------------------------


def write(results: Results, out: Path) -> Results:
    """Packs results into a zip file (a name ending in .zip) or a folder.

    Of unfinished runs only the state is packed. Runs in an existing bundle at `out` that have not started in
    `results` are kept, with its analyses: a study can be run in parts, on several machines.

    Args:
        results: The results.
        out: The bundle.

    Returns:
        The packed results, in which a run with damaged predictions is "damaged".

    Raises:
        ConfigError: If there is something else at `out`, or a bundle with other runs.
        DataError: If the bundle at `out` is damaged.
    """
    before = _names(out)
    if before:
        results = _with_earlier(results, read(out))
    files, packed = _packed(results)
    lost = sorted(name for name in before if name.startswith("runs/") and name not in files)
    if lost:
        raise ConfigError(
            "conflict",
            f"holds {len(lost)} finished runs that {results.source} does not plan, or has begun"
            f" again ({lost[0]}); packing only adds, so give another --out",
            path=out,
        )
    if out.suffix.lower() == ".zip":
        _write_zip(out, files)
    else:
        for name, content in files.items():
            if name not in before or name in (_INDEX, _SUMS) or (out / name).read_bytes() != content:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                with replacing(out / name) as file:
                    file.write(content)
    return packed


def _with_earlier(results: Results, earlier: Results) -> Results:
    """Adds the runs of an earlier bundle; folder names contain the digest of the settings."""
    kept = {run.directory: run for run in earlier.done if run.directory}

    def analysis(name: str) -> Mapping[str, Any] | None:
        found = results.analysis(name)
        return earlier.analysis(name) if found is None else found

    runs = tuple(kept.get(run.directory, run) if run.state == PENDING else run for run in results.runs)
    return dataclasses.replace(results, runs=runs, load_analysis=analysis)


def _packed(results: Results) -> tuple[dict[str, bytes], Results]:
    files: dict[str, bytes] = {}
    runs = [_run(run, files) for run in results.runs]
    packed = dataclasses.replace(results, runs=tuple(runs))
    index = to_plain(packed) | {
        "schema": SCHEMA,
        "mixscope": mixscope.__version__,
        "source": results.name,
        "folder": None,
        "plan": None,
        "runs": [_listed(run) for run in runs],
    }
    if results.plan is not None:
        files[_PLAN] = results.plan.encode()
    for name in ANALYSES:
        summary = results.analysis(name)
        if summary is not None:
            files[f"analysis/{name}.json"] = _json(summary)
    files[_INDEX] = _json(index)
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return {**files, _SUMS: sums.encode()}, packed


def _run(run: Run, files: dict[str, bytes]) -> Run:
    """Adds the files of a finished run."""
    if not run.done:
        return dataclasses.replace(run, epochs=(), health=())
    mine: dict[str, bytes] = {}
    arrays: dict[str, Any] = {}
    scaled: dict[str, Any] = {}
    try:
        for checkpoint in run.metrics.get("test", {}):
            found = run.outcomes(checkpoint)
            if found is not None:
                arrays[checkpoint] = {
                    "examples": _keep(_examples(found), mine),
                    "run": _keep(_of(found), mine),
                }
    except DataError as problem:
        return dataclasses.replace(
            run, state=DAMAGED, error=str(problem), finding=problem.finding, epochs=(), health=(), metrics={}
        )
    for checkpoint in arrays:
        with suppress(DataError):  # no temperature without readable validation predictions
            scaled[checkpoint] = to_plain(run.scaled(checkpoint))
    scaled = {name: value for name, value in scaled.items() if value is not None}
    document = {"schema": SCHEMA, **to_plain(run), "outcomes": arrays, "scaled": scaled}
    files |= mine | {f"runs/{_file(run)}.json": _json(document)}
    return run


def _listed(run: Run) -> dict[str, Any]:
    """A run in bundle.json: a finished run has a file, others only a state."""
    if run.done:
        return {"file": f"runs/{_file(run)}.json"}
    kept = ("experiment", "seed", "state", "error", "finding", "directory", "heard", "stale", "config")
    return {name: value for name, value in to_plain(run).items() if name in kept}


def _file(run: Run) -> str:
    """Name of a run's file.

    That of its folder, else built from experiment and seed, valid on every file system.
    """
    if run.directory:
        return run.directory
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", run.experiment)[:60]
    mark = hashlib.sha256(run.experiment.encode()).hexdigest()[:8]
    return f"{name}-{mark}-s{run.seed}"


def _examples(found: Outcomes) -> dict[str, np.ndarray]:
    """Arrays shared by the outcomes of all runs on one test set."""
    labels = {} if found.labels is None else {"labels": _small(found.labels)}
    return {"ids": _small(found.ids), **labels}


def _of(found: Outcomes) -> dict[str, np.ndarray]:
    """Arrays of one run: classes in the smallest integer type, correctness as bits."""
    arrays: dict[str, np.ndarray] = {}
    if found.predicted is not None:
        arrays["predicted"] = _small(found.predicted)
    if found.predicted is None or found.labels is None:
        arrays["correct"] = np.packbits(found.correct)
    if found.top5 is not None:
        arrays["top5"] = np.packbits(found.top5)
    for name in ("confidence", "log_likelihood"):
        if getattr(found, name) is not None:
            arrays[name] = getattr(found, name)
    if found.n_classes is not None:
        arrays["n_classes"] = np.array(found.n_classes)
    return arrays


def _small(array: np.ndarray) -> np.ndarray:
    """The same integers in the narrowest dtype."""
    return array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))


def _keep(arrays: Mapping[str, np.ndarray], files: dict[str, bytes]) -> str:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    name = f"arrays/{hashlib.sha256(content).hexdigest()[:16]}.npz"
    files[name] = content
    return name


def _json(value: Any) -> bytes:
    """Serializes with the order of keys kept, since it determines the order of summation over levels."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _write_zip(out: Path, files: Files) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as file, zipfile.ZipFile(file, "w") as zipped:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".npz") else zipfile.ZIP_DEFLATED
            zipped.writestr(entry, files[name], compresslevel=9)


def check_place(out: Path) -> None:
    """Checks that a bundle can be written.

    Raises:
        ConfigError: If the name has another ending, or something else exists there.
    """
    _names(out)


def _names(out: Path) -> set[str]:
    """The files of the bundle at `out`; empty if it does not exist. Raises ConfigError for anything else."""
    if out.suffix.lower() != ".zip" and re.fullmatch(r"\.[A-Za-z]\w*", out.suffix) and not out.is_dir():
        raise ConfigError(
            "wrong-type", "a bundle is a file that ends in .zip, or a folder; give such an --out", path=out
        )
    if out.is_dir():
        if not (out / _INDEX).is_file() and any(out.iterdir()):
            raise ConfigError("already-exists", "is a folder of something else; give another --out", path=out)
        return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    if not out.exists():
        return set()
    if not is_bundle(out):
        raise ConfigError(
            "already-exists", "already exists and is not a bundle; give another --out", path=out
        )
    try:
        with zipfile.ZipFile(out) as zipped:
            return set(zipped.namelist())
    except zipfile.BadZipFile as problem:
        raise ConfigError(
            "damaged-file", "is a damaged bundle; delete it or give another --out", path=out
        ) from problem


# --- reading --------------------------------------------------------------------------------------------


def is_bundle(path: Path) -> bool:
    """Whether a file or folder is a bundle, intact or damaged."""
    if path.is_dir():
        return (path / _INDEX).is_file()
    try:
        with zipfile.ZipFile(path) as zipped:
            if _INDEX in zipped.namelist():
                return True
    except zipfile.BadZipFile:
        pass
    except OSError:
        return False
    return _is_cut_off(path)  # which may open all the same: an array inside it is a zip file, too


def _is_cut_off(path: Path) -> bool:
    """Whether a truncated zip file is a bundle, by its first entry."""
    with path.open("rb") as file:
        start = file.read(200)
    return start.startswith(b"PK\x03\x04") and start[30:].startswith((_SUMS.encode(), _INDEX.encode()))


def read(path: Path, checkpoint: str = LAST) -> Results:
    """Reads results from a bundle; checksums are verified immediately, outcomes are read on demand.

    Args:
        path: Zip file or folder.
        checkpoint: Checkpoint whose outcomes are verified immediately.

    Raises:
        DataError: If it is not a bundle, of a later schema, or damaged.
    """
    if not is_bundle(path):
        raise DataError(
            "wrong-format", "is not a bundle; `mixscope study pack STUDY_DIR` makes one", path=path
        )
    opened = _Opened(path)
    with opened.at_once():
        return _read(opened, checkpoint)


def _read(opened: "_Opened", checkpoint: str) -> Results:
    path = opened.path
    opened.check()
    index = opened.json(_INDEX)
    _schema(path, index)
    try:
        runs = tuple(_unpacked(opened, listed, checkpoint) for listed in index["runs"])
        plan = opened.content(_PLAN).decode() if opened.has(_PLAN) else None
        found = from_plain(Results, {**index, "runs": [], "folder": None, "plan": plan, "source": str(path)})
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError("damaged-file", f"{_INDEX} is damaged ({problem})", path=path) from problem
    return dataclasses.replace(found, runs=runs, load_analysis=_analysis_of(opened))


def _schema(path: Path, document: Mapping[str, Any]) -> None:
    schema = document.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise DataError(
            "other-version",
            f"is of bundle schema {schema}, this mixscope reads up to {SCHEMA}; a newer one reads it",
            path=path,
        )


def _unpacked(opened: "_Opened", listed: Mapping[str, Any], checkpoint: str) -> Run:
    if "file" not in listed:
        return from_plain(Run, listed)
    document = opened.json(listed["file"])
    _schema(opened.path, document)
    try:
        run = dataclasses.replace(
            from_plain(Run, document),
            load_outcomes=_outcomes_of(opened, document["outcomes"]),
            load_scaled=_scaled_of(document["scaled"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise DataError(
            "damaged-file", f"{listed['file']} is damaged ({problem})", path=opened.path
        ) from problem
    if checkpoint in document["outcomes"]:
        run.outcomes(checkpoint)
    return run


def _outcomes_of(opened: "_Opened", names: Mapping[str, Any]) -> Callable[[str], Outcomes | None]:
    def load(checkpoint: str) -> Outcomes | None:
        if not names:
            return None
        if checkpoint not in names:
            raise DataError(
                "missing-results",
                f"has no predictions test-{checkpoint} (there are: {', '.join(names)})",
                path=opened.path,
            )
        shared = opened.shared(names[checkpoint]["examples"])
        mine = opened.arrays(names[checkpoint]["run"])
        try:
            return _made(shared, mine)
        except (DataError, KeyError, ValueError) as problem:
            raise DataError(
                "damaged-file", f"{names[checkpoint]['run']} is damaged ({problem})", path=opened.path
            ) from problem

    return load


def _made(shared: Mapping[str, np.ndarray], mine: Mapping[str, np.ndarray]) -> Outcomes:
    ids, labels = shared["ids"], shared.get("labels")
    predicted = mine["predicted"].astype(np.int64) if "predicted" in mine else None
    n = len(ids)

    def bits(name: str) -> np.ndarray | None:
        return np.unpackbits(mine[name], count=n).astype(np.bool_) if name in mine else None

    correct = bits("correct")
    return Outcomes(
        ids=ids,
        correct=correct if correct is not None else _equal(labels, predicted),
        labels=labels,
        predicted=predicted,
        top5=bits("top5"),
        confidence=mine.get("confidence"),
        log_likelihood=mine.get("log_likelihood"),
        n_classes=int(mine["n_classes"]) if "n_classes" in mine else None,
    )


def _equal(labels: np.ndarray | None, predicted: np.ndarray | None) -> np.ndarray:
    if labels is None or predicted is None:
        raise ValueError("neither correct nor labels and predicted classes are there")
    return np.asarray(labels == predicted)


def _scaled_of(found: Mapping[str, Any]) -> Callable[[str], Scaled | None]:
    values = {name: from_plain(Scaled, each) for name, each in found.items()}
    return values.get


def _analysis_of(opened: "_Opened") -> Callable[[str], Mapping[str, Any] | None]:
    return lambda name: opened.json(f"analysis/{name}.json") if opened.has(f"analysis/{name}.json") else None


class _Opened:
    """The files of a bundle, whose checksums are verified on reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shared: dict[str, dict[str, np.ndarray]] = {}
        self._zipped: zipfile.ZipFile | None = None
        try:
            lines = self._raw(_SUMS).decode().splitlines()
            self._sums = {line[66:]: line[:64] for line in lines}
            if any(name.startswith("/") or ".." in name.split("/") for name in self._sums):
                raise ValueError("a name leads out of the bundle")
        except zipfile.BadZipFile as problem:
            raise DataError(
                "damaged-file",
                f"is a bundle that is damaged or cut off ({problem}); copy it again, or pack it again",
                path=path,
            ) from problem
        except (OSError, KeyError, ValueError) as problem:
            raise DataError(
                "damaged-file",
                f"has no readable {_SUMS}; the bundle is damaged or cut off, copy it again",
                path=path,
            ) from problem

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Keeps a zip file open during the block, for reading many files."""
        if self.path.is_dir():
            yield
            return
        with zipfile.ZipFile(self.path) as self._zipped:
            try:
                yield
            finally:
                self._zipped = None

    def has(self, name: str) -> bool:
        """Whether the bundle has a file."""
        return name in self._sums

    def content(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            DataError: If it is damaged or missing.
        """
        if name not in self._sums:
            raise DataError("damaged-file", f"{name} is missing; the bundle is damaged", path=self.path)
        try:
            content = self._raw(name)
        except zipfile.BadZipFile as problem:
            raise self._damaged(name) from problem
        except (OSError, KeyError) as problem:
            raise DataError(
                "damaged-file", f"{name} is damaged or missing ({problem}); pack it again", path=self.path
            ) from problem
        if hashlib.sha256(content).hexdigest() != self._sums[name]:
            raise self._damaged(name)
        return content

    def check(self) -> None:
        """Reads and verifies every file.

        Raises:
            DataError: If one is damaged.
        """
        for name in self._sums:
            self.content(name)

    def _damaged(self, name: str) -> DataError:
        text = f"{name} is damaged, its checksum differs; copy the bundle again, or pack it again"
        return DataError("damaged-file", text, path=self.path)

    def json(self, name: str) -> dict[str, Any]:
        """A file as a JSON object."""
        try:
            found = json.loads(self.content(name))
        except (ValueError, RecursionError) as problem:
            if isinstance(problem, DataError):
                raise
            raise DataError(
                "damaged-file", f"{name} is not valid JSON; the bundle is damaged", path=self.path
            ) from problem
        if not isinstance(found, dict):
            raise DataError(
                "damaged-file", f"{name} is no JSON object; the bundle is damaged", path=self.path
            )
        return found

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """A file as arrays by name."""
        try:
            with np.load(io.BytesIO(self.content(name)), allow_pickle=False) as found:
                return {key: found[key] for key in found.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
            if isinstance(problem, DataError):
                raise
            raise DataError("damaged-file", f"{name} is damaged ({problem})", path=self.path) from problem

    def shared(self, name: str) -> dict[str, np.ndarray]:
        """ids and labels of a test set as int64, cached."""
        if name not in self._shared:
            self._shared[name] = {k: a.astype(np.int64) for k, a in self.arrays(name).items()}
        return self._shared[name]

    def _raw(self, name: str) -> bytes:
        if self._zipped is not None:
            return self._zipped.read(name)
        if self.path.is_dir():
            return (self.path / name).read_bytes()
        with zipfile.ZipFile(self.path) as zipped:
            return zipped.read(name)
