"""Calls into the C library: statuses become exceptions, Python values what C takes."""

from __future__ import annotations

import operator
import os
import sys
from typing import Any

import numpy as np

from eplb._eplb import ffi, lib
from eplb.errors import ArgumentError, ArgumentTypeError, ShapeError, error_of

INT_MAX = 2**31 - 1


def check(status: int) -> None:
    """Raises the exception that belongs to a status, with the library's sentence."""
    if status:
        raise error_of(status, ffi.string(lib.eplb_last_error()).decode(errors="replace"))


def own(out: Any, end: Any) -> Any:
    """The pointer in *out, whose object ends with the Python object."""
    return ffi.gc(out[0], end)


def to_int(value: Any, name: str, least: int = -INT_MAX, most: int = INT_MAX) -> int:
    """A whole number that fits into C's int."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a whole number") from None
    if not least <= number <= most:
        raise ArgumentError(f"{name} is {number}; expected {least} to {most}")
    return number


def to_real(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a number") from None


def to_text(value: Any, name: str) -> bytes:
    """A string for C, which ends at the first zero."""
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a string")
    if "\0" in value:
        raise ArgumentError(f"{name} contains a zero character")
    return value.encode("utf-8", "surrogateescape")


def to_path(value: Any, name: str = "path") -> bytes:
    try:
        path = os.fsencode(value)
    except TypeError:
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a path") from None
    if b"\0" in path:
        raise ArgumentError(f"{name} contains a zero character")
    return path


def torch_of(value: Any) -> Any:
    """The module torch where `value` is one of its tensors, else None. Never imports it."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(value, getattr(torch, "Tensor", ())) else None


def to_numpy(value: Any, name: str) -> np.ndarray:
    """The numbers of a numpy array or of a torch tensor on any device, as they are; without a copy where that is
    possible."""
    torch = torch_of(value)
    if torch is not None:
        value = value.detach().cpu()
        return (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).numpy()
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a numpy array or a torch tensor")
    return value


def check_shape(array: np.ndarray, name: str, *shapes: str) -> None:
    """`shapes` are texts such as "[layers, experts]"; their lengths are the numbers of dimensions that are allowed."""
    if array.ndim not in [shape.count(",") + 1 for shape in shapes] or 0 in array.shape:
        raise ShapeError(f"{name} has shape {list(array.shape)}; expected {' or '.join(shapes)}, each at least 1")


def to_loads(value: Any, name: str, *shapes: str) -> np.ndarray:
    """A copy as float64 in row-major order. What the numbers are, the library checks."""
    array = to_numpy(value, name)
    if array.dtype.kind not in "iuf":
        raise ArgumentTypeError(f"{name} has dtype {array.dtype}; expected whole or real numbers")
    check_shape(array, name, *shapes)
    return np.array(array, dtype=np.float64, order="C")


def to_ints(value: Any, name: str, *shapes: str) -> np.ndarray:
    """A copy as int32 in row-major order; a number that does not fit is refused, not wrapped."""
    array = to_numpy(value, name)
    if array.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{name} has dtype {array.dtype}; expected whole numbers")
    check_shape(array, name, *shapes)
    for number in (array.min(), array.max()):
        if not -(2**31) <= int(number) <= INT_MAX:
            raise ArgumentError(f"{name} holds {int(number)}; expected whole numbers of 32 bits")
    return np.array(array, dtype=np.int32, order="C")


def doubles(array: np.ndarray) -> Any:
    return ffi.from_buffer("double[]", array)


def ints(array: np.ndarray) -> Any:
    return ffi.from_buffer("int32_t[]", array)


def c_ints(array: np.ndarray) -> Any:
    """For parameters that C declares as int, which cffi tells from int32_t."""
    return ffi.from_buffer("int[]", array)


def int64s(array: np.ndarray) -> Any:
    return ffi.from_buffer("int64_t[]", array, require_writable=True)


def view(owner: Any, pointer: Any, dtype: Any, *shape: int) -> np.ndarray:
    """C's memory as a read-only array that keeps its owner alive."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    buffer = ffi.buffer(ffi.gc(ffi.cast("char *", pointer), lambda _, owner=owner: None), count * dtype.itemsize)
    array = np.frombuffer(buffer, dtype=dtype).reshape(shape)
    array.flags.writeable = False
    return array
