"""Expert loads, window by window, and forecasts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eplb._call import check, doubles, own, to_int, to_loads, to_real
from eplb._eplb import ffi, lib
from eplb.errors import ArgumentError, ShapeError

#: How many windows can be used at once.
HISTORY_MAX: int = lib.EPLB_HISTORY_MAX

#: A window counts so many times as much as the next newer one, by default.
DECAY = 0.9

_KINDS = ("last", "mean", "ewma")


@dataclass(eq=False)
class Loads:
    """A recording. load: float64 [windows, layers, experts], tokens, the oldest window first; layer_ids: int32
    [layers], the model's own number of each MoE layer; incomplete: the file ended within a window, which was left
    out."""

    load: np.ndarray
    layer_ids: np.ndarray = field(default=None)  # type: ignore[assignment]
    incomplete: bool = False

    def __post_init__(self) -> None:
        self.load = to_loads(self.load, "load", "[windows, layers, experts]")
        if self.layer_ids is None:
            self.layer_ids = np.arange(self.load.shape[1], dtype=np.int32)
        self.layer_ids = np.array(self.layer_ids, np.int32)
        if self.layer_ids.shape != (self.load.shape[1],):
            raise ShapeError(f"layer_ids has shape {list(self.layer_ids.shape)}; expected [{self.load.shape[1]}]")

    @classmethod
    def _of(cls, out: Any) -> Loads:
        c = own(out, lib.loads_end)
        shape = (c.num_windows, c.num_layers, c.num_experts)
        load = np.frombuffer(ffi.buffer(c.load, 8 * int(np.prod(shape))), np.float64).reshape(shape)
        layer_ids = np.frombuffer(ffi.buffer(c.layer_id, 4 * c.num_layers), np.int32)
        return cls(load, layer_ids, bool(c.incomplete))

    def _to_c(self) -> Any:
        load = to_loads(self.load, "load", "[windows, layers, experts]")
        out = ffi.new("eplb_loads_t **")
        check(lib.eplb_loads_create(*load.shape, out))
        c = own(out, lib.loads_end)
        ffi.memmove(c.load, load, load.nbytes)
        ffi.memmove(c.layer_id, np.ascontiguousarray(self.layer_ids, np.int32), 4 * load.shape[1])
        return c


class Windows:
    """Recent windows as planners take them, the newest first; the arrays are this object's own."""

    def __init__(self, loads: list[np.ndarray], weights: list[float]):
        self.loads, self.weights = loads, weights
        self._c = ffi.new("eplb_windows_t *")
        lib.eplb_windows_init(self._c)
        self._c.num_windows = len(loads)
        self._c.num_layers, self._c.num_experts = loads[0].shape
        self._keep = [doubles(load) for load in loads]
        for i, weight in enumerate(weights):
            self._c.load[i], self._c.weight[i] = self._keep[i], weight

    @property
    def num_experts(self) -> int:
        return self.loads[0].shape[1]


class History:
    """The last windows of a job. May be shared by threads."""

    def __init__(self, num_layers: int, num_experts: int, num_windows: int = HISTORY_MAX, decay: float = DECAY):
        """Room for `num_windows` windows, 1 to 16; a window counts `decay` times as much as the next newer one, in
        (0, 1]. ArgumentError."""
        out = ffi.new("eplb_history_t **")
        check(
            lib.eplb_history_create(
                to_int(num_layers, "num_layers"),
                to_int(num_experts, "num_experts"),
                to_int(num_windows, "num_windows"),
                to_real(decay, "decay"),
                out,
            )
        )
        self._c = own(out, lib.history_end)
        self._shape = (int(num_layers), int(num_experts))
        self._lock = threading.Lock()

    def add(self, load: Any) -> None:
        """Takes up a window, [layers, experts], in place of the oldest where there is no room; one without any load is
        left out. LoadsError: NaN, infinite, negative; ShapeError. The history is then as it was."""
        load = to_loads(load, "load", "[layers, experts]")
        if load.shape != self._shape:
            raise ShapeError(f"load has shape {list(load.shape)}; expected {list(self._shape)}")
        with self._lock:
            check(lib.eplb_history_add(self._c, doubles(load)))

    def __len__(self) -> int:
        with self._lock:
            return lib.eplb_history_length(self._c)

    def windows(self) -> list[tuple[np.ndarray, float]]:
        """(load [layers, experts], weight) of each window that it holds, the newest first. StateError: none yet."""
        windows = self._snapshot()
        return list(zip(windows.loads, windows.weights))

    def _snapshot(self) -> Windows:
        c = ffi.new("eplb_windows_t *")
        lib.eplb_windows_init(c)
        with self._lock:
            check(lib.eplb_history_windows(self._c, c))
            return self._copy(c)

    def _with(self, load: np.ndarray) -> Windows:
        """The windows that it would hold after `add(load)`."""
        if load.shape != self._shape:
            raise ShapeError(f"load has shape {list(load.shape)}; expected {list(self._shape)}, as the history has")
        c, newest = ffi.new("eplb_windows_t *"), doubles(load)
        lib.eplb_windows_init(c)
        with self._lock:
            if not load.any() and not lib.eplb_history_length(self._c):
                return Windows([load], [1.0])
            check(lib.eplb_history_with(self._c, newest, c))
            return self._copy(c)

    def _copy(self, c: Any) -> Windows:
        size = 8 * self._shape[0] * self._shape[1]
        loads = [
            np.frombuffer(ffi.buffer(c.load[i], size), np.float64).reshape(self._shape).copy()
            for i in range(c.num_windows)
        ]
        return Windows(loads, [c.weight[i] for i in range(c.num_windows)])


def to_windows(value: Any, name: str = "loads", decay: float = DECAY) -> Windows:
    """What planners take, from a Loads, a History, or an array [layers, experts] or [windows, layers, experts]."""
    if isinstance(value, Windows):
        return value
    if isinstance(value, History):
        return value._snapshot()
    if isinstance(value, Loads):
        value = value.load
    loads = to_loads(value, name, "[layers, experts]", "[windows, layers, experts]")
    if loads.ndim == 2:
        return Windows([loads], [1.0])
    history = History(loads.shape[1], loads.shape[2], min(len(loads), HISTORY_MAX), decay)
    for load in loads[-HISTORY_MAX:]:
        history.add(load)
    return history._snapshot() if len(history) else Windows([loads[-1]], [1.0])


def forecast(loads: Any, kind: str = "ewma") -> np.ndarray:
    """One load for the next window, float64 [layers, experts], from several: a Loads, a History, or an array [windows,
    layers, experts] with the oldest window first, of which the last 16 are used. `kind`: "last", "mean" (by the
    windows' weights) or "ewma" (exponentially smoothed, by what would have forecast each layer's windows best).
    LoadsError; ArgumentError."""
    if kind not in _KINDS:
        raise ArgumentError(f"kind is {kind!r}; expected {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    windows = to_windows(loads)
    result = np.empty(windows.loads[0].shape)
    check(lib.eplb_forecast_make(_KINDS.index(kind), windows._c, doubles(result)))
    return result
