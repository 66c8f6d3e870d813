"""Where the devices are: nodes, racks, slots and speeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eplb._call import check, own, to_int, to_path, to_real, to_text, view
from eplb._eplb import ffi, lib
from eplb.errors import ArgumentTypeError, ShapeError


class Topology:
    """Devices in nodes, and nodes in larger domains. Device r is expert-parallel rank r. Slots (physical experts) of a
    layer are numbered through all devices in rank order. Immutable; may be shared by threads."""

    def __init__(self, num_nodes: int, num_devices: int, slots_per_device: int):
        """`num_devices` devices of `slots_per_device` slots in `num_nodes` nodes of consecutive devices, as equal as
        can be. ArgumentError: a number below 1, or more nodes than devices."""
        out = ffi.new("eplb_topology_t **")
        check(
            lib.eplb_topology_declare(
                to_int(num_nodes, "num_nodes"),
                to_int(num_devices, "num_devices"),
                to_int(slots_per_device, "slots_per_device"),
                out,
            )
        )
        self._c = own(out, lib.topology_end)

    @classmethod
    def _of(cls, out: Any) -> Topology:
        topology = cls.__new__(cls)
        topology._c = own(out, lib.topology_end)
        return topology

    @classmethod
    def from_domains(
        cls,
        domains: Any,
        slots: Sequence[int],
        level_names: Sequence[str] = ("node",),
        node_level: int = -1,
        speed: Sequence[float] | None = None,
    ) -> Topology:
        """The general form. domains[level][device]: which domain of the level the device is in, any numbers >= 0, the
        outermost level first; slots[device]: how many slots it has; `node_level`: which level is the node (-1: the
        last); speed[device]: relative, 1e-6 to 1e6 (None: all 1). ArgumentError names the part that is wrong;
        ShapeError."""
        names = [ffi.new("char[]", to_text(name, "level name")) for name in level_names]
        rows = [[to_int(d, "domain") for d in row] for row in domains]
        counts = [to_int(s, "slots") for s in slots]
        if not counts or len(rows) != len(names) or any(len(row) != len(counts) for row in rows):
            raise ShapeError(
                f"domains has {len(rows)} rows for {len(names)} levels and {len(counts)} devices; expected "
                "a row for each level, and a number for each device"
            )
        if speed is not None and len(speed) != len(counts):
            raise ShapeError(f"speed has {len(speed)} numbers; expected {len(counts)}, one for each device")
        level = to_int(node_level, "node_level")
        parts = ffi.new("eplb_topology_parts_t *")
        lib.eplb_topology_parts_init(parts)
        keep = [
            ffi.new("char *[]", names),
            ffi.new("int[]", sum(rows, [])),
            ffi.new("int[]", counts),
            ffi.new("double[]", [to_real(s, "speed") for s in speed or [1] * len(counts)]),
        ]
        parts.num_devices, parts.num_levels = len(counts), len(names)
        parts.level_name, parts.domain, parts.slots, parts.speed = keep
        parts.node_level = level + len(names) if level < 0 else level
        parts.declared = 1
        out = ffi.new("eplb_topology_t **")
        check(lib.eplb_topology_create(parts, out))
        return cls._of(out)

    @classmethod
    def read(cls, text: Any, default_slots: int = 0) -> Topology:
        """From a text such as "nodes=4 gpus=8 slots=9 racks=2", or from a JSON file: one of `eplb topo --save`, or a
        placement file. `default_slots`: of each device, where the text does not say; below 1: it must. FormatError,
        FileError, ArgumentError."""
        out = ffi.new("eplb_topology_t **")
        check(lib.eplb_topology_read(to_path(text, "text"), to_int(default_slots, "default_slots"), out))
        return cls._of(out)

    def with_node_level(self, level: str) -> Topology:
        """A copy in which another level, such as an NVLink domain, is the planners' node. ArgumentError: no such
        level."""
        out = ffi.new("eplb_topology_t **")
        check(lib.eplb_topology_copy(self._c, out))
        copy = self._of(out)
        check(lib.eplb_topology_set_node_level(copy._c, to_text(level, "level")))
        return copy

    @property
    def num_devices(self) -> int:
        return self._c.num_devices

    @property
    def num_nodes(self) -> int:
        return lib.eplb_topology_num_nodes(self._c)

    @property
    def num_slots(self) -> int:
        """Of all devices together, in each layer."""
        return lib.eplb_topology_num_slots(self._c)

    @property
    def level_names(self) -> list[str]:
        """The outermost first."""
        return [ffi.string(lib.topology_level_name(self._c, level)).decode() for level in range(self._c.num_levels)]

    @property
    def node_level(self) -> str:
        """The name of the level that is the node."""
        return self.level_names[self._c.node_level]

    @property
    def domains(self) -> np.ndarray:
        """int32 [levels, devices]: numbered from 0 at each level, by first device."""
        return view(self._c, self._c.domain, np.int32, self._c.num_levels, self.num_devices)

    @property
    def nodes(self) -> np.ndarray:
        """int32 [devices]: the node of each device."""
        return self.domains[self._c.node_level]

    @property
    def slot_begin(self) -> np.ndarray:
        """int32 [devices + 1]: device d has slots slot_begin[d] to slot_begin[d + 1] - 1."""
        return view(self._c, self._c.slot_begin, np.int32, self.num_devices + 1)

    @property
    def device_of_slot(self) -> np.ndarray:
        """int64 [slots]."""
        return np.repeat(np.arange(self.num_devices), np.diff(self.slot_begin))

    @property
    def speed(self) -> np.ndarray:
        """float64 [devices], relative."""
        return view(self._c, self._c.speed, np.float64, self.num_devices)

    def __repr__(self) -> str:
        return f"<eplb.Topology: {self.num_nodes} nodes, {self.num_devices} devices, {self.num_slots} slots>"


def pointer_of(topology: Any) -> Any:
    """The C object; it lives as long as the Python object."""
    if not isinstance(topology, Topology):
        raise ArgumentTypeError(f"topology is a {type(topology).__name__}; expected an eplb.Topology")
    return topology._c
