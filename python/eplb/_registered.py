"""Tensors that a session or a Balancer has registered: where they are, and whether they still are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eplb._call import torch_of
from eplb.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError


@dataclass(frozen=True)
class Memory:
    """What identifies the memory of a tensor [slots, ...]: a change of any of it is an error."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in bytes
    dtype: str

    def __str__(self) -> str:
        return f"{list(self.shape)} of {self.dtype} with strides {list(self.strides)} at {self.address:#x}"


def locate(tensor: Any, name: str, device: str) -> Memory:
    """ArgumentTypeError: no array or tensor; UnsupportedError: not on a device of the type `device`."""
    if torch_of(tensor) is not None:
        if tensor.device.type != device or str(tensor.layout) != "torch.strided":
            raise UnsupportedError(
                f"{name} is a {tensor.layout} tensor on {tensor.device}; expected a strided one on {device}"
            )
        size = tensor.element_size()
        return Memory(
            tensor.data_ptr(),
            tuple(tensor.shape),
            tuple(s * size for s in tensor.stride()),
            str(tensor.dtype).replace("torch.", ""),
        )
    if not isinstance(tensor, np.ndarray) or device != "cpu":
        raise ArgumentTypeError(f"{name} is a {type(tensor).__name__}; expected a numpy array or a torch tensor")
    if tensor.dtype.hasobject:
        raise ArgumentTypeError(f"{name} has dtype {tensor.dtype}; expected numbers")
    return Memory(tensor.__array_interface__["data"][0], tensor.shape, tensor.strides, str(tensor.dtype))


class Registered:
    """A tensor, kept alive with its storage, and where it was when it was registered."""

    def __init__(self, tensor: Any, name: str, slots: int, device: str = "cpu"):
        self.tensor, self.name, self.device, self.memory = tensor, name, device, locate(tensor, name, device)
        shape, strides = self.memory.shape, self.memory.strides
        if not shape or shape[0] != slots:
            raise ShapeError(
                f"{name} has shape {list(shape)}; expected [{slots}, ...], a row for each slot of this rank"
            )
        torch = torch_of(tensor)
        if torch is None and not tensor.flags.writeable:
            raise ArgumentError(f"{name} is read-only; expected an array that experts can be moved into")
        item = tensor[0]
        if not (item.is_contiguous() if torch is not None else item.flags.c_contiguous):
            raise ArgumentError(f"{name} has strides {list(strides)} in bytes; expected contiguous rows")
        self.storage = tensor.detach() if torch is not None else tensor[:]  # stays if tensor.data is set anew
        self.bytes = item.numel() * tensor.element_size() if torch is not None else item.nbytes
        self.stride = strides[0] if slots > 1 else self.bytes
        if self.stride < self.bytes:
            raise ArgumentError(
                f"{name} has rows of {self.bytes} bytes, {self.stride} apart; expected rows that do not overlap"
            )

    def change(self) -> str | None:
        """What has changed since registration, or None."""
        now = locate(self.tensor, self.name, self.device)
        return None if now == self.memory else f"{self.name} was {self.memory} and is {now} now"
