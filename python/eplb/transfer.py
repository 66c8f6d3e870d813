"""From two placements to who sends which expert to whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from eplb._call import check, ints, own, to_int
from eplb._eplb import ffi, lib
from eplb.errors import ShapeError
from eplb.placement import check_slots, to_placement
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of


def _dtype() -> np.dtype:
    fields = ffi.typeof("eplb_transfer_t").fields
    return np.dtype(
        {
            "names": [name for name, _ in fields],
            "formats": [f"i{ffi.sizeof(field.type)}" for _, field in fields],
            "offsets": [field.offset for _, field in fields],
            "itemsize": ffi.sizeof("eplb_transfer_t"),
        }
    )


#: One expert of one layer into one slot that did not hold it: layer, expert, from_device, from_slot, to_device, to_slot
#: (int32), link (0 within a device, 1 within a node, 2 between nodes), stage (0: the source has it already; n: it gets
#: it by a transfer of stage n - 1), level (the innermost of the topology that both ends share; int16).
TRANSFER = _dtype()


def derive(topology: Topology, before: Any, after: Any, expert_bytes: Any = 1) -> np.ndarray:
    """All transfers that turn one placement into another, as one array of dtype `TRANSFER`, in the order in which every
    device must take them: by layer, then stage, then as planned. Deterministic: the same on every rank.

    before, after: a `Placement` each, or its map [layers, slots]. expert_bytes: bytes of an expert (any unit), or one
    number for each layer; they weigh transfers, so that devices send equally much. ShapeError; ArgumentError: bytes
    below 0; OutOfMemoryError."""
    topology_of(topology)
    old = to_placement(before, "before")
    new = to_placement(after, "after", old.num_experts)
    if (old.num_layers, old.num_experts) != (new.num_layers, new.num_experts):
        raise ShapeError(
            f"after has {new.num_layers} layers of {new.num_experts} experts; expected {old.num_layers} of "
            f"{old.num_experts}, as before"
        )
    check_slots(old, topology, "before")
    check_slots(new, topology, "after")
    weights = [to_int(b, "expert_bytes", 0, 2**62) for b in np.broadcast_to(expert_bytes, old.num_layers)]
    deriver = Deriver(topology, old.num_experts)
    layers = [
        deriver.derive_layer(old.physical_to_logical[layer], new.physical_to_logical[layer], layer, weight)
        for layer, weight in enumerate(weights)
    ]
    return np.concatenate(layers).astype(TRANSFER, copy=False)  # concatenate drops the padding


class Deriver:
    """What is remembered from layer to layer, so that devices send equally much: see eplb/transfer.h."""

    def __init__(self, topology: Topology, num_experts: int):
        out = ffi.new("eplb_deriver_t **")
        self._topology = topology
        check(lib.eplb_deriver_create(topology_of(topology), num_experts, out))
        self._c = own(out, lib.deriver_end)

    def derive_layer(self, before: np.ndarray, after: np.ndarray, layer: int, expert_bytes: int) -> np.ndarray:
        """The transfers of one layer's rows of physical_to_logical, int32 [slots]."""
        transfers = ffi.new("eplb_transfers_t *")
        try:
            check(lib.eplb_derive_layer(self._c, ints(before), ints(after), layer, expert_bytes, transfers))
            if not transfers.count:
                return np.empty(0, TRANSFER)
            return np.frombuffer(ffi.buffer(transfers.transfer, transfers.count * TRANSFER.itemsize), TRANSFER).copy()
        finally:
            lib.eplb_transfers_free(transfers)
