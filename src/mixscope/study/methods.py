"""Names of mixing methods, and their part in a run's digest, without importing any method.

A method is built in (a module of mixing/ whose function is decorated with `@method`), in a user's file
(`path/to/mymix.py:function`), or in a package with an entry point in the group `mixscope.methods`. Settings
are read where torch and numba are not available, so source files are parsed, not executed; mixing/registry.py
executes them.

External methods are pinned when settings are built: `@` and 16 hexadecimal digits of the file's checksum are
added to the name. Another version of the file therefore gives another run, and the settings of a finished run
stay readable where the file no longer exists.
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from mixscope.errors import ConfigError, unknown

GROUP = "mixscope.methods"
FILE = re.compile(r"(?P<file>.+\.py):(?P<function>\w+)")
PIN = re.compile(r"(?P<place>.+)@(?P<digest>[0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Declared:
    """A built-in method, as declared in its module.

    Attributes:
        name: Name in settings.
        title: Display name.
        paper: arXiv id or DOI.
        module: Its module.
        function: Its function.
    """

    name: str
    title: str
    paper: str
    module: str
    function: str


@functools.cache
def builtin() -> dict[str, Declared]:
    """The built-in methods by name in settings, sorted."""
    package = importlib.util.find_spec("mixscope.mixing")
    assert package is not None and package.submodule_search_locations is not None
    found = {}
    for folder in package.submodule_search_locations:
        for file in Path(folder).glob("*.py"):
            for function, (name, title, paper) in _declared(file):
                found[name] = Declared(name, title, paper, f"mixscope.mixing.{file.stem}", function)
    return dict(sorted(found.items()))


def _declared(file: Path) -> list[tuple[str, list[str]]]:
    """Functions decorated with `@method(name, title, paper)`, with these three."""
    made = []
    for node in ast.parse(file.read_bytes()).body:
        for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "method":
                assert isinstance(node, ast.FunctionDef)
                made.append((node.name, [ast.literal_eval(argument) for argument in mark.args]))
    return made


def pinned(name: str, key: str, also: tuple[str, ...] = ()) -> str:
    """The name as kept in settings: for an external method with the checksum of its file.

    Args:
        name: Name of the method.
        key: The setting, which begins every message.
        also: Other allowed words.

    Raises:
        ConfigError: If the name is unknown, or the file is missing, not Python, or without that function;
            with file and line.
    """
    if name in builtin() or name in also or PIN.fullmatch(name):
        return name
    if FILE.fullmatch(name):
        file, function = source(name, key)
        _check(file, function, key)
        return f"{name}@{_checksum(file)}"
    if name in (points := entry_points()):
        file, _ = source(name, key)
        return f"{name}@{_checksum(file)}"
    raise ConfigError("unknown-name", unknown("mixing method", name, [*also, *builtin(), *points]), key=key)


def bare(name: str) -> str:
    """The name as used in digests: for a file its name, not its path."""
    place, pin = _split(name)
    found = FILE.fullmatch(place)
    return f"{PurePath(found['file']).name}:{found['function']}{pin}" if found else name


def label(name: str) -> str:
    """A short name for display and folders: the function of a file, without the checksum."""
    place, _ = _split(name)
    found = FILE.fullmatch(place)
    return found["function"].replace("_", "-") if found else place


def source(name: str, key: str) -> tuple[Path, str]:
    """File and function of an external method, with or without checksum.

    Raises:
        ConfigError: If they do not exist, or the file has changed.
    """
    place, pin = _split(name)
    found = FILE.fullmatch(place)
    if found:
        file, function = Path(found["file"]).expanduser(), found["function"]
    else:
        point = entry_points().get(place)
        if point is None:
            raise ConfigError(
                "not-installed",
                f"no installed package offers the mixing method {place} (entry points {GROUP})",
                key=key,
            )
        spec = importlib.util.find_spec(point.module)
        if spec is None or spec.origin is None:
            raise ConfigError(
                "not-installed",
                f"{place} names {point.value}, and there is no module {point.module}",
                key=key,
            )
        file, function = Path(spec.origin), point.attr
    if not file.is_file():
        raise ConfigError(
            "missing-file", f"the method file {file} does not exist", key=key, path=file, place=key
        )
    if pin and pin != f"@{_checksum(file)}":
        raise ConfigError(
            "changed",
            f"{file} has changed since these settings were made ({pin[1:]}, now {_checksum(file)});"
            f" put the old file back, or name it without @{pin[1:]}, which begins another run",
            key=key,
        )
    return file, function


def entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    """Methods offered by installed packages, by name."""
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def _split(name: str) -> tuple[str, str]:
    found = PIN.fullmatch(name)
    return (found["place"], f"@{found['digest']}") if found else (name, "")


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _check(file: Path, function: str, key: str) -> None:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as problem:
        line = problem.lineno if isinstance(problem, SyntaxError) else None
        place = f"{key}: {file}" + ("" if line is None else f", line {line}")
        raise ConfigError(
            "wrong-format", f"is not Python ({problem.args[0]})", key=key, path=file, line=line, place=place
        ) from problem
    known = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in known:
        raise ConfigError(
            "unknown-name", unknown("function", function, known), key=key, path=file, place=f"{key}: {file}"
        )
