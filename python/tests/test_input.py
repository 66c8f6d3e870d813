"""Bad input gives one exception with one sentence."""

import unittest

import numpy as np
from support import refused, torch

import eplb

WEIGHT = np.arange(1, 17).reshape(2, 8)


def call(weight=WEIGHT, replicas=12, groups=1, nodes=1, gpus=4, **keywords):
    return eplb.rebalance_experts(weight, replicas, groups, nodes, gpus, **keywords)


class Weights(unittest.TestCase):
    def test_what_is_no_array(self):
        for weight, sentence in (
            (WEIGHT.tolist(), "weight is a list; expected a numpy array or a torch tensor"),
            (None, "weight is a NoneType;"),
            (3.0, "weight is a float;"),
            ("loads", "weight is a str;"),
            (np.ma.masked_array(WEIGHT), "weight is a MaskedArray;"),
        ):
            refused(self, TypeError, sentence, call, weight)

    def test_dtypes(self):
        for dtype in (bool, complex, object, "S4", "U4", "M8[s]"):
            refused(self, TypeError, "; expected whole or real numbers", call, np.ones((2, 8), int).astype(dtype))
        if torch is not None:
            refused(self, TypeError, "expected whole or real numbers", call, torch.ones(2, 8, dtype=torch.bool))

    def test_shapes(self):
        for shape in ((), (8,), (1, 2, 8), (0, 8), (2, 0)):
            refused(
                self,
                ValueError,
                f"weight has shape {list(shape)}; expected [layers, experts], each at least 1",
                call,
                np.ones(shape),
            )

    def test_values(self):
        for value, sentence in ((np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-1.0, "-1"), (2.0**63, "9.2")):
            weight = WEIGHT.astype(float)
            weight[1, 3] = value
            for planner in ("deepseek", "window", "history", "chain"):
                refused(self, ValueError, sentence, call, weight, planner=planner)
                with self.assertRaises(eplb.LoadsError):
                    call(weight, planner=planner)


class Numbers(unittest.TestCase):
    def test_sizes_that_are_no_sizes(self):
        for name in ("replicas", "groups", "nodes", "gpus"):
            for value in (0, -1, 2**31, 2**80):
                refused(self, ValueError, str(value), call, **{name: value})
            for value in (None, [2], 1 + 2j):
                refused(self, TypeError, "; expected a ", call, **{name: value})
        for value in ("4", 4.0):
            refused(self, TypeError, "num_gpus is a ", call, gpus=value)

    def test_sizes_that_do_not_go_together(self):
        refused(self, ValueError, "num_replicas is 12; expected a multiple of num_gpus, 5", call, gpus=5)
        refused(self, ValueError, "4 slots for 8 experts", call, replicas=4)
        refused(self, ValueError, "9 groups of 8 experts", call, groups=9)
        refused(self, ValueError, "5 nodes", call, nodes=5)

    def test_options(self):
        refused(self, ValueError, 'planner is "deepsea"; expected', call, planner="deepsea")
        refused(self, ValueError, "which is now called", call, planner="reference")
        refused(self, ValueError, "balance is ", call, planner="window", balance=2)
        refused(self, ValueError, "max_moves is ", call, planner="window", max_moves=1.5)
        refused(self, TypeError, "max_moves is a list", call, planner="window", max_moves=[1])
        refused(self, TypeError, "max_moves is a bool", call, planner="window", max_moves=True)
        refused(self, ValueError, "policy contains a zero character", call, policy="auto\0x")
        refused(self, TypeError, "payback is a int; expected an eplb.Payback", call, planner="window", payback=3)
        refused(self, ValueError, "seconds_per_load", call, planner="window", payback=eplb.Payback(expert_bytes=1))


