"""Which logical expert each slot holds, and the inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from eplb._call import c_ints, check, doubles, int64s, own, to_int, to_ints, to_loads, view
from eplb._eplb import ffi, lib
from eplb.errors import ShapeError
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of

#: In `Placement.physical_to_logical`: a slot that holds no expert.
EMPTY = -1

#: An expert that no device brought along, and the slot that it now has: see `carry`.
LOST = np.dtype([("layer", np.int32), ("expert", np.int32), ("slot", np.int32)])


class Placement:
    """A map of every layer; every expert has at least one replica. Immutable; may be shared by threads."""

    def __init__(self, physical_to_logical: Any, num_experts: int | None = None):
        """From a map: whole numbers [layers, slots], numpy or torch, copied; -1 is an empty slot. `num_experts`: None
        is the largest number in the map and 1. FormatError: an expert out of range, or without a replica; ShapeError;
        ArgumentTypeError."""
        self._c = self._of_map(physical_to_logical, "physical_to_logical", num_experts)._c

    @classmethod
    def _of_map(cls, value: Any, name: str, num_experts: int | None) -> Placement:
        slots = to_ints(value, name, "[layers, slots]")
        experts = int(slots.max()) + 1 if num_experts is None else to_int(num_experts, "num_experts")
        out = ffi.new("eplb_placement_t **")
        check(lib.eplb_placement_create(slots.shape[0], experts, slots.shape[1], out))
        placement = cls._of(out)
        ffi.memmove(placement._c.physical_to_logical, slots, slots.nbytes)
        check(lib.eplb_placement_index(placement._c))
        return placement

    @classmethod
    def _of(cls, out: Any) -> Placement:
        placement = cls.__new__(cls)
        placement._c = own(out, lib.placement_end)
        return placement

    @classmethod
    def linear(cls, num_layers: int, num_experts: int, num_slots: int) -> Placement:
        """Slot s holds expert s modulo `num_experts` in every layer: what most jobs start with."""
        out = ffi.new("eplb_placement_t **")
        check(
            lib.eplb_placement_create_linear(
                to_int(num_layers, "num_layers"),
                to_int(num_experts, "num_experts"),
                to_int(num_slots, "num_slots"),
                out,
            )
        )
        return cls._of(out)

    @property
    def num_layers(self) -> int:
        return self._c.num_layers

    @property
    def num_experts(self) -> int:
        return self._c.num_experts

    @property
    def num_slots(self) -> int:
        return self._c.num_slots

    @property
    def physical_to_logical(self) -> np.ndarray:
        """int32 [layers, slots], a read-only view: the expert in each slot, or -1."""
        return view(self._c, self._c.physical_to_logical, np.int32, self.num_layers, self.num_slots)

    @property
    def logical_replica_count(self) -> np.ndarray:
        """int32 [layers, experts], a read-only view."""
        return view(self._c, self._c.logical_replica_count, np.int32, self.num_layers, self.num_experts)

    def replicas(self, layer: int, expert: int) -> np.ndarray:
        """int32 [replicas of the expert]: its slots. ArgumentError: out of range."""
        layer = to_int(layer, "layer", 0, self.num_layers - 1)
        expert = to_int(expert, "expert", 0, self.num_experts - 1)
        begin = self._c.replica_begin[layer * (self.num_experts + 1) + expert]
        count = int(self.logical_replica_count[layer, expert])
        return view(self._c, self._c.replica_slot + layer * self.num_slots + begin, np.int32, count)

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What frameworks index, as new int64 arrays: phy2log [layers, slots], log2phy [layers, experts, X] padded with
        -1, where X is the largest number of replicas, and logcnt [layers, experts]."""
        layers, experts = self.num_layers, self.num_experts
        width = lib.eplb_placement_max_replicas(self._c)
        physical = np.empty((layers, self.num_slots), np.int64)
        logical = np.empty((layers, experts, width), np.int64)
        count = np.empty((layers, experts), np.int64)
        check(lib.eplb_placement_tables(self._c, width, int64s(physical), int64s(logical), int64s(count)))
        return physical, logical, count

    def balancedness(self, topology: Topology, load: Any) -> np.ndarray:
        """float64 [layers]: mean over max of the devices' times in each layer; 1 is perfect. `load`: [layers, experts].
        LoadsError; ShapeError: sizes do not go together."""
        load, c = self._load(topology, load)
        per_layer = np.empty(self.num_layers)
        lib.eplb_balancedness_mean(c, self._c, doubles(load), doubles(per_layer))
        return per_layer

    def mean_balancedness(self, topology: Topology, load: Any) -> float:
        """The mean of `balancedness` over the layers that have any load; 1 where none has."""
        load, c = self._load(topology, load)
        return lib.eplb_balancedness_mean(c, self._c, doubles(load), ffi.NULL)

    def _load(self, topology: Topology, load: Any) -> tuple[np.ndarray, Any]:
        c = topology_of(topology)
        load = to_loads(load, "load", "[layers, experts]")
        if load.shape != (self.num_layers, self.num_experts):
            raise ShapeError(f"load has shape {list(load.shape)}; expected {[self.num_layers, self.num_experts]}")
        check(lib.eplb_loads_check(*load.shape, doubles(load)))
        check_slots(self, topology, "the placement")
        return load, c

    def carry(self, old_topology: Topology, new_topology: Topology, old_device: Any) -> tuple[Placement, np.ndarray]:
        """This placement, on the devices of `old_topology`, on those of `new_topology`. old_device[new devices]: which
        of the old devices each new one was, or -1 for a newcomer. Also returns the experts that no device brought
        along, as an array of dtype `LOST`: load their weights into those slots. ArgumentError; ShapeError."""
        before, after = topology_of(old_topology), topology_of(new_topology)
        old = to_ints(np.asarray(old_device), "old_device", "[devices]")
        if len(old) != new_topology.num_devices:
            raise ShapeError(
                f"old_device has {len(old)} numbers; expected {new_topology.num_devices}, one for each device"
            )
        out, losses = ffi.new("eplb_placement_t **"), ffi.new("eplb_losses_t *")
        try:
            check(lib.eplb_placement_carry(before, self._c, after, c_ints(old), out, losses))
            lost = [(losses.lost[i].layer, losses.lost[i].expert, losses.lost[i].slot) for i in range(losses.count)]
        finally:
            lib.eplb_losses_free(losses)
        return self._of(out), np.array(lost, LOST)

    def drain(self, topology: Topology, devices: Any) -> Placement:
        """This placement with all slots of `devices`, a sequence of device numbers, empty: for devices that retire but
        live. ArgumentError; ShapeError: the others have fewer slots than there are experts."""
        c = topology_of(topology)
        drained = np.zeros(topology.num_devices, np.int32)
        for device in devices:
            drained[to_int(device, "device", 0, topology.num_devices - 1)] = 1
        out = ffi.new("eplb_placement_t **")
        check(lib.eplb_placement_drain(c, self._c, c_ints(drained), out))
        return self._of(out)

    def __eq__(self, other: object) -> bool:
        """The same experts in the same slots."""
        if not isinstance(other, Placement):
            return NotImplemented
        return self.num_experts == other.num_experts and np.array_equal(
            self.physical_to_logical, other.physical_to_logical
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<eplb.Placement: {self.num_layers} layers, {self.num_experts} experts in {self.num_slots} slots>"


def balancedness_bound(topology: Topology, load: Any) -> np.ndarray:
    """float64 [layers]: the best balancedness that any placement could have, replicas sharing equally. `load`: [layers,
    experts]. ShapeError: fewer slots than experts."""
    c, load = topology_of(topology), to_loads(load, "load", "[layers, experts]")
    check(lib.eplb_loads_check(*load.shape, doubles(load)))
    out, bound = ffi.new("double *"), np.empty(len(load))
    for layer, row in enumerate(load):
        check(lib.eplb_balancedness_bound(c, len(row), doubles(row), out))
        bound[layer] = out[0]
    return bound


def check_slots(placement: Placement, topology: Topology, name: str) -> None:
    if placement.num_slots != topology.num_slots:
        raise ShapeError(f"{name} has {placement.num_slots} slots; expected {topology.num_slots}, as the topology has")


def to_placement(value: Any, name: str, num_experts: int | None = None) -> Placement:
    """A Placement as it is, or one made of a map; `name` is what sentences call it."""
    return value if isinstance(value, Placement) else Placement._of_map(value, name, num_experts)
