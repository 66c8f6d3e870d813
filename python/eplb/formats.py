"""Files: loads in and out, placements in and out. The content of a file tells of which kind it is, whatever its
name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from eplb._call import c_ints, check, doubles, to_int, to_ints, to_path, torch_of
from eplb._eplb import ffi, lib
from eplb.errors import ArgumentError, FileError, FormatError, ShapeError, UnsupportedError
from eplb.loads import Loads
from eplb.options import names_of
from eplb.placement import Placement, balancedness_bound, check_slots
from eplb.planner import resolve
from eplb.topology import Topology
from eplb.topology import pointer_of as topology_of
from eplb.trigger import Payback


def read_loads(path: Any) -> Loads:
    """Reads expert loads: CSV, JSON of SGLang, JSON lines of vLLM, .npy, a folder of TensorRT-LLM's statistics (all as
    eplb/formats.h describes them), or a .pt recording of SGLang (with torch, and without running code from the file).
    Windows are those of the file: SGLang's are single forward passes, see `sum_windows`. FileError: it cannot be read;
    FormatError, LoadsError: names line, key or column, what stands there and what was expected."""
    name = to_path(path)
    if name.endswith(b".pt"):
        return _read_pt(os.fspath(path))
    out = ffi.new("eplb_loads_t **")
    check(lib.eplb_loads_read(name, out))
    return Loads._of(out)


def _read_pt(path: str) -> Loads:
    try:
        import torch
    except ImportError:
        raise UnsupportedError(
            f"{path} is a recording of PyTorch, which is not installed; expected it, or another format"
        ) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever torch finds in a file that it did not write
        raise FormatError(
            f"{path} is no recording that torch.load reads with weights_only=True: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from None
    counts = content.get("logical_count") if isinstance(content, dict) else None
    if torch_of(counts) is None:
        raise FormatError(
            f'{path} has no tensor "logical_count"; expected [layers, experts] or [windows, layers, experts]'
        )
    load = counts.numpy()
    return Loads(load[np.newaxis] if load.ndim == 2 else load)


def sum_windows(loads: Loads, passes: int) -> Loads:
    """Adds up each `passes` windows that follow each other, such as single forward passes; the last are left out where
    they are fewer. ArgumentError: there are fewer than `passes` in all."""
    count = len(loads.load)
    passes = to_int(passes, "passes", 1)
    if passes > count:
        raise ArgumentError(f"passes is {passes}; expected at most {count}, the number of windows")
    whole = loads.load[: count - count % passes]
    return Loads(whole.reshape(-1, passes, *whole.shape[1:]).sum(axis=1), loads.layer_ids, loads.incomplete)


def write_loads(path: Any, loads: Loads) -> None:
    """Writes CSV with the header window,layer,e0,e1,... The file appears whole or not at all. FileError."""
    check(lib.eplb_loads_write(to_path(path), loads._to_c()))


@dataclass(frozen=True)
class PlacementFile:
    """A placement as a file has it. layer_ids: the model's own number of each layer, or None; num_devices: that the
    slots are on, or 0 where the file does not say."""

    placement: Placement
    layer_ids: np.ndarray | None
    num_devices: int


def read_placement(path: Any) -> PlacementFile:
    """Reads a placement: JSON of this library or of SGLang, YAML of TensorRT-LLM, JSON lines of vLLM, JSON of
    vllm-ascend. There are as many experts as the largest number says. FileError; FormatError names line, key or row."""
    out = ffi.new("eplb_placement_file_t **")
    check(lib.eplb_placement_read(to_path(path), out))
    try:
        file = out[0]
        c = file.placement
        slots = np.frombuffer(ffi.buffer(c.physical_to_logical, 4 * c.num_layers * c.num_slots), np.int32)
        ids = np.frombuffer(ffi.buffer(file.layer_id, 4 * c.num_layers), np.int32).copy() if file.layer_id else None
        return PlacementFile(Placement(slots.reshape(c.num_layers, c.num_slots), c.num_experts), ids, file.num_devices)
    finally:
        lib.eplb_placement_file_destroy(out)


def write_placement(
    path: Any, placement: Placement, topology: Topology, *, load: Any = None, layer_ids: Any = None, **options: Any
) -> None:
    """Writes a placement as JSON of this library, which the `eplb` command, SGLang's readers of its keys, and
    `read_placement` read. load: [layers, experts], of which the file then gives the balancedness and its bound.
    layer_ids: the model's numbers of the layers. options: those of `plan` with which the placement was made. The file
    appears whole or not at all. FileError; ShapeError."""
    check_slots(placement, topology, "the placement")
    resolved, record = resolve(topology, **options), ffi.new("eplb_plan_record_t *")
    lib.eplb_plan_record_init(record)
    record.topology, record.placement = topology_of(topology), placement._c
    record.planner, record.policy = (names_of("plan", name).index(resolved[name]) for name in ("planner", "policy"))
    record.num_groups = int(resolved["num_groups"])
    keep: list[Any] = []
    if layer_ids is not None:
        keep.append(c_ints(to_ints(np.asarray(layer_ids), "layer_ids", "[layers]")))
        if len(keep[0]) != placement.num_layers:
            raise ShapeError(f"layer_ids has {len(keep[0])} numbers; expected {placement.num_layers}")
        record.layer_id = keep[0]
    if load is not None:
        keep += [doubles(placement.balancedness(topology, load)), doubles(balancedness_bound(topology, load))]
        record.layer_balancedness, record.layer_bound = keep[-2:]
        record.balancedness = placement.mean_balancedness(topology, load)
    check(lib.eplb_placement_write_json(to_path(path), record))


def read_links(path: Any, **options: Any) -> Payback:
    """A `Payback` with the options given and the bandwidths that `eplb topo --measure --save FILE` found. FileError;
    FormatError: the file has none."""
    payback = Payback(**options)
    check(lib.eplb_links_read_json(to_path(path), payback._c))
    return payback
