"""Placements, topologies, histories, forecasts, triggers and transfers."""

import pickle
import unittest

import numpy as np
from support import loads, torch

import eplb


class Placements(unittest.TestCase):
    def test_linear_and_maps(self):
        placement = eplb.Placement.linear(2, 5, 8)
        np.testing.assert_array_equal(placement.physical_to_logical, np.tile(np.arange(8) % 5, (2, 1)))
        self.assertEqual(placement.logical_replica_count[1].tolist(), [2, 2, 2, 1, 1])
        self.assertEqual(placement.replicas(1, 2).tolist(), [2, 7])
        self.assertEqual(placement, eplb.Placement(placement.physical_to_logical))
        self.assertNotEqual(placement, eplb.Placement.linear(2, 6, 8))

    def test_empty_slots(self):
        placement = eplb.Placement(np.array([[1, -1, 0, 1]]))
        phy2log, log2phy, logcnt = placement.tables()
        self.assertEqual(phy2log.tolist(), [[1, -1, 0, 1]])
        self.assertEqual(log2phy.tolist(), [[[2, -1], [0, 3]]])
        self.assertEqual(logcnt.tolist(), [[1, 2]])

    def test_views_are_read_only_and_outlive_the_placement(self):
        rows = eplb.Placement.linear(3, 5, 8).physical_to_logical
        junk = [eplb.Placement.linear(3, 8, 8) for _ in range(50)]
        self.assertEqual(rows[2].tolist(), [0, 1, 2, 3, 4, 0, 1, 2])
        self.assertRaises(ValueError, rows.__setitem__, (0, 0), 3)
        self.assertEqual(len(junk), 50)

    def test_balancedness(self):
        topology, placement = eplb.Topology(1, 2, 2), eplb.Placement(np.array([[0, 1, 2, 3]] * 2))
        load = np.array([[1, 1, 1, 1], [3, 3, 1, 1]])
        np.testing.assert_allclose(placement.balancedness(topology, load), [1, 2 / 3])
        self.assertAlmostEqual(placement.mean_balancedness(topology, load), 5 / 6)
        np.testing.assert_allclose(eplb.balancedness_bound(topology, load), [1, 1])
        with self.assertRaises(eplb.LoadsError):
            placement.balancedness(topology, np.full((2, 4), np.nan))
        with self.assertRaises(eplb.ShapeError):
            placement.balancedness(eplb.Topology(1, 2, 3), load)

    def test_carry_and_drain(self):
        old, new = eplb.Topology(1, 3, 2), eplb.Topology(1, 2, 3)
        before = eplb.Placement(np.array([[0, 1, 2, 3, 4, 0]]))
        after, lost = before.carry(old, new, [0, 2])
        self.assertEqual(sorted(lost["expert"].tolist()), [2, 3])
        self.assertEqual(after.num_slots, 6)
        for row in lost:
            self.assertEqual(after.physical_to_logical[row["layer"], row["slot"]], row["expert"])
        drained = eplb.Placement(np.array([[0, 1, 0, 1, 2, 2]])).drain(old, [1])
        self.assertEqual(drained.physical_to_logical[0, 2:4].tolist(), [-1, -1])


class Topologies(unittest.TestCase):
    def test_declared(self):
        topology = eplb.Topology(2, 5, 3)
        self.assertEqual((topology.num_nodes, topology.num_devices, topology.num_slots), (2, 5, 15))
        self.assertEqual(topology.nodes.tolist(), [0, 0, 0, 1, 1])
        self.assertEqual(topology.device_of_slot.tolist(), np.repeat(np.arange(5), 3).tolist())
        self.assertEqual((topology.level_names, topology.node_level), (["node"], "node"))

    def test_domains_slots_and_speeds(self):
        topology = eplb.Topology.from_domains(
            [[7, 7, 7, 9], [1, 2, 1, 3]], [1, 2, 3, 4], ["rack", "node"], speed=[1, 1, 2, 0.5]
        )
        self.assertEqual(topology.domains.tolist(), [[0, 0, 0, 1], [0, 1, 0, 2]])
        self.assertEqual((topology.slot_begin.tolist(), topology.speed.tolist()), ([0, 1, 3, 6, 10], [1, 1, 2, 0.5]))
        self.assertEqual(topology.num_nodes, 3)
        self.assertEqual(topology.with_node_level("rack").num_nodes, 2)
        self.assertEqual(topology.num_nodes, 3)

    def test_text(self):
        self.assertEqual(eplb.Topology.read("nodes=2 gpus=4", 9).num_slots, 72)


