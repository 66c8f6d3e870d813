"""rebalance_experts answers as DeepSeek's eplb.py."""

import glob
import os
import unittest

import numpy as np
from support import DATA, loads, refused, torch

import eplb


class Golden:
    """One recorded answer: see tests/data/golden/README.md."""

    def __init__(self, path):
        with open(path) as file:
            numbers = np.array(file.read().split(), dtype=np.int64)
        self.layers, experts, self.slots, self.groups, self.nodes, self.gpus, width = (int(n) for n in numbers[:7])
        sizes = [
            (self.layers, experts),
            (self.layers, self.slots),
            (self.layers, experts),
            (self.layers, experts, width),
        ]
        begin, tables = 7, []
        for shape in sizes:
            tables.append(numbers[begin : begin + int(np.prod(shape))].reshape(shape))
            begin += int(np.prod(shape))
        self.weight, phy2log, logcnt, log2phy = tables
        self.answer = phy2log, log2phy, logcnt

    def plan(self, weight):
        return eplb.rebalance_experts(weight, self.slots, self.groups, self.nodes, self.gpus)


CASES = [Golden(path) for path in sorted(glob.glob(os.path.join(DATA, "data", "golden", "case*.txt")))]


class DropIn(unittest.TestCase):
    def same(self, answer, expected):
        self.assertEqual(len(answer), 3)
        for table, wanted in zip(answer, expected):
            self.assertEqual(table.dtype, np.int64)
            np.testing.assert_array_equal(table, wanted)

    def test_answers_are_those_recorded(self):
        self.assertEqual(len(CASES), 68)
        for case in CASES:
            self.same(case.plan(case.weight), case.answer)

    def test_any_dtype_and_order_of_axes_gives_the_same(self):
        case = CASES[0]
        for dtype in (np.int32, np.uint64, np.float32, np.float64, ">f8", np.longdouble):
            self.same(case.plan(case.weight.astype(dtype)), case.answer)
        self.same(case.plan(np.asfortranarray(case.weight)), case.answer)
        strided = np.zeros((case.layers, case.weight.shape[1] * 3), np.int64)
        strided[:, ::3] = case.weight
        self.same(case.plan(strided[:, ::3]), case.answer)

    def test_the_input_is_not_changed(self):
        weight = CASES[0].weight.astype(np.float64)
        weight.flags.writeable = False
        self.same(CASES[0].plan(weight), CASES[0].answer)

    def test_loads_that_are_all_zero_are_planned(self):
        phy2log, log2phy, logcnt = eplb.rebalance_experts(np.zeros((2, 8)), 12, 1, 1, 4)
        self.assertEqual(logcnt.sum(axis=1).tolist(), [12, 12])
        self.assertEqual(sorted(set(phy2log[0].tolist())), list(range(8)))

    @unittest.skipIf(torch is None, "torch is not installed")
    def test_tensors_in_tensors_out(self):
        case = CASES[0]
        for dtype in (torch.int64, torch.int32, torch.float32, torch.float64):
            answer = case.plan(torch.from_numpy(case.weight).to(dtype))
            self.assertTrue(all(isinstance(table, torch.Tensor) and table.dtype == torch.int64 for table in answer))
            self.same([table.numpy() for table in answer], case.answer)
        small = torch.from_numpy(case.weight % 128)
        for dtype in (torch.bfloat16, torch.float16):
            for table, wanted in zip(case.plan(small.to(dtype)), case.plan(small)):
                self.assertTrue(torch.equal(table, wanted))
        needs_grad = torch.from_numpy(case.weight).float().requires_grad_()
        self.same([table.numpy() for table in case.plan(needs_grad)], case.answer)


class Keywords(unittest.TestCase):
    """What the call has beyond DeepSeek's."""

    def test_current_moves_few_replicas(self):
        before, after = loads(4, 64, 1), loads(4, 64, 2)
        first = eplb.rebalance_experts(before, 80, 1, 2, 8, planner="history")[0]
        fresh = eplb.rebalance_experts(after, 80, 1, 2, 8, planner="history")[0]
        for current in (first, first.astype(np.int32), eplb.Placement(first)):
            near = eplb.rebalance_experts(after, 80, 1, 2, 8, current=current)[0]
            self.assertLess((near != first).sum(), (fresh != first).sum())
        still = eplb.rebalance_experts(after, 80, 1, 2, 8, current=first, max_moves=0)[0]
        np.testing.assert_array_equal(still, first)

    def test_windows_come_before_weight(self):
        earlier, newest = np.stack([loads(2, 16, seed) for seed in range(3)]), loads(2, 16, 9)
        history = eplb.History(2, 16)
        for load in earlier:
            history.add(load)
        expected = eplb.plan(
            np.concatenate([earlier, newest[None]]), eplb.Topology(2, 4, 6), planner="history"
        ).tables()
        for windows in (earlier, history, eplb.Loads(earlier)):
            answer = eplb.rebalance_experts(newest, 24, 1, 2, 4, planner="history", windows=windows)
            for table, wanted in zip(answer, expected):
                np.testing.assert_array_equal(table, wanted)
        self.assertEqual(len(history), 3)
        alone = eplb.rebalance_experts(newest, 24, 1, 2, 4, planner="history", windows=eplb.History(2, 16))
        np.testing.assert_array_equal(alone[0], eplb.rebalance_experts(newest, 24, 1, 2, 4, planner="history")[0])

    def test_deepseek_refuses_a_current_placement(self):
        weight = loads(1, 8, 1)
        current = eplb.Placement.linear(1, 8, 12)
        refused(
            self,
            NotImplementedError,
            "always plans from scratch",
            eplb.rebalance_experts,
            weight,
            12,
            1,
            1,
            4,
            planner="deepseek",
            current=current,
        )

    def test_any_option_of_the_table_is_a_keyword(self):
        weight = loads(1, 8, 1)
        for option in eplb.list_options("plan"):
            if option.name in ("planner", "num_groups"):
                continue
            eplb.rebalance_experts(weight, 12, 1, 1, 4, **{option.name: option.default})
        refused(
            self,
            TypeError,
            "there is no option maxmoves; expected one of planner, ",
            eplb.rebalance_experts,
            weight,
            12,
            1,
            1,
            4,
            maxmoves=3,
        )
        refused(
            self,
            NotImplementedError,
            "max_moves is 3, which the deepseek planner cannot use",
            eplb.rebalance_experts,
            weight,
            12,
            1,
            1,
            4,
            max_moves=3,
        )
