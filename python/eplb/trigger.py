"""Is it worth it: what a change of placement saves, and what it costs to get there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eplb._call import check, to_int
from eplb._eplb import ffi, lib
from eplb.errors import ArgumentTypeError
from eplb.loads import to_windows
from eplb.options import prepare, set_option, show_options
from eplb.placement import to_placement
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of


class Payback:
    """What a move costs and what balance saves, in seconds. Options by keyword, see `list_options("payback")`:
    seconds_per_load (required: that a device of speed 1 takes for a load of 1), expert_bytes (required: weights of one
    expert of a layer), horizon (windows that the new placement will serve, 1 by default), device_bandwidth,
    node_bandwidth, network_bandwidth (bytes per second of one device). Immutable."""

    def __init__(self, **options: Any):
        self._c = prepare("payback")
        for name, value in options.items():
            set_option("payback", self._c, name, value)

    @staticmethod
    def _pointer(payback: Any) -> Any:
        if not isinstance(payback, Payback):
            raise ArgumentTypeError(f"payback is a {type(payback).__name__}; expected an eplb.Payback")
        return payback._c

    def options(self) -> dict[str, str]:
        """All options by name, written as a user writes them."""
        return show_options("payback", self._c)


@dataclass(frozen=True)
class Decision:
    """rebalance: take the new placement; saved_seconds: of experts' time until the next rebalance; cost_seconds: of
    moving; balance_before, balance_after: means over layers and windows; reason: one line for a log."""

    rebalance: bool
    saved_seconds: float
    cost_seconds: float
    balance_before: float
    balance_after: float
    reason: str


class Trigger:
    """When a rebalance pays. Options by keyword, see `list_options("trigger")`: min_windows (from one rebalance to the
    next, 1 by default), hysteresis (what is saved must be more than so many times the cost, 1.5 by default)."""

    def __init__(self, payback: Payback, **options: Any):
        self._payback = payback
        self._c = prepare("trigger")
        for name, value in options.items():
            set_option("trigger", self._c, name, value)
        self._c.payback = Payback._pointer(payback)

    def decide(self, topology: Topology, before: Any, after: Any, loads: Any, windows_since: int = 1) -> Decision:
        """Whether to go from `before` to `after` (each a `Placement`, or its map) for windows like `loads` (as `plan`
        takes them). windows_since: since the last rebalance. ArgumentError; ShapeError; LoadsError."""
        windows = to_windows(loads)
        old = to_placement(before, "before", windows.num_experts)
        new = to_placement(after, "after", windows.num_experts)
        change, decision = ffi.new("eplb_placement_change_t *"), ffi.new("eplb_decision_t *")
        lib.eplb_placement_change_init(change)
        change.topology, change.before, change.after, change.windows = topology_of(topology), old._c, new._c, windows._c
        change.windows_since = to_int(windows_since, "windows_since", 0)
        check(lib.eplb_trigger_decide(self._c, change, decision))
        return Decision(
            bool(decision.rebalance),
            decision.saved_seconds,
            decision.cost_seconds,
            decision.balance_before,
            decision.balance_after,
            ffi.string(decision.reason).decode(),
        )
