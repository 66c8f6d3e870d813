"""The session of libeplb-mpi for jobs that use mpi4py. Start them with `python -m mpi4py job.py`: an exception on one
rank then ends the job instead of leaving the others waiting.

    session = eplb.mpi.Session(MPI.COMM_WORLD, num_layers=LAYERS, num_experts=EXPERTS, slots_per_rank=SLOTS)
    for layer in range(LAYERS):
        session.register(layer, weights=weights[layer])        # [slots, ...]
    ...
    session.record(layer, counts)                              # each step, each layer
    session.rebalance()                                        # now and then
    session.close()

eplb/session.h has the rules: who may read and write weights while they move."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
from mpi4py import MPI

import eplb
from eplb._call import to_int, to_numpy, to_text
from eplb._eplb import ffi as core_ffi
from eplb._registered import Registered
from eplb.errors import ArgumentError, ArgumentTypeError, EplbError, ShapeError, StateError, UnsupportedError, error_of
from eplb.mpi._session import ffi, lib
from eplb.options import write_option
from eplb.placement import Placement, to_placement
from eplb.planner import _options as plan_options
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of
from eplb.trigger import Payback, Trigger

__all__ = ["Report", "Session"]


@dataclass(frozen=True)
class Report:
    """What a rebalance did. transfers and bytes: of all ranks, within a device, within nodes, between nodes; seconds
    are this rank's; reason: on rank 0, with a trigger, why it did or did not rebalance."""

    layers_planned: int
    layers_committed: int
    slots_changed: int
    transfers: tuple[int, int, int]
    bytes: tuple[int, int, int]
    balancedness_before: float
    balancedness_after: float
    planner: str
    policy: str
    seconds_reduce: float
    seconds_plan: float
    seconds_broadcast: float
    seconds_derive: float
    seconds_migrate: float
    seconds_verify: float
    seconds_open: float
    verified: bool
    reason: str

    @classmethod
    def _of(cls, c: Any) -> Report:
        plain = {
            name: getattr(c, name)
            for name in cls.__dataclass_fields__
            if name not in ("transfers", "bytes", "planner", "policy", "verified", "reason")
        }
        return cls(
            **plain,
            transfers=tuple(c.transfers),
            bytes=tuple(c.bytes),
            verified=bool(c.verified),
            planner=ffi.string(lib.eplb_plan_name(b"planner", c.planner)).decode(),
            policy=ffi.string(lib.eplb_plan_name(b"policy", c.policy)).decode(),
            reason=ffi.string(c.decision.reason).decode(),
        )


@ffi.def_extern()
def session_log(arg: Any, line: Any) -> None:
    ffi.from_handle(arg)(ffi.string(line).decode(errors="replace"))


def _sentence() -> str:
    return ffi.string(lib.eplb_last_error()).decode(errors="replace")


def _check(status: int) -> None:
    if status:
        raise error_of(status, _sentence())


def _cast(kind: str, pointer: Any) -> Any:
    """A C object of eplb for libeplb-mpi; both are of one version, see _check_mpi."""
    return ffi.cast(kind, int(core_ffi.cast("uintptr_t", pointer)))


def _check_mpi(comm: Any) -> None:
    """What would be an error in MPI, or a job of worlds of one, is told before MPI is called."""
    installed = ffi.string(lib.eplb_version()).decode()
    if installed != eplb.__version__:
        raise UnsupportedError(
            f"libeplb-mpi is version {installed} and eplb {eplb.__version__}; expected the same version"
        )
    if not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
        raise ArgumentTypeError(
            f"comm is {'COMM_NULL' if isinstance(comm, MPI.Comm) else type(comm).__name__}; expected an "
            "intracommunicator of mpi4py"
        )
    ours, theirs = ffi.string(lib.session_mpi()).decode(), MPI.get_vendor()[0]
    if lib.session_comm_size() != MPI._sizeof(MPI.Comm) or (ours == "Open MPI") != (theirs == "Open MPI"):
        raise UnsupportedError(
            f"mpi4py uses {theirs} and libeplb-mpi {ours}; expected one MPI: build eplb.mpi with its mpicc"
        )
    world = os.environ.get("WORLD_SIZE", "1")
    if MPI.COMM_WORLD.size == 1 and world.isdigit() and int(world) > 1:
        raise UnsupportedError(
            f"WORLD_SIZE is {world}, but MPI's world is of 1 rank, as torchrun starts no MPI job; expected "
            "mpirun, or eplb.torch in place of eplb.mpi"
        )