class Maps(unittest.TestCase):
    def test_current(self):
        good = np.tile(np.arange(12) % 8, (2, 1))
        wrong = good.copy()
        wrong[1, 3] = 8
        refused(self, ValueError, "layer 1, slot 3: expert 8; expected 0 to 7", call, current=wrong)
        wrong[1, 3] = -2
        refused(self, ValueError, "layer 1, slot 3: expert -2", call, current=wrong)
        refused(self, ValueError, "layer 0: expert 7 has no slot", call, current=np.where(good == 7, -1, good))
        refused(self, ValueError, "a current placement of 1 layer", call, current=good[:1])
        refused(self, ValueError, "in 8 slots; expected 2 of 8 in 12", call, current=good[:, :8])
        refused(self, ValueError, "current has shape [12]", call, current=good[0])
        refused(self, TypeError, "current has dtype float64", call, current=good.astype(float))
        refused(self, TypeError, "current is a list", call, current=good.tolist())
        refused(
            self,
            ValueError,
            "holds 4294967296; expected whole numbers of 32 bits",
            call,
            current=np.where(good == 7, 2**32, good),
        )

    def test_windows(self):
        refused(self, ValueError, "windows has shape [2, 8]", call, windows=WEIGHT)
        refused(self, ValueError, "windows has shape [3, 2, 9]", call, windows=np.ones((3, 2, 9)))
        refused(self, TypeError, "windows is a list", call, windows=[WEIGHT])
        refused(self, ValueError, "load has shape [2, 8]", call, windows=eplb.History(1, 8))
        with self.assertRaises(eplb.LoadsError):
            call(windows=np.full((1, 2, 8), np.nan))

    def test_transfers(self):
        topology, a = eplb.Topology(1, 2, 4), np.arange(8).reshape(1, 8)
        refused(self, TypeError, "topology is a NoneType", eplb.derive, None, a, a)
        refused(self, ValueError, "before has 6 slots; expected 8", eplb.derive, topology, a[:, :6], a[:, :6])
        refused(self, ValueError, "after has 2 layers", eplb.derive, topology, a, np.tile(a, (2, 1)))
        refused(self, ValueError, "expert_bytes is -1", eplb.derive, topology, a, a, -1)

    def test_files(self):
        refused(self, OSError, "nowhere.csv", eplb.formats.read_loads, "nowhere.csv")
        refused(
            self, NotImplementedError if torch is None else OSError, "nowhere.pt", eplb.formats.read_loads, "nowhere.pt"
        )
        refused(self, OSError, "nowhere.json", eplb.formats.read_placement, "nowhere.json")
        refused(self, TypeError, "path is a int; expected a path", eplb.formats.read_loads, 3)
        refused(self, ValueError, "path contains a zero character", eplb.formats.read_loads, "a\0b")
        refused(self, OSError, "no-folder", eplb.formats.write_loads, "no-folder/x.csv", eplb.Loads(np.ones((1, 1, 2))))


class Topologies(unittest.TestCase):
    def test_declared(self):
        refused(self, ValueError, "nodes", eplb.Topology, 3, 2, 4)
        refused(self, ValueError, "0", eplb.Topology, 0, 2, 4)
        refused(self, TypeError, "slots_per_device is a float", eplb.Topology, 1, 2, 4.0)

    def test_domains(self):
        refused(
            self,
            ValueError,
            "domains has 1 rows for 1 levels and 3 devices",
            eplb.Topology.from_domains,
            [[0, 0]],
            [1, 1, 1],
        )
        refused(self, ValueError, "speed has 1 numbers", eplb.Topology.from_domains, [[0, 0]], [1, 1], speed=[1])
        refused(self, ValueError, "speed", eplb.Topology.from_domains, [[0, 0]], [1, 1], speed=[1, float("nan")])
        refused(self, ValueError, "", eplb.Topology.from_domains, [], [])
        refused(self, ValueError, "nvlink", eplb.Topology(1, 2, 4).with_node_level, "nvlink")
        refused(self, ValueError, "gpux", eplb.Topology.read, "nodes=2 gpux=3")


class Histories(unittest.TestCase):
    def test_sizes(self):
        refused(self, ValueError, "17", eplb.History, 2, 8, 17)
        refused(self, ValueError, "decay", eplb.History, 2, 8, 4, 0)
        refused(self, RuntimeError, "", eplb.History(2, 8).windows)
        refused(self, ValueError, "kind is 'best'; expected last, mean or ewma", eplb.forecast, WEIGHT, "best")
        refused(self, RuntimeError, "", eplb.forecast, eplb.History(2, 8))