class Plans(unittest.TestCase):
    topology = eplb.Topology(2, 8, 5)

    def test_every_planner_and_input(self):
        windows = np.stack([loads(3, 32, seed) for seed in range(4)])
        for planner in ("auto", "deepseek", "window", "history", "chain"):
            placement = eplb.plan(windows, self.topology, planner=planner)
            self.assertEqual((placement.num_layers, placement.num_experts, placement.num_slots), (3, 32, 40))
            self.assertEqual(placement, eplb.plan(eplb.Loads(windows), self.topology, planner=planner))
            if torch is not None:
                self.assertEqual(placement, eplb.plan(torch.from_numpy(windows), self.topology, planner=planner))

    def test_more_windows_than_are_used(self):
        windows = np.stack([loads(2, 32, seed) for seed in range(20)])
        self.assertEqual(eplb.plan(windows, self.topology), eplb.plan(windows[4:], self.topology))

    def test_idle_windows(self):
        windows = np.zeros((3, 2, 32))
        self.assertEqual(eplb.plan(windows, self.topology, planner="window").num_layers, 2)

    def test_payback_keeps_what_does_not_pay(self):
        load, current = loads(2, 32, 1), eplb.Placement.linear(2, 32, 40)
        dear = eplb.Payback(seconds_per_load=1e-12, expert_bytes=1e12)
        cheap = eplb.Payback(seconds_per_load=1, expert_bytes=1)
        self.assertEqual(eplb.plan(load, self.topology, current, payback=dear), current)
        self.assertNotEqual(eplb.plan(load, self.topology, current, payback=cheap), current)
        self.assertEqual(cheap.options()["horizon"], "1")

    def test_resolve(self):
        options = eplb.resolve(self.topology, num_groups=4)
        self.assertEqual((options["planner"], options["policy"]), ("window", "hierarchical"))
        self.assertEqual(eplb.resolve(self.topology, max_moves=np.int64(7))["max_moves"], "7")


class Histories(unittest.TestCase):
    def test_it_holds_the_newest(self):
        history = eplb.History(1, 4, 2, decay=0.5)
        for number in (1, 2, 0, 3):
            history.add(np.full((1, 4), number))
        self.assertEqual(len(history), 2)
        (newest, weight), (older, less) = history.windows()
        self.assertEqual((newest[0, 0], older[0, 0], less / weight), (3, 2, 0.5))
        with self.assertRaises(eplb.LoadsError):
            history.add(np.full((1, 4), -1))
        self.assertEqual(len(history), 2)

    def test_forecast(self):
        windows = np.array([[[1.0, 3.0]], [[3.0, 1.0]]])
        np.testing.assert_array_equal(eplb.forecast(windows, "last"), [[3, 1]])
        np.testing.assert_allclose(eplb.forecast(windows, "mean").sum(), 4)
        self.assertEqual(eplb.forecast(windows).shape, (1, 2))


class Triggers(unittest.TestCase):
    def test_what_pays_and_what_does_not(self):
        topology, load = eplb.Topology(1, 2, 2), np.array([[9, 9, 1, 1]])
        before, after = np.array([[0, 1, 2, 3]]), np.array([[0, 2, 1, 3]])
        for bytes_, expected in ((1, True), (1e15, False)):
            trigger = eplb.Trigger(eplb.Payback(seconds_per_load=1e-3, expert_bytes=bytes_), hysteresis=2)
            decision = trigger.decide(topology, before, after, load)
            self.assertIs(decision.rebalance, expected)
            self.assertGreater(decision.balance_after, decision.balance_before)
            self.assertTrue(decision.reason)


class Transfers(unittest.TestCase):
    def carry_out(self, topology, before, after, transfers):
        """The experts in the slots after the transfers, each stage reading what earlier ones have written."""
        result = np.where(after == before, before, -1)
        arrived = {}
        for t in transfers:
            self.assertEqual(topology.device_of_slot[t["from_slot"]], t["from_device"])
            self.assertEqual(topology.device_of_slot[t["to_slot"]], t["to_device"])
            if t["stage"] == 0:
                value = before[t["layer"], t["from_slot"]]
            else:
                value, stage = arrived[t["layer"], t["from_slot"]]
                self.assertEqual(stage, t["stage"] - 1)
            self.assertEqual(value, t["expert"])
            arrived[t["layer"], t["to_slot"]] = value, t["stage"]
            result[t["layer"], t["to_slot"]] = value
        return result

    def test_they_make_the_new_placement(self):
        topology = eplb.Topology(4, 16, 4)
        before = eplb.plan(loads(3, 40, 1), topology)
        after = eplb.plan(loads(3, 40, 2, sigma=2), topology)
        for expert_bytes in (1, 1 << 20, [3, 1, 2]):
            transfers = eplb.derive(topology, before, after, expert_bytes)
            self.assertEqual(len(transfers), (before.physical_to_logical != after.physical_to_logical).sum())
            self.assertGreater(transfers["stage"].max(), 0)
            result = self.carry_out(topology, before.physical_to_logical, after.physical_to_logical, transfers)
            np.testing.assert_array_equal(result, after.physical_to_logical)
        self.assertEqual(len(eplb.derive(topology, before, before)), 0)
        self.assertEqual(eplb.derive(topology, before, before).dtype, eplb.TRANSFER)


class Exceptions(unittest.TestCase):
    def test_they_can_be_pickled(self):
        for kind in eplb.EplbError.__subclasses__():
            copy = pickle.loads(pickle.dumps(kind("a sentence")))
            self.assertEqual((type(copy), str(copy), copy.status), (kind, "a sentence", kind.status))
