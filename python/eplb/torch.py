"""The load balancer for jobs that use torch.distributed (torchrun, Ray): counts tokens, plans on rank 0, and moves
experts by point-to-point messages of the process group, without MPI. Works with gloo; NCCL has not been tried.

    balancer = eplb.torch.Balancer(None, num_layers=LAYERS, num_experts=EXPERTS, slots_per_rank=SLOTS)
    for layer in range(LAYERS):
        balancer.register(layer, weights=weights[layer])       # [slots, ...]
    ...
    balancer.record(layer, counts)                             # each step, each layer
    balancer.rebalance()                                       # now and then

The protocol is that of `eplb.mpi.Session`, but a layer's experts move within the call that finishes it, so between
`begin` and that call the job may read and write its weights."""

from __future__ import annotations

import contextlib
import socket
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np
import torch
import torch.distributed as dist

from eplb._call import INT_MAX, to_int, to_numpy
from eplb._registered import Registered
from eplb._staging import cut
from eplb.errors import (
    ArgumentError,
    ArgumentTypeError,
    ChangedError,
    CorruptError,
    EplbError,
    InternalError,
    LoadsError,
    MismatchError,
    MpiError,
    OutOfMemoryError,
    ShapeError,
    StateError,
    error_of,
)
from eplb.loads import HISTORY_MAX, History
from eplb.placement import Placement, check_slots, to_placement
from eplb.planner import plan, resolve
from eplb.topology import Topology
from eplb.transfer import Deriver
from eplb.trigger import Payback, Trigger

__all__ = ["Balancer", "Report"]

_TRAILER = 8  # bytes after an expert's: 1 and its checksum, or zeros
_STEPS = ("create", "reduce", "plan", "derive", "stage", "arrive")


@dataclass
class Report:
    """What a rebalance did. transfers and bytes: of all ranks, within a device, within nodes, between nodes, for what
    was committed; reason: with a trigger, why it did or did not rebalance; verified: checksums were compared."""

    layers_planned: int = 0
    layers_committed: int = 0
    slots_changed: int = 0
    transfers: tuple[int, ...] = (0, 0, 0)
    bytes: tuple[int, ...] = (0, 0, 0)
    balancedness_before: float = 1.0
    balancedness_after: float = 1.0
    planner: str = ""
    reason: str = ""
    verified: bool = False


@dataclass
class _Plan:
    """What rank 0 sends: the new map as bytes, and what the report says of it."""

    rows: bytes
    report: Report


@dataclass
class _Part:
    """One rank's share of a part of a layer's change: transfers that it takes part in, and a buffer for each that
    arrives."""

    transfers: np.ndarray
    row: np.ndarray
    buffers: dict[int, torch.Tensor] = field(default_factory=dict)


