"""Reads CIFAR's pickles safely: nothing in a file is ever imported or called."""

import io
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mixscope.errors import DataError

_BYTES = 1 << 28  # the largest CIFAR file has 155 million bytes
_NEEDED = (  # opcodes in CIFAR files as written by Python 2 and 3
    *(
        "BININT1",
        "BININT",
        "BININT2",
        "LONG1",
        "SHORT_BINBYTES",
        "BINBYTES",
        "SHORT_BINUNICODE",
        "BINUNICODE",
    ),
    *("SHORT_BINSTRING", "BINSTRING", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET", "MARK"),
    *(
        "EMPTY_LIST",
        "EMPTY_DICT",
        "EMPTY_TUPLE",
        "NONE",
        "NEWFALSE",
        "NEWTRUE",
        "APPEND",
        "APPENDS",
        "SETITEM",
    ),
    *("SETITEMS", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "STOP"),
    *("PROTO", "FRAME"),
)


_LOAD: dict[int, Any] = pickle._Unpickler.dispatch
_NDARRAY = object()  # stands for the class numpy.ndarray


class _Described:
    """An array or dtype that the pickle would construct: `code` of a dtype, and its later state."""

    def __init__(self, code: str | None) -> None:
        self.code = code
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Unpickler(pickle._Unpickler):
    """The standard library's Python unpickler, without opcodes and names that CIFAR files do not use.

    The C implementation allocates memory for any memo index that a file asks for.
    """

    stack: list[Any]

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._left = len(content)  # number of characters that may still be encoded

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct":
                return self._array
            case "numpy", "ndarray":
                return _NDARRAY
            case "numpy", "dtype":
                return self._dtype
            case "_codecs", "encode":
                return self._encode
        raise ValueError(f"it names {f'{module}.{name}'!r}, which no CIFAR file needs")

    def _array(self, kind: object, *_: object) -> _Described:
        if kind is not _NDARRAY:
            raise ValueError("it makes an object that no CIFAR file has")
        return _Described(None)

    def _dtype(self, code: object, *_: object) -> _Described:
        return _Described(_text(code))

    def _encode(self, text: str, codec: str) -> bytes:
        self._left -= len(text)  # a small file could fill memory by encoding one long text repeatedly
        if self._left < 0 or codec != "latin1":
            raise ValueError("it encodes more text than it has, or in another way than CIFAR's files")
        return text.encode("latin-1")

    def _set_one(self) -> None:
        _text(self.stack[-2])  # hashing a deeply nested tuple would crash the process
        _LOAD[pickle.SETITEM[0]](self)

    def _set_many(self) -> None:
        for key in self.stack[::2]:
            _text(key)
        _LOAD[pickle.SETITEMS[0]](self)

    def _build(self) -> None:
        if not isinstance(self.stack[-2], _Described):
            raise ValueError("it fills in an object that no CIFAR file has")
        _LOAD[pickle.BUILD[0]](self)

    dispatch = {code[0]: _LOAD[code[0]] for code in (getattr(pickle, name) for name in _NEEDED)} | {
        pickle.SETITEM[0]: _set_one,
        pickle.SETITEMS[0]: _set_many,
        pickle.BUILD[0]: _build,
    }


def load_cifar_pickle(path: Path) -> dict[str, Any]:
    """Reads the dictionary in a pickle of CIFAR-10 or CIFAR-100 (python version).

    Args:
        path: The file.

    Returns:
        Keys are str. Values are read-only numpy arrays of numbers, bytes (str in Python 2), str, numbers, or
        flat lists of these.

    Raises:
        DataError: If the file names anything else, is damaged, or is larger than 268 MB.
    """
    try:
        size = path.stat().st_size
        if size > _BYTES:
            raise DataError(
                "wrong-format", f"has {size:,} bytes, no CIFAR file has more than {_BYTES:,}", path=path
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError("no-access", f"cannot be read: {error.strerror or error}", path=path) from error
    try:
        with warnings.catch_warnings(action="error"):
            found = _Unpickler(content).load()
        if not isinstance(found, dict):
            raise ValueError("it holds no dictionary")
        return {_text(key): _value(value) for key, value in found.items()}
    except Exception as error:  # a hostile file may cause any error
        what = "it uses something that no CIFAR file needs" if isinstance(error, KeyError) else error
        raise DataError(
            "unsafe-file", f"is no CIFAR pickle, or is damaged or hostile ({what})", path=path
        ) from error


def _value(value: object) -> object:
    """Converts a value of the dictionary for the caller; ValueError if it is not plain."""
    if isinstance(value, _Described):
        return _array(value)
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, bytes | str | int) for item in items):
        raise ValueError("it holds a value that is neither an array nor a flat list")
    return value


def _array(made: _Described) -> np.ndarray:
    match made.state:
        case (
            1,
            tuple() as shape,
            _Described(code=str() as code, state=(_, order, *_)),
            fortran,
            bytes() as data,
        ):
            if re.fullmatch("[|<>][biuf][1248]", _text(order) + code) is None:
                raise ValueError(f"it has an array of {code!r}, not of numbers")
            flat = np.frombuffer(data, np.dtype(_text(order) + code))
            return flat.reshape(shape, order="F" if fortran else "C")
    raise ValueError("it has an array that was never filled")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, str):
        return value
    raise ValueError(f"it has a {type(value).__name__} where a name is expected")
