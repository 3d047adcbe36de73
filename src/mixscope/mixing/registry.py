"""Loads mixing methods by name: from this package, a file, or another package.

The file of a user-defined method is executed when a run is set up, not when settings are read. Errors in it
are reported in one sentence with file and line.
"""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mixscope.errors import Code, ConfigError
from mixscope.mixing.interface import NEEDS, Answer, Boxes, Hidden, Masks, Resized
from mixscope.study import methods as names

KEY = "augment.mix"

Wrong = Callable[[Code, str], ConfigError]  # makes the error for an invalid result


@dataclass(frozen=True, slots=True)
class Method:
    """A mixing method.

    Attributes:
        name: Name in settings.
        title: Display name.
        function: See interface.py.
        needs: Names of the function's parameters.
        file: File that defines it.
    """

    name: str
    title: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    file: Path

    def ask(self, draws: Mapping[str, Any], *, n: int) -> Answer:
        """Calls the method and validates its result.

        Args:
            draws: Inputs by name.
            n: Rows of the inputs.

        Returns:
            The result in the dtypes that the kernels take.

        Raises:
            ConfigError: In one sentence, for an error inside the method or an invalid result.
        """
        try:
            given = self.function(**{name: draws[name] for name in self.needs})
        except Exception as problem:
            if self.name in names.builtin():
                raise
            raise _failed(problem, self.file) from problem
        return _checked(given, n, draws["size"], self._wrong)

    def _wrong(self, code: Code, problem: str) -> ConfigError:
        place = f"{KEY}={names.label(self.name)}: {self.file}"
        return ConfigError(code, problem, key=KEY, path=self.file, place=place)


def methods() -> list[Method]:
    """Returns the built-in methods, sorted by name."""
    return [method(name) for name in names.builtin()]


def method(name: str) -> Method:
    """Loads the method of that name.

    Raises:
        ConfigError: If the method does not exist or its file fails, with file and line.
    """
    known = names.builtin().get(name)
    if known is not None:
        module = importlib.import_module(known.module)
        return _made(name, known.title, module, known.function, Path(str(module.__file__)))
    file, function = names.source(names.pinned(name, KEY), KEY)
    return _made(name, names.label(name), _run(file), function, file)


def _made(name: str, title: str, module: ModuleType, function: str, file: Path) -> Method:
    found = getattr(module, function, None)
    if not callable(found):
        raise ConfigError("unknown-name", f"{file} has no function {function}", key=KEY, path=file, place=KEY)
    needs = tuple(inspect.signature(found).parameters)
    strange = [need for need in needs if need not in NEEDS]
    if strange:
        line = inspect.getsourcelines(found)[1]
        raise ConfigError(
            "unknown-name",
            f"{function} takes {strange[0]}, which is not offered; a method takes any of {', '.join(NEEDS)}",
            key=KEY,
            path=file,
            line=line,
            place=f"{KEY}: {file}, line {line}",
        )
    return Method(name, title, found, needs, file)


def _run(file: Path) -> ModuleType:
    """Executes a user's file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"mixscope_method_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # bytecode of an edit within the same second would be reused
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise _failed(problem, file) from problem
    finally:
        sys.dont_write_bytecode = before
    return module


def _failed(problem: Exception, file: Path) -> ConfigError:
    """The error for an exception in the user's file, with the line where it occurred."""
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file.absolute()]
    lines += [frame.lineno for frame in frames if Path(frame.filename) == file]
    line = lines[-1] if lines else None
    text = f"{type(problem).__name__}: {' '.join(str(problem).split())}".rstrip(": ")
    place = f"{KEY}: {file}" + ("" if line is None else f", line {line}")
    return ConfigError("method-failed", text, key=KEY, path=file, line=line, place=place)


def _checked(given: object, n: int, size: int, wrong: Wrong) -> Answer:
    """Validates a result and converts it to the dtypes that the kernels take. Raises ConfigError."""
    if isinstance(given, np.ndarray):
        given = Masks(given)
    elif isinstance(given, tuple) and not hasattr(given, "_fields") and len(given) == 2:
        given = Boxes(*given)
    if isinstance(given, Hidden):
        return Hidden(_weights(given.lam, n, "lam", wrong))
    if not isinstance(given, Boxes | Resized | Masks):
        raise wrong(
            "wrong-type",
            f"answers {type(given).__name__}; expected (box, blend), a mask, or one of Boxes,"
            " Resized, Masks and Hidden of mixscope.mixing",
        )
    if isinstance(given.label, np.ndarray):
        given = given._replace(label=_weights(given.label, n, "label", wrong))
    elif given.label != "area" and not (given.label == "attention" and isinstance(given, Boxes)):
        raise wrong(
            "wrong-type",
            f'label is {given.label!r}; expected "area", an array, or of Boxes "attention"',
        )
    if isinstance(given, Masks):
        mask = np.asarray(given.mask)
        shapes = {(n, size, size), (1, size, size)}
        if mask.shape not in shapes:
            raise wrong("wrong-type", f"the mask has shape {mask.shape}, expected ({n} or 1, {size}, {size})")
        _bounded(mask, "mask", wrong)
        return given._replace(mask=np.ascontiguousarray(mask, np.float32))
    box = np.asarray(given.box)
    if box.shape != (n, 4) or box.dtype.kind not in "iu":
        raise wrong(
            "wrong-type",
            f"the boxes have shape {box.shape} of {box.dtype}, expected whole numbers ({n}, 4)",
        )
    if (box < 0).any() or (box > size).any() or (box[:, ::2] > box[:, 1::2]).any():
        raise wrong(
            "out-of-range",
            f"a box does not lie in the image; expected y0, y1, x0, x1 with 0 <= y0 <= y1 <= {size}",
        )
    box = box.astype(np.int32)
    if isinstance(given, Resized):
        return given._replace(box=box)
    return given._replace(box=box, blend=_weights(given.blend, n, "blend", wrong))


def _weights(values: np.ndarray, n: int, what: str, wrong: Wrong) -> np.ndarray:
    """Validates and converts weights to float32 (n,) in 0..1."""
    values = np.asarray(values)
    if values.shape != (n,):
        raise wrong("wrong-type", f"{what} has shape {values.shape}, expected ({n},)")
    _bounded(values, what, wrong)
    return values.astype(np.float32)


def _bounded(values: np.ndarray, what: str, wrong: Wrong) -> None:
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise wrong("not-finite", f"{what} holds values that are no finite numbers; expected 0..1")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise wrong(
            "out-of-range",
            f"{what} lies in {values.min():.3g}..{values.max():.3g}, expected 0..1, the weight of"
            " the own image",
        )
