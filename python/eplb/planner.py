"""From loads and topology to a placement."""

from __future__ import annotations

from typing import Any

import numpy as np

from eplb._call import check, to_int, to_loads, torch_of
from eplb._eplb import ffi, lib
from eplb.errors import ShapeError, UnsupportedError
from eplb.loads import History, Loads, Windows, to_windows
from eplb.options import prepare, set_option, show_options
from eplb.placement import Placement, to_placement
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of
from eplb.trigger import Payback


def _options(options: dict[str, Any], payback: Payback | None) -> Any:
    """The C struct; `payback` must live as long as it."""
    c = prepare("plan")
    for name, value in options.items():
        set_option("plan", c, name, value)
    if payback is not None:
        c.payback = Payback._pointer(payback)
    return c


def _plan(c_options: Any, topology: Topology, windows: Windows, current: Placement | None) -> Placement:
    out = ffi.new("eplb_placement_t **")
    check(lib.eplb_plan(c_options, topology_of(topology), windows._c, current._c if current else ffi.NULL, out))
    return Placement._of(out)


def plan(
    loads: Any, topology: Topology, current: Any = None, *, payback: Payback | None = None, **options: Any
) -> Placement:
    """Plans every layer. Deterministic; other threads run meanwhile.

    loads: tokens of each expert, an array [layers, experts] (numpy or torch, any real dtype), several windows [windows,
    layers, experts] with the oldest first (the last 16 are used, each counts .9 times as much as the next), a `Loads`
    or a `History`. current: a `Placement`, or its map [layers, slots]: few moves from there; None: from scratch.
    payback: move only what pays (planner window). options: any option of `list_options("plan")`, such as
    planner="window", num_groups=8, max_moves=10.

    ArgumentError, ArgumentTypeError: an option or argument; LoadsError: NaN, infinite, negative; ShapeError: sizes that
    do not go together; UnsupportedError: an option that the planner cannot use; OutOfMemoryError."""
    windows = to_windows(loads)
    before = None if current is None else to_placement(current, "current", windows.num_experts)
    return _plan(_options(options, payback), topology, windows, before)


def resolve(topology: Topology, *, payback: Payback | None = None, **options: Any) -> dict[str, str]:
    """What these options come to for a topology: all plan options by name, written as a user writes them; planner and
    policy are never "auto". Errors as `plan`."""
    resolved = prepare("plan")
    check(lib.eplb_plan_resolve(_options(options, payback), topology_of(topology), resolved))
    return show_options("plan", resolved)


def _with_earlier(weight: Any, windows: Any) -> Windows:
    """`weight` as the newest window after `windows`."""
    newest = to_loads(weight, "weight", "[layers, experts]")
    if windows is None:
        return Windows([newest], [1.0])
    if isinstance(windows, History):
        return windows._with(newest)
    earlier = to_loads(windows.load if isinstance(windows, Loads) else windows, "windows", "[windows, layers, experts]")
    if earlier.shape[1:] != newest.shape:
        raise ShapeError(
            f"windows has shape {list(earlier.shape)}; expected [windows, {newest.shape[0]}, "
            f"{newest.shape[1]}], as weight is"
        )
    return to_windows(np.concatenate([earlier, newest[np.newaxis]]))


def rebalance_experts(
    weight: Any,
    num_replicas: int,
    num_groups: int,
    num_nodes: int,
    num_gpus: int,
    *,
    planner: str | None = None,
    current: Any = None,
    windows: Any = None,
    payback: Payback | None = None,
    **options: Any,
) -> tuple[Any, Any, Any]:
    """DeepSeek's `rebalance_experts` of eplb.py: the same arguments, shapes, dtypes and results (with a stable sort).

    weight: [layers, experts], numpy or torch, the tokens of each expert; num_replicas: slots of a layer, a multiple of
    num_gpus; num_groups: groups of consecutive experts; num_nodes, num_gpus: in all.

    Returns phy2log int64 [layers, num_replicas], log2phy int64 [layers, experts, X], padded with -1, and logcnt int64
    [layers, experts]; tensors on the CPU if `weight` is a tensor, else numpy arrays.

    planner: "deepseek" by default; with `current` "auto", as deepseek always plans from scratch. current: a `Placement`
    or a map [layers, num_replicas], from which few replicas move. windows: a `History` or an array [windows, layers,
    experts] of earlier windows, the oldest first; `weight` is the newest. payback, options: as `plan`, which also has
    the errors."""
    gpus, replicas = to_int(num_gpus, "num_gpus", 1), to_int(num_replicas, "num_replicas", 1)
    if replicas % gpus:
        raise ShapeError(f"num_replicas is {replicas}; expected a multiple of num_gpus, {gpus}")
    if planner is None:
        planner = "deepseek" if current is None else "auto"
    if current is not None and planner == "deepseek":
        raise UnsupportedError(
            "current is given, but the deepseek planner always plans from scratch; expected planner "
            "auto, window, history or chain"
        )
    topology = Topology(num_nodes, gpus, replicas // gpus)
    recent = _with_earlier(weight, windows)
    before = None if current is None else to_placement(current, "current", recent.num_experts)
    c_options = _options({"planner": planner, "num_groups": num_groups, **options}, payback)
    tables = _plan(c_options, topology, recent, before).tables()
    torch = torch_of(weight)
    return tuple(torch.from_numpy(table) for table in tables) if torch else tables  # type: ignore[return-value]
