"""mpi-eplb: expert-parallel load balancing for Mixture-of-Experts jobs.

    import eplb
    phy2log, log2phy, logcnt = eplb.rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus)

is DeepSeek's call. `plan` has all planners, `derive` the transfers between two placements, `formats` the files. Every
failure is an `EplbError`, which is also the matching built-in exception, with one sentence. All calls let other threads
run."""

from eplb import formats
from eplb._eplb import ffi as _ffi
from eplb._eplb import lib as _lib
from eplb.errors import (
    ArgumentError,
    ArgumentTypeError,
    ChangedError,
    CorruptError,
    EplbError,
    FileError,
    FormatError,
    InternalError,
    LoadsError,
    MismatchError,
    MpiError,
    OutOfMemoryError,
    ShapeError,
    StateError,
    UnsupportedError,
)
from eplb.loads import History, Loads, forecast
from eplb.options import Option, list_options
from eplb.placement import EMPTY, LOST, Placement, balancedness_bound
from eplb.planner import plan, rebalance_experts, resolve
from eplb.topology import Topology
from eplb.transfer import TRANSFER, derive
from eplb.trigger import Decision, Payback, Trigger

__version__: str = _ffi.string(_lib.eplb_version()).decode()

__all__ = [
    "EMPTY",
    "LOST",
    "TRANSFER",
    "ArgumentError",
    "ArgumentTypeError",
    "ChangedError",
    "CorruptError",
    "Decision",
    "EplbError",
    "FileError",
    "FormatError",
    "History",
    "InternalError",
    "Loads",
    "LoadsError",
    "MismatchError",
    "MpiError",
    "Option",
    "OutOfMemoryError",
    "Payback",
    "Placement",
    "ShapeError",
    "StateError",
    "Topology",
    "Trigger",
    "UnsupportedError",
    "balancedness_bound",
    "derive",
    "forecast",
    "formats",
    "list_options",
    "plan",
    "rebalance_experts",
    "resolve",
]