class Balancer:
    """Calls marked collective are made by every rank of the group in the same order; on failure every rank gets an
    exception of the same code with the same sentence, and layers that were not committed keep their weights and maps.
    One thread uses it at a time."""

    def __init__(
        self,
        group: Any,
        num_layers: int,
        num_experts: int,
        slots_per_rank: int = 0,
        *,
        topology: Topology | None = None,
        initial: Any = None,
        payback: Payback | None = None,
        trigger: Trigger | None = None,
        history: int = HISTORY_MAX,
        verify: str = "first",
        staging_bytes: int = 0,
        log: Callable[[str], None] | None = None,
        **options: Any,
    ):
        """Collective over `group`, a process group of torch.distributed; None: all ranks. num_layers, num_experts,
        slots_per_rank, initial, payback, trigger, log, and plan options by keyword: as `eplb.mpi.Session`; a payback
        needs its expert_bytes. topology: None: ranks with the same host name are a node; else device r is rank r of the
        group. history: windows to plan with, 1 to 16. verify: checksums travel with the experts of the "first"
        rebalance that moves any, "always" or "never". staging_bytes: most that a rank uses for incoming experts, at
        least one; 0: what a layer needs.

        StateError: torch.distributed is not initialized; ArgumentError; ShapeError; MismatchError; UnsupportedError."""
        self._layers_left: dict[int, np.ndarray] | None = (
            None  # layers that move: their new rows; None: no rebalance is open
        )
        if not dist.is_available() or not dist.is_initialized():
            raise StateError("torch.distributed is not initialized; expected init_process_group() before")
        self._group, self._rank, self._size = group, dist.get_rank(group), dist.get_world_size(group)
        if self._rank < 0:
            raise ArgumentError("this rank is not in the group; expected a member")
        is_nccl = dist.get_backend(group) == "nccl"
        self._device = torch.device("cuda", torch.cuda.current_device()) if is_nccl else torch.device("cpu")
        self._fault: Callable[[str], None] = lambda step: None
        self._global = self._gather(dist.get_rank(), "create")
        self._options, self._payback, self._trigger, self._log = options, payback, trigger, log
        sizes = num_layers, num_experts, slots_per_rank
        with self._agreeing(
            "create", signature=(sizes, history, verify, staging_bytes, sorted(map(str, options.items())))
        ):
            self._num_layers = to_int(num_layers, "num_layers", 1)
            self._num_experts = to_int(num_experts, "num_experts", 1)
            self._slots = to_int(slots_per_rank, "slots_per_rank", 0)
            self._staging = to_int(staging_bytes, "staging_bytes", 0, 2**62)
            if verify not in ("first", "always", "never"):
                raise ArgumentError(f"verify is {verify!r}; expected first, always or never")
            if trigger is not None and not isinstance(trigger, Trigger):
                raise ArgumentTypeError(f"trigger is a {type(trigger).__name__}; expected an eplb.Trigger")
            self._history = History(self._num_layers, self._num_experts, history)
        hosts = self._gather(socket.gethostname(), "create")
        with self._agreeing("create"):
            names = {host: node for node, host in enumerate(dict.fromkeys(hosts))}
            self._topology = (
                topology
                if topology is not None
                else Topology.from_domains([[names[host] for host in hosts]], [self._slots] * self._size)
            )
            resolve(self._topology, payback=payback, **options)
            if self._topology.num_devices != self._size:
                raise ShapeError(
                    f"the topology has {self._topology.num_devices} devices; expected {self._size}, one for each rank"
                )
            self._begin_slot, end = (int(s) for s in self._topology.slot_begin[self._rank : self._rank + 2])
            self._slots = end - self._begin_slot
            start = (
                to_placement(initial, "initial", self._num_experts)
                if initial is not None
                else Placement.linear(self._num_layers, self._num_experts, self._topology.num_slots)
            )
            check_slots(start, self._topology, "initial")
            if (start.num_layers, start.num_experts) != (self._num_layers, self._num_experts):
                raise ShapeError(
                    f"initial has {start.num_layers} layers of {start.num_experts} experts; expected "
                    f"{self._num_layers} of {self._num_experts}"
                )
        self._rows = start.physical_to_logical.copy()
        self._counts = np.zeros((self._num_layers, self._num_experts), np.int64)
        self._tensors: dict[tuple[int, str], Registered] = {}
        self._verify, self._windows_since, self._placement = verify, 0, None
        self._report = Report()

    # ---- agreement ----

    @contextlib.contextmanager
    def _talking(self, what: str) -> Iterator[None]:
        """What torch.distributed raises becomes a sentence."""
        try:
            yield
        except EplbError:
            raise
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise MpiError(f"torch.distributed failed in {what}: {first}") from error

    def _gather(self, value: Any, what: str) -> list[Any]:
        values: list[Any] = [None] * self._size
        with self._talking(what):
            dist.all_gather_object(values, value, group=self._group)
        return values

    def _tell(self, numbers: list[int], what: str, operation: Any) -> list[int]:
        tensor = torch.tensor(numbers, dtype=torch.int64, device=self._device)
        with self._talking(what):
            dist.all_reduce(tensor, op=operation, group=self._group)
        return tensor.tolist()

    @contextlib.contextmanager
    def _agreeing(self, what: str, layer: int = 0, signature: Any = None) -> Iterator[None]:
        """What one rank raises within, every rank raises; also where ranks are at different calls, layers or
        signatures."""
        error = None
        try:
            yield
            self._fault(what)
        except EplbError as failure:
            error = failure
        except Exception as failure:  # the other ranks wait for this one, whatever it was
            text = str(failure).strip().splitlines()[0] if str(failure).strip() else type(failure).__name__
            is_memory = isinstance(failure, MemoryError) or "memory" in text
            error = (OutOfMemoryError if is_memory else InternalError)(f"{what}: {text}")
            error.__cause__ = failure
        place = _STEPS.index(what) * 2**40 + layer * 2**32 + zlib.crc32(repr(signature).encode())
        status, least, most = self._tell([error.status if error else 0, place, -place], what, dist.ReduceOp.MIN)
        if status == 0 and least == -most:
            return
        said = self._gather((error.status if error else 0, str(error or ""), what, layer, signature), what)
        codes = [code for code, *_ in said]
        if any(codes):
            rank = codes.index(min(codes))
            sentence = f"rank {rank}: {said[rank][1]}" if self._size > 1 else said[rank][1]
            same = isinstance(error, ArgumentTypeError) and str(error) == said[rank][1]
            raise (ArgumentTypeError(sentence) if same else error_of(codes[rank], sentence)) from error
        rank = next(r for r, words in enumerate(said) if words[2:] != said[0][2:])
        raise MismatchError(
            f"rank {rank} gave {_describe(said[rank])} and rank 0 {_describe(said[0])}; expected the same"
        )

    # ---- what the job calls ----

    def register(self, layer: int, **tensors: Any) -> None:
        """Registers tensors of a layer by name: each a tensor, or an array of numpy, [slots of this rank, ...] with
        contiguous rows on the group's device; row k is this rank's slot k, and must hold the expert that `placement`
        names. Local; every rank registers the same names with rows of the same bytes. Kept alive; memory, shape,
        strides and dtype must stay as they are: a rebalance fails otherwise, on all ranks.

        ArgumentError, ArgumentTypeError, ShapeError, StateError (registered already, or a rebalance is open),
        UnsupportedError."""
        number = to_int(layer, "layer", 0, self._num_layers - 1)
        self._check_closed()
        for name, tensor in tensors.items():
            if (number, name) in self._tensors:
                raise StateError(f"layer {number}, tensor {name} is registered already; expected unregister before")
            self._tensors[number, name] = Registered(
                tensor, f"layer {number}, tensor {name}", self._slots, self._device.type
            )

    def unregister(self, layer: int, name: str | None = None) -> None:
        """Ends the registration of a tensor of a layer, or of all of them. Local. ArgumentError; StateError."""
        self._check_closed()
        keys = [key for key in self._tensors if key[0] == layer and name in (None, key[1])]
        if not keys:
            raise ArgumentError(f"layer {layer} has no tensor {name or ''}; expected one that is registered")
        for key in keys:
            del self._tensors[key]

    def record(self, layer: int, counts: Any) -> None:
        """Adds this rank's token counts of a layer to the window: whole numbers [experts], by logical expert. Local.
        LoadsError: a negative count, or a sum of 2^53 / ranks and more."""
        number, array = to_int(layer, "layer", 0, self._num_layers - 1), to_numpy(counts, "counts")
        if array.dtype.kind not in "iu":
            raise ArgumentTypeError(f"counts has dtype {array.dtype}; expected whole numbers")
        if array.shape != (self._num_experts,):
            raise ShapeError(f"counts has shape {list(array.shape)}; expected [{self._num_experts}]")
        limit = 2**53 // self._size
        if array.min() < 0 or array.max() >= limit or (self._counts[number] + array.astype(np.int64)).max() >= limit:
            raise LoadsError(
                f"counts of layer {number} are {array.min()} to {array.max()}; expected 0 and more, and sums of a "
                f"window below {limit}"
            )
        self._counts[number] += array.astype(np.int64)

    def discard_window(self) -> None:
        """Drops this rank's counts of the window, such as those of warm-up. Local; every rank does so."""
        self._counts[:] = 0

    @property
    def topology(self) -> Topology:
        return self._topology

    @property
    def placement(self) -> Placement:
        """The maps in use: a copy, made anew after each commit."""
        if self._placement is None:
            self._placement = Placement(self._rows, self._num_experts)
        return self._placement

    def begin(self) -> None:
        """Begins a rebalance: reduces the window's counts, plans on rank 0 and sends the maps. Collective. Errors:
        ChangedError: a registered tensor is elsewhere, on any rank; StateError: a rebalance is open, or a layer has no
        tensor; MismatchError; MpiError: torch.distributed failed. After an error all is as before."""
        with self._agreeing("reduce", signature=self._signature()):
            self._check_closed()
            for layer in range(self._num_layers):
                if not any(key[0] == layer for key in self._tensors):
                    raise StateError(f"layer {layer} has no tensor; expected one that is registered")
            for text in filter(None, (tensor.change() for tensor in self._tensors.values())):
                raise ChangedError(f"{text}; expected it as it was: unregister, then register it anew")
        load = np.array(self._tell(self._counts.ravel().tolist(), "reduce", dist.ReduceOp.SUM), np.float64)
        load = load.reshape(self._counts.shape)
        planned: list[Any] = [None]
        with self._agreeing("plan"):
            if self._rank == 0:
                planned = [self._plan(load)]
        with self._talking("plan"):
            dist.broadcast_object_list(planned, src=self._global[0], group=self._group)
        with self._agreeing("derive"):
            after = np.frombuffer(planned[0].rows, np.int32).reshape(self._rows.shape)
            deriver = Deriver(self._topology, self._num_experts)
        self._history.add(load)
        self._counts[:] = 0
        moving = [layer for layer in range(self._num_layers) if (after[layer] != self._rows[layer]).any()]
        self._windows_since = 0 if moving else self._windows_since + 1
        self._report, self._deriver = planned[0].report, deriver
        self._report.layers_planned = len(moving)
        self._layers_left = {layer: after[layer] for layer in moving}
        self._is_verifying = self._verify != "never"
        if self._log is not None and self._rank == 0 and self._report.reason:
            self._log(self._report.reason)

    def finish_layer(self, layer: int) -> None:
        """Moves the layer's experts and puts its new maps in place; stands before its forward pass. Does nothing if no
        rebalance is open or the layer does not change. Collective. CorruptError: an expert arrived with another
        checksum; OutOfMemoryError; MpiError. The rebalance then stays open for `end` only."""
        number = to_int(layer, "layer", 0, self._num_layers - 1)
        if not self.is_moving(number):
            return
        assert self._layers_left is not None
        after, size = self._layers_left[number], self._expert_bytes(number)
        try:
            with self._agreeing("stage", number):
                if self._staging and self._staging < size:
                    raise ShapeError(
                        f"staging_bytes is {self._staging}; expected {size}, an expert of layer {number}, or more"
                    )
                capacity = min(self._staging // size, INT_MAX) if self._staging and size else INT_MAX
                rows = cut(self._topology, self._rows[number], after, self._num_experts, capacity)
            for row in rows:
                self._move(number, row, size)
        except EplbError:
            self._layers_left = {}
            raise
        del self._layers_left[number]
        self._report.layers_committed += 1

    def is_moving(self, layer: int) -> bool:
        """Whether the layer changes in the open rebalance and is not finished. Local; the same on every rank."""
        return bool(self._layers_left) and layer in self._layers_left

    def end(self) -> Report:
        """Ends the rebalance; layers that are not finished keep their placement. Local. StateError: none is open."""
        if self._layers_left is None:
            raise StateError("no rebalance is open; expected begin before")
        self._layers_left = None
        if self._is_verifying and self._report.slots_changed:
            self._report.verified = True
            self._verify = "never" if self._verify == "first" else self._verify
        return self._report

    #: Of the last `rebalance`, or `rebalance_iter` that ran to its end.
    report: Report | None = None

    def rebalance_iter(self) -> Iterator[int]:
        """Begins a rebalance at the first step, and names each layer that changes when its new experts and maps are in
        place. Ends the rebalance when it is left, also by break, return or an exception: layers that follow keep their
        placement. Collective at each step; every rank leaves it at the same layer."""
        self.begin()
        try:
            for layer in list(self._layers_left or ()):
                self.finish_layer(layer)
                yield layer
        except BaseException:  # also of who leaves the loop early
            self._layers_left = None
            raise
        self.report = self.end()

    def rebalance(self) -> Report:
        """The whole at once. Collective. Errors as `begin` and `finish_layer`."""
        for _ in self.rebalance_iter():
            pass
        assert self.report is not None
        return self.report

    def close(self) -> None:
        """Ends an open rebalance and lets the tensors go. Local."""
        self._layers_left = None
        self._tensors.clear()

    def __enter__(self) -> Balancer:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_layers_left", None) is not None:
            warnings.warn(f"{self!r} has an open rebalance; expected end() on every rank", ResourceWarning, source=self)

    # ---- planning ----

    def _check_closed(self) -> None:
        if self._layers_left is not None:
            raise StateError("a rebalance is open; expected end() before")

    def _signature(self) -> Any:
        """What must be the same on every rank when a rebalance begins."""
        names = [(key, tensor.bytes, tensor.memory.dtype) for key, tensor in sorted(self._tensors.items())]
        return names, zlib.crc32(self._rows.tobytes())

    def _expert_bytes(self, layer: int) -> int:
        return sum(tensor.bytes for key, tensor in self._tensors.items() if key[0] == layer)

    def _plan(self, load: np.ndarray) -> _Plan:
        """On rank 0 only."""
        before, history = self.placement, self._history._with(load)
        if not load.any():
            after = before
        else:
            after = plan(history, self._topology, before, payback=self._payback, **self._options)
        report = Report(planner=resolve(self._topology, payback=self._payback, **self._options)["planner"])
        if self._trigger is not None and load.any():
            decision = self._trigger.decide(self._topology, before, after, history, self._windows_since + 1)
            report.reason = decision.reason
            after = after if decision.rebalance else before
        report.balancedness_before = before.mean_balancedness(self._topology, load)
        report.balancedness_after = after.mean_balancedness(self._topology, load)
        return _Plan(after.physical_to_logical.tobytes(), report)

    # ---- moving ----

    def _move(self, layer: int, row: np.ndarray, size: int) -> None:
        """Turns the layer's row into `row`: all experts arrive beside the slots, then all ranks commit or none."""
        with self._agreeing("stage", layer):
            every = self._deriver.derive_layer(self._rows[layer], row, layer, size)
            mine = every[(every["from_device"] == self._rank) | (every["to_device"] == self._rank)]
            part = _Part(mine, row)
            for slot in mine["to_slot"][mine["to_device"] == self._rank]:
                part.buffers[int(slot)] = torch.empty(size + _TRAILER, dtype=torch.uint8, device=self._device)
        tensors = [tensor for key, tensor in sorted(self._tensors.items()) if key[0] == layer]
        for stage in range(int(every["stage"].max()) + 1 if len(every) else 0):
            self._run_stage(layer, tensors, part, mine[mine["stage"] == stage])
        with self._agreeing("arrive", layer):
            if self._is_verifying:
                self._compare(layer, part)
        self._commit(layer, tensors, part, every)

    def _pack(self, tensors: list[Registered], slot: int) -> torch.Tensor:
        """An expert's bytes, tensor by tensor, and the trailer."""
        packed = torch.cat(
            [_row_bytes(tensor, slot - self._begin_slot) for tensor in tensors]
            + [torch.zeros(_TRAILER, dtype=torch.uint8, device=self._device)]
        )
        if self._is_verifying:
            trailer = b"\1\0\0\0" + zlib.crc32(packed[:-_TRAILER].cpu().numpy()).to_bytes(4, "little")
            packed[-_TRAILER:] = torch.tensor(list(trailer), dtype=torch.uint8)
        return packed

    def _run_stage(self, layer: int, tensors: list[Registered], part: _Part, transfers: np.ndarray) -> None:
        """Sends and receives what this stage has; within the rank it copies."""
        operations, packed = [], {}
        for t in transfers:  # each has a tag of its own, its slot
            source, slot = int(t["from_slot"]), int(t["to_slot"])
            if t["from_device"] == self._rank:
                if t["stage"] == 0 and source not in packed:
                    packed[source] = self._pack(tensors, source)
                sent = packed[source] if t["stage"] == 0 else part.buffers[source]
                if t["to_device"] == self._rank:
                    part.buffers[slot].copy_(sent)
                else:
                    operations.append(dist.P2POp(dist.isend, sent, self._global[t["to_device"]], self._group, slot))
            else:
                operations.append(
                    dist.P2POp(dist.irecv, part.buffers[slot], self._global[t["from_device"]], self._group, slot)
                )
        with self._talking(f"moving layer {layer}"):
            for request in dist.batch_isend_irecv(operations) if operations else ():
                request.wait()

    def _compare(self, layer: int, part: _Part) -> None:
        for t in part.transfers[part.transfers["to_device"] == self._rank]:
            data = part.buffers[int(t["to_slot"])].cpu().numpy()
            if data[-_TRAILER] != 1 or zlib.crc32(data[:-_TRAILER]).to_bytes(4, "little") != data[-4:].tobytes():
                raise CorruptError(
                    f"layer {layer}, expert {t['expert']} arrived from rank {t['from_device']} in slot "
                    f"{t['to_slot']} with another checksum than it left with"
                )

    def _commit(self, layer: int, tensors: list[Registered], part: _Part, every: np.ndarray) -> None:
        for slot, data in part.buffers.items():
            begin = 0
            for tensor in tensors:
                _row_bytes(tensor, slot - self._begin_slot).copy_(data[begin : begin + tensor.bytes])
                begin += tensor.bytes
        size, counts = self._expert_bytes(layer), np.bincount(every["link"], minlength=3)
        self._rows[layer] = part.row
        self._placement = None
        self._report.slots_changed += len(every)
        self._report.transfers = tuple(int(a + b) for a, b in zip(self._report.transfers, counts))
        self._report.bytes = tuple(int(a + b * size) for a, b in zip(self._report.bytes, counts))


def _row_bytes(tensor: Registered, row: int) -> torch.Tensor:
    """A row of a registered tensor as bytes in place."""
    storage = tensor.storage if isinstance(tensor.storage, torch.Tensor) else torch.from_numpy(tensor.storage)
    return storage[row].reshape(-1).view(torch.uint8)


def _describe(said: Any) -> str:
    _, _, what, layer, signature = said
    return f"{signature}" if signature is not None else f"layer {layer} in step {what}"
