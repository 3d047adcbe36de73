"""The code version of a run: a digest of the parsed source files that can change its values.

Comments, docstrings, layout and the texts of errors are excluded, so that only a change of the code itself
is a new version.
Versions that differ in code but not in results are listed in equivalent_code.yaml and count as one.

`python -m mixscope.runs.code_version` prints the digest of the installed code. With two run folders, `python
-m mixscope.runs.code_version OLD NEW` compares a run with its repetition by newer code and prints the entry
for equivalent_code.yaml if their predictions are bitwise equal.
"""

import ast
import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import mixscope
from mixscope.errors import ConfigError, DataError
from mixscope.runs import records

# Source files whose code can change the values of a run, from its settings to its summary. Excluded is code
# that prepares data and weights (whose digests are recorded), starts or displays runs, or reads records.
FILES = (
    "rng.py",
    "calibration.py",
    "metrics.py",
    "study/config.py",
    "mixing/*.py",
    "data/batch.py",
    "data/batch_builder.py",
    "data/buffer_pool.py",
    "data/device.py",
    "data/erasing.py",
    "data/kernels.py",
    "data/loader.py",
    "data/loader_settings.py",
    "data/order.py",
    "data/policy.py",
    "data/saliency.py",
    "data/store.py",
    "training/checkpoint.py",
    "training/compiling.py",
    "training/convolution.py",
    "training/evaluate.py",
    "training/health.py",
    "training/hidden.py",
    "training/loop.py",
    "training/models.py",
    "training/optim.py",
    "training/precision.py",
    "training/ranks.py",
    "training/stop.py",
    "training/weights.py",
    "runs/device.py",
    "runs/evaluate.py",
    "runs/execute.py",
    "runs/recording.py",
    "runs/records.py",
    "runs/setup.py",
)
_held: dict[str, Any] = {}  # what `hold` has noted
EQUIVALENT = Path(__file__).with_name("equivalent_code.yaml")


def files() -> list[Path]:
    """The source files named by FILES."""
    source = Path(mixscope.__file__).parent
    return sorted({file for pattern in FILES for file in source.glob(pattern)})


def digest() -> str:
    """The version of the installed code, 16 hexadecimal digits."""
    source = Path(mixscope.__file__).parent
    found = hashlib.sha256()
    for file in files():
        found.update(f"{file.relative_to(source).as_posix()}\n{parsed(file.read_bytes())}\n".encode())
    return found.hexdigest()[:16]


def parsed(source: bytes) -> str:
    """Returns the syntax tree of source code as text.

    Comments, docstrings, positions and layout are left out, and texts within `raise` statements. Empty fields
    are omitted, because their number depends on the version of Python.
    """
    return _text(ast.parse(source))


def _text(node: object, raised: bool = False) -> str:
    """The tree below a node; raised: whether it is part of a `raise` statement, whose texts are left out."""
    if raised and (isinstance(node, ast.JoinedStr) or _is_text(node)):
        return "text"
    if isinstance(node, ast.AST):
        raised = raised or isinstance(node, ast.Raise)
        fields = ((name, _text(value, raised)) for name, value in ast.iter_fields(node))
        given = (f"{name}={text}" for name, text in fields if text not in ("None", "[]") and name != "kind")
        return f"{type(node).__name__}({','.join(given)})"
    if isinstance(node, list):
        return "[" + ",".join(_text(item, raised) for item in node if not _is_docstring(item)) + "]"
    return repr(node)


def _is_docstring(node: object) -> bool:
    """Whether a statement is only a string, which has no effect anywhere."""
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def hold() -> None:
    """Notes the version now, for `current`: of code that this process and its forks have imported by now."""
    _held.update(current())


def current() -> dict[str, Any]:
    """Returns the version of the installed code, and its git revision if there is one.

    Returns:
        "digest", "revision" (None without git) and "dirty", whether source files differ from that revision
        (None without git).
    """
    if _held:
        return dict(_held)
    source = Path(mixscope.__file__).parent
    found: dict[str, Any] = {"digest": digest(), "revision": None, "dirty": None}
    # A package installed inside another project's repository must not report that revision.
    if _git(source, "ls-files", "--error-unmatch", "__init__.py") is not None:
        found["revision"] = _git(source, "rev-parse", "HEAD")
        changes = _git(source, "status", "--porcelain", "--", ".")
        found["dirty"] = None if changes is None else bool(changes)
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command, None without git or a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


# --- equivalent versions ------------------------------------------------------------------------


def canonical(version: str) -> str:
    """The digest that represents a version and its equivalents; the version itself if it is not listed."""
    return _stands_for(EQUIVALENT).get(version, version)


def distinct(versions: Iterable[str]) -> list[str]:
    """Versions that differ in results, in order; equivalent ones are replaced by their representative."""
    return list(dict.fromkeys(canonical(version) for version in versions))


@cache
def _stands_for(file: Path) -> dict[str, str]:
    groups = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    found: dict[str, str] = {}
    for group in groups:
        for version in group["digests"]:
            assert version not in found, f"{file}: {version} is listed twice; put both lists together"
            found[version] = group["digests"][0]
    return found


def compare(old: Path, new: Path) -> str:
    """Compares a run with its repetition by other code.

    Args:
        old: Folder of a finished run.
        new: Folder of a finished run with the same settings, data and device, by other code.

    Returns:
        The entry for equivalent_code.yaml.

    Raises:
        ConfigError: If the runs are not repetitions of each other.
        DataError: If a record is damaged, or predictions differ.
    """
    sides = [(path, records.read_environment(path), records.read_summary(path)) for path in (old, new)]
    for what in ("digest", "data", "weights", "device", "packages"):
        first, second = (environment[what] for _, environment, _ in sides)
        if first != second:
            raise ConfigError(
                "not-comparable", f"has another {what} than {old} ({second} instead of {first})", path=new
            )
    ours, theirs = (sorted(file.stem for file in (path / "predictions").glob("*.npz")) for path in (old, new))
    if ours != theirs:
        raise DataError("inconsistent", f"has predictions {theirs}, where {old} has {ours}", path=new)
    for name in ours:
        if any(
            getattr(records.read_predictions(old, name), part).tobytes()
            != getattr(records.read_predictions(new, name), part).tobytes()
            for part in ("ids", "labels", "logits")
        ):
            raise DataError(
                "changed", f"predictions {name} differ from those of {old}; so do the versions", path=new
            )
    digests = [(summary.get("code") or [environment["code"]["digest"]]) for _, environment, summary in sides]
    versions = list(dict.fromkeys(version for side in digests for version in side))
    return f"- why: \n  digests: [{', '.join(map(repr, versions))}]\n"


def main(arguments: Sequence[str]) -> int:
    """Prints the digest, or the comparison of two runs; returns the exit code."""
    if len(arguments) not in (0, 2):
        sys.stderr.write("usage: python -m mixscope.runs.code_version [OLD_RUN NEW_RUN]\n")
        return 2
    try:
        text = f"{digest()}\n" if not arguments else compare(Path(arguments[0]), Path(arguments[1]))
    except (ConfigError, DataError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2 if isinstance(problem, ConfigError) else 4
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
