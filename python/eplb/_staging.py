"""A layer's change cut into steps, for ranks that can stage only a few experts at a time."""

from __future__ import annotations

import numpy as np

from eplb._call import check, ints
from eplb._eplb import ffi, lib
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of


def cut(topology: Topology, before: np.ndarray, after: np.ndarray, num_experts: int, capacity: int) -> list[np.ndarray]:
    """The rows of physical_to_logical after each step, int32 [slots]; none where nothing changes. A device changes at
    most `capacity` slots in a step; the last row may be `after` with slots of a device exchanged."""
    after, step, count = after.copy(), np.empty_like(after), ffi.new("int *")
    steps = ffi.new("eplb_staging_steps_t *")
    keep = ints(before), ints(after), ints(step)
    steps.num_experts, steps.capacity = num_experts, capacity
    steps.before, steps.after, steps.step = keep
    check(lib.eplb_staging_steps_cut(topology_of(topology), steps, count))
    rows, row = [], before.copy()
    for which in range(count[0]):
        lib.eplb_staging_steps_apply(len(row), keep[1], keep[2], which, ints(row))
        rows.append(row.copy())
    return rows