class Session:
    """Counts tokens, plans on rank 0, and moves experts between the ranks of a communicator. One thread uses it at a
    time.

    Calls marked collective are made by every rank in the same order; on failure every rank gets the same exception, and
    layers that were not committed keep their weights and maps."""

    def __init__(
        self,
        comm: Any,
        num_layers: int,
        num_experts: int,
        slots_per_rank: int = 0,
        *,
        topology: Topology | None = None,
        initial: Any = None,
        payback: Payback | None = None,
        trigger: Trigger | None = None,
        log: Callable[[str], None] | None = None,
        **options: Any,
    ):
        """Collective over `comm`, which is duplicated. num_layers: MoE layers; num_experts: logical experts of a layer;
        slots_per_rank: physical experts of a layer on each rank. topology: None: detected; else device r is rank r.
        initial: a `Placement`, or a map [layers, slots], that the slots hold at first; None: slot s holds expert s
        modulo num_experts. payback, and the plan options by keyword: as `eplb.plan`; trigger: rebalance only if it
        pays; log: is told lines on rank 0. Other keywords: history, verify, mode, staging_bytes, chunk_bytes,
        shared_bytes, node_level, as eplb/session.h describes them, as it does the EPLB_ variables that override them.

        ArgumentError, ShapeError, MismatchError, UnsupportedError, OutOfMemoryError."""
        self._session, self._tensors, self._is_open, self._placement = None, {}, False, None
        _check_mpi(comm)
        self._failure = ffi.new("session_failure_t *")
        self._log = ffi.new_handle(log) if log is not None else ffi.NULL
        c, keep, failed = self._prepare(), [], None
        try:
            keep = self._fill(
                c, (num_layers, num_experts, slots_per_rank), topology, initial, payback, trigger, options
            )
        except EplbError as error:
            c, failed = self._prepare(), error
            c.num_layers = c.num_experts = c.slots_per_rank = 1
            self._fail_at(lib.EPLB_STEP_CREATE, error)
        out = ffi.new("eplb_session_t **")
        status = lib.session_create(MPI._addressof(comm), c, self._failure, self._log, out)
        del keep
        if status and isinstance(failed, ArgumentTypeError) and str(failed) in _sentence():
            raise ArgumentTypeError(_sentence())  # the code does not tell it from a wrong value
        _check(status)
        self._session = out[0]
        self._slots = int(np.diff(topology.slot_begin)[comm.rank]) if topology is not None else slots_per_rank

    @staticmethod
    def _prepare() -> Any:
        options = ffi.new("eplb_session_options_t *")
        lib.eplb_session_options_init(options)
        return options

    @staticmethod
    def _fill(
        c: Any,
        sizes: tuple[Any, Any, Any],
        topology: Any,
        initial: Any,
        payback: Any,
        trigger: Any,
        options: dict[str, Any],
    ) -> list[Any]:
        """Sets the members of *c; returns what they point to."""
        c.num_layers, c.num_experts = to_int(sizes[0], "num_layers"), to_int(sizes[1], "num_experts")
        c.slots_per_rank = to_int(sizes[2], "slots_per_rank")
        rows = _session_rows()
        for name in [name for name in options if name in rows]:
            label, text = to_text(name, "name"), to_text(write_option(options[name]), name)
            _check(lib.eplb_option_set(rows[name], c, label, text))
        plan = plan_options({name: value for name, value in options.items() if name not in rows}, payback)
        c.plan = _cast("eplb_plan_options_t *", plan)
        if topology is not None:
            c.topology = _cast("eplb_topology_t *", topology_of(topology))
        if initial is not None:
            initial = to_placement(initial, "initial", c.num_experts)
            c.initial = _cast("eplb_placement_t *", initial._c)
        if trigger is not None:
            if not isinstance(trigger, Trigger):
                raise ArgumentTypeError(f"trigger is a {type(trigger).__name__}; expected an eplb.Trigger")
            c.trigger = _cast("eplb_trigger_t *", trigger._c)
        return [plan, payback, topology, initial, trigger]

    def _fail_at(self, step: int, error: EplbError) -> None:
        """The library fails at its next `step` on this rank, and so on all."""
        self._failure.step, self._failure.status = step, error.status
        self._failure.sentence = str(error).encode()[:500].decode(errors="ignore").encode()

    def register(self, layer: int, **tensors: Any) -> None:
        """Registers tensors of a layer by name: each an array or CPU tensor [slots of this rank, ...] with contiguous
        rows; row k is this rank's slot k, and must hold the expert that `placement` names. Local; every rank registers
        the same names in the same order, with rows of the same bytes. The tensors are kept alive; their memory, shape,
        strides and dtype must stay as they are until `unregister` or `close`: a rebalance fails otherwise, on all
        ranks. Register optimizer moments of an expert as tensors of the same layer.

        ArgumentError, ArgumentTypeError, ShapeError, StateError (registered already), UnsupportedError (on a GPU)."""
        number = to_int(layer, "layer")
        for name, tensor in tensors.items():
            label = to_text(name, "name")
            registered = Registered(tensor, f"layer {number}, tensor {name}", self._slots)
            _check(
                lib.eplb_session_register(
                    self._live(),
                    number,
                    label,
                    ffi.cast("void *", registered.memory.address),
                    registered.bytes,
                    registered.stride,
                )
            )
            self._tensors[number, name] = registered

    def unregister(self, layer: int, name: str | None = None) -> None:
        """Ends the registration of a tensor of a layer, or of all of them. Local. ArgumentError; StateError: a
        rebalance is open."""
        number = to_int(layer, "layer")
        _check(lib.eplb_session_unregister(self._live(), number, ffi.NULL if name is None else to_text(name, "name")))
        for key in [key for key in self._tensors if key[0] == number and name in (None, key[1])]:
            del self._tensors[key]

    def record(self, layer: int, counts: Any) -> None:
        """Adds this rank's token counts of a layer to the window: whole numbers [experts], by logical expert. Local.
        LoadsError: a negative count, or a sum that reaches 2^63."""
        array = to_numpy(counts, "counts")
        if array.dtype.kind not in "iu":
            raise ArgumentTypeError(f"counts has dtype {array.dtype}; expected whole numbers")
        experts = lib.eplb_session_placement(self._live()).num_experts
        if array.shape != (experts,):
            raise ShapeError(f"counts has shape {list(array.shape)}; expected [{experts}]")
        if array.dtype.kind == "u" and array.max() > 2**63 - 1:
            raise ArgumentError(f"counts holds {array.max()}; expected less than 2^63")
        array = np.ascontiguousarray(array, np.int64)
        _check(lib.eplb_session_record(self._live(), to_int(layer, "layer"), ffi.from_buffer("int64_t[]", array)))

    def discard_window(self) -> None:
        """Drops this rank's counts of the window, such as those of warm-up. Local; every rank does so."""
        _check(lib.eplb_session_discard_window(self._live()))

    @property
    def placement(self) -> Placement:
        """The maps in use: a copy, made anew after each commit."""
        if self._placement is None:
            c = lib.eplb_session_placement(self._live())
            size = 4 * c.num_layers * c.num_slots
            rows = np.frombuffer(ffi.buffer(c.physical_to_logical, size), np.int32)
            self._placement = Placement(rows.reshape(c.num_layers, c.num_slots), c.num_experts)
        return self._placement

    def begin(self) -> None:
        """Begins a rebalance: reduces the window's counts, plans, and starts to move experts. Collective. From here to
        a layer's commit the job must not write its weights. ChangedError: a registered tensor is elsewhere, on any
        rank; StateError: a rebalance is open, or a layer has no tensor; LoadsError; MismatchError; OutOfMemoryError."""
        session = self._live()
        changes = [text for text in (tensor.change() for tensor in self._tensors.values()) if text]
        if changes:
            self._fail_at(
                lib.EPLB_STEP_REDUCE,
                eplb.ChangedError(f"{changes[0]}; expected it as it was: unregister, then register it anew"),
            )
        try:
            _check(lib.eplb_rebalance_begin(session))
        finally:
            self._failure.status = 0
        self._is_open = True

    def end(self) -> Report:
        """Ends the rebalance; what is not committed is dropped. Collective. StateError: none is open."""
        report = ffi.new("eplb_report_t *")
        lib.eplb_report_init(report)
        self._is_open = False
        self._placement = None
        _check(lib.eplb_rebalance_end(self._live(), report))
        return Report._of(report)

    def finish_layer(self, layer: int) -> None:
        """Returns when nothing of the layer moves any more; stands before its forward pass. Does nothing if no
        rebalance is open. Collective. ChangedError: the job wrote it meanwhile; CorruptError."""
        self._placement = None
        _check(lib.eplb_rebalance_finish_layer(self._live(), to_int(layer, "layer")))

    def is_moving(self, layer: int) -> bool:
        """Whether the job must leave the layer's weights alone. Local; the same on every rank."""
        return bool(lib.eplb_rebalance_is_moving(self._live(), to_int(layer, "layer")))

    def changed(self, layer: int) -> None:
        """Tells that the job has written the layer since `begin`, the same values into all replicas. Collective."""
        _check(lib.eplb_rebalance_changed(self._live(), to_int(layer, "layer")))

    def rebalance_iter(self) -> Iterator[int]:
        """Begins a rebalance at the first step, and names each layer when its new experts and maps are in place; a
        layer is named more than once where staging does not hold it. Ends the rebalance when it is left, also by break,
        return or an exception: what is not committed then is dropped. Collective at each step, and when it is left;
        every rank leaves it at the same layer."""
        self.begin()
        layer = ffi.new("int *")
        try:
            while True:
                _check(lib.eplb_rebalance_wait(self._live(), layer))
                if layer[0] == lib.EPLB_LAYER_DONE:
                    break
                self._placement = None
                _check(lib.eplb_rebalance_commit(self._live(), layer[0]))
                yield layer[0]
        except BaseException:  # also of who leaves the loop early
            self._drop()
            raise
        self.report = self.end()

    def _drop(self) -> None:
        """Ends the rebalance if it is open; the call that failed may have closed it."""
        if self._is_open:
            try:
                self.end()
            except StateError:
                pass

    #: Of the last `rebalance`, or `rebalance_iter` that ran to its end.
    report: Report | None = None

    def rebalance(self) -> Report:
        """The whole at once. Collective. Errors as `begin`, `finish_layer` and `end`."""
        for _ in self.rebalance_iter():
            pass
        assert self.report is not None
        return self.report

    def _live(self) -> Any:
        if self._session is None:
            raise StateError("the session is closed; expected an open one")
        if MPI.Is_finalized():
            raise StateError("MPI is finalized; expected close() before that")
        return self._session

    def close(self) -> None:
        """Ends the session, and an open rebalance before. Collective. Does nothing if it is closed."""
        if self._session is None:
            return
        session = ffi.new("eplb_session_t **", self._live())
        self._drop()
        _check(lib.eplb_session_destroy(session))
        self._session = None
        self._tensors.clear()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Closes the session; not after an exception of this rank alone, since `close` needs all ranks."""
        if error is None or isinstance(error, EplbError):
            self.close()

    def __del__(self) -> None:
        if getattr(self, "_session", None) is not None:
            warnings.warn(f"{self!r} was not closed; expected close() on every rank", ResourceWarning, source=self)


def _session_rows() -> dict[str, Any]:
    rows, number = {}, 0
    while lib.eplb_session_option_describe(number):
        row = lib.eplb_session_option_describe(number)
        rows[ffi.string(row.name).decode()] = row
        number += 1
    return rows
