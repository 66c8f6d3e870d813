"""The Balancer moves every byte right, and every rank gets the same exception."""

import contextlib
import io
import os
import re
import unittest

import numpy as np
import torch
import torch.distributed as dist

import eplb
import eplb.torch

RANK, RANKS = dist.get_rank(), dist.get_world_size()
LAYERS, SLOTS = 3, 6
EXPERTS = RANKS * 4
SHAPES = {"up": ((5, 7), torch.bfloat16), "down": ((33,), torch.int8), "scale": ((), torch.float64)}


def content(layer, expert, name):
    """The weights of an expert; zeros in an empty slot."""
    shape, dtype = SHAPES[name]
    if expert < 0:
        return torch.zeros(shape, dtype=dtype)
    numbers = torch.Generator().manual_seed(layer * 1000 + int(expert) * 10 + len(name))
    return torch.randint(-100, 100, shape, generator=numbers).to(dtype)


class Job:
    """A balancer with its weights. `group`: None, or one of which this rank is number `rank` of `ranks`."""

    def __init__(self, group=None, rank=RANK, ranks=RANKS, **options):
        self.rank, self.experts, self.rng = rank, ranks * 4, np.random.default_rng(7)
        self.balancer = eplb.torch.Balancer(group, LAYERS, self.experts, SLOTS, **options)
        self.weights = []
        for layer in range(LAYERS):
            tensors = {
                name: torch.stack([content(layer, expert, name) for expert in self.mine(layer)]) for name in SHAPES
            }
            self.balancer.register(layer, **tensors)
            self.weights.append(tensors)

    def mine(self, layer):
        return self.balancer.placement.physical_to_logical[layer, self.rank * SLOTS : (self.rank + 1) * SLOTS]

    def record(self):
        for layer in range(LAYERS):
            self.balancer.record(
                layer, torch.from_numpy(np.floor(self.rng.lognormal(5, 2, self.experts)).astype(np.int64))
            )

    def wrong(self):
        return [
            (layer, slot, name)
            for layer in range(LAYERS)
            for slot, expert in enumerate(self.mine(layer))
            for name in SHAPES
            if expert >= 0 and not torch.equal(self.weights[layer][name][slot], content(layer, expert, name))
        ]


class Case(unittest.TestCase):
    def same_everywhere(self, kind, call, *arguments, **options):
        """The call fails on every rank with the same sentence, which is returned."""
        with self.assertRaises(kind) as caught:
            call(*arguments, **options)
        said = [None] * RANKS
        dist.all_gather_object(said, (type(caught.exception).__name__, str(caught.exception)))
        self.assertEqual(len(set(said)), 1, said)
        self.assertNotIn("\n", said[0][1])
        return said[0][1]


class Weights(Case):
    def rounds(self, job, count=4):
        changed = 0
        for _ in range(count):
            job.record()
            report = job.balancer.rebalance()
            changed += report.slots_changed
            self.assertEqual(job.wrong(), [])
            self.assertEqual(sum(report.transfers), report.slots_changed)
            self.assertEqual(sum(report.bytes), report.slots_changed * (70 + 33 + 8))
        self.assertGreater(changed, 0)

    def test_a_hundred_rounds_hold_what_the_maps_say(self):
        stages = []
        job = Job(verify="always", topology=eplb.Topology(2, RANKS, SLOTS))
        run = job.balancer._run_stage
        job.balancer._run_stage = lambda layer, tensors, part, rows: (
            stages.extend(rows["stage"]),
            run(layer, tensors, part, rows),
        )
        self.rounds(job, 100)
        seen = [None] * RANKS
        dist.all_gather_object(seen, max(stages, default=0))
        self.assertGreater(max(seen), 0)

    def test_every_planner(self):
        for planner in ("deepseek", "window", "history", "chain"):
            self.rounds(Job(planner=planner), 2)

    def test_a_limit_of_staging(self):
        job = Job(staging_bytes=2 * (70 + 33 + 8))
        parts = []
        move = job.balancer._move
        job.balancer._move = lambda layer, row, size: (parts.append(layer), move(layer, row, size))
        self.rounds(job)
        self.assertGreater(len(parts), len(set(parts)))

    def test_a_subgroup(self):
        groups = [dist.new_group([rank for rank in range(RANKS) if rank % 2 == half]) for half in (0, 1)]
        self.rounds(Job(groups[RANK % 2], RANK // 2, RANKS // 2))

    def test_layer_by_layer_and_left_early(self):
        job = Job()
        job.record()
        for layer in job.balancer.rebalance_iter():
            break
        self.assertEqual((layer, job.wrong()), (0, []))
        linear = eplb.Placement.linear(LAYERS, EXPERTS, SLOTS * RANKS).physical_to_logical
        np.testing.assert_array_equal(job.balancer.placement.physical_to_logical[1:], linear[1:])
        self.assertFalse(any(job.balancer.is_moving(number) for number in range(LAYERS)))
        self.rounds(job)

    def test_before_each_forward_pass(self):
        job = Job()
        job.record()
        job.balancer.begin()
        for layer in (2, 0, 1, 2):
            job.balancer.finish_layer(layer)
            self.assertEqual(job.wrong(), [])
        report = job.balancer.end()
        self.assertEqual((report.layers_committed, report.verified), (LAYERS, True))

    def test_a_trigger_says_why(self):
        lines = []
        trigger = eplb.Trigger(eplb.Payback(seconds_per_load=1e-12, expert_bytes=1e15))
        job = Job(trigger=trigger, log=lines.append)
        job.record()
        report = job.balancer.rebalance()
        self.assertEqual((report.slots_changed, bool(report.reason), len(lines)), (0, True, int(RANK == 0)))


class Failures(Case):
    def test_each_step_fails_on_one_rank(self):
        job = Job(verify="always")

        def fail_at(which):
            def fault(step):
                if step == which:
                    raise eplb.CorruptError(f"injected at {step}")

            return fault

        for step in ("reduce", "plan", "derive", "stage", "arrive"):
            for rank in range(RANKS):
                job.record()
                job.balancer._fault = fail_at(step) if RANK == rank else lambda step: None
                before = job.balancer.placement.physical_to_logical.copy()
                said = self.same_everywhere(eplb.CorruptError, job.balancer.rebalance)
                self.assertEqual(said, f"rank {rank}: injected at {step}")
                self.assertEqual(job.wrong(), [])
                np.testing.assert_array_equal(job.balancer.placement.physical_to_logical, before)
        job.balancer._fault = lambda step: None
        job.record()
        self.assertGreater(job.balancer.rebalance().slots_changed, 0)
        self.assertEqual(job.wrong(), [])

    def test_what_is_no_error_of_the_package_is_told_too(self):
        job = Job()
        job.record()
        for failure, kind, text in (
            (MemoryError(), eplb.OutOfMemoryError, "rank 1: stage: MemoryError"),
            (RuntimeError("not enough memory: you tried"), MemoryError, "rank 1: stage: not enough memory: you tried"),
            (KeyError("x"), eplb.InternalError, "rank 1: stage: 'x'"),
        ):

            def fault(step, failure=failure):
                if step == "stage" and RANK == 1:
                    raise failure

            job.balancer._fault = fault
            self.assertEqual(self.same_everywhere(kind, job.balancer.rebalance), text)
            self.assertEqual(job.wrong(), [])
            job.record()

    def test_bytes_that_change_on_the_way(self):
        job = Job()
        job.record()
        compare = job.balancer._compare

        def damaged(layer, part):
            if RANK == 1 and part.buffers:
                next(iter(part.buffers.values()))[3] += 1
            compare(layer, part)

        job.balancer._compare = damaged
        said = self.same_everywhere(eplb.CorruptError, job.balancer.rebalance)
        self.assertRegex(said, r"^rank 1: layer 0, expert \d+ arrived from rank \d+ in slot \d+ with another checksum")
        self.assertEqual(job.wrong(), [])

    def test_memory_that_changed(self):
        job = Job()
        job.record()
        if RANK == RANKS - 1:
            job.weights[1]["down"].data = torch.zeros(SLOTS, 33, dtype=torch.int8)
        said = self.same_everywhere(eplb.ChangedError, job.balancer.begin)
        self.assertIn(f"rank {RANKS - 1}: layer 1, tensor down was [6, 33] of int8", said)

    def test_ranks_that_differ(self):
        options = {"planner": "window"} if RANK == 0 else {"planner": "chain"}
        self.assertIn("rank 1 gave", self.same_everywhere(eplb.MismatchError, Job, **options))
        job = Job()
        job.record()
        job.balancer.begin()
        said = self.same_everywhere(eplb.MismatchError, job.balancer.finish_layer, 0 if RANK else 1)
        self.assertEqual(said, "rank 1 gave layer 0 in step stage and rank 0 layer 1 in step stage; expected the same")
        job.balancer.end()
        if RANK == 0:
            job.balancer.unregister(2, "up")
        self.assertIn("up", self.same_everywhere(eplb.MismatchError, job.balancer.begin))

    def test_states_and_arguments(self):
        job = Job()
        self.same_everywhere(eplb.StateError, job.balancer.end)
        self.same_everywhere(ValueError, job.balancer.finish_layer, LAYERS)
        self.same_everywhere(ValueError, job.balancer.register, 0, more=torch.zeros(2, 3))
        self.same_everywhere(ValueError, job.balancer.register, 0, more=torch.zeros(3, SLOTS).t())
        self.same_everywhere(TypeError, job.balancer.register, 0, more=[1])
        self.same_everywhere(NotImplementedError, job.balancer.register, 0, more=torch.zeros(SLOTS, device="meta"))
        self.same_everywhere(ValueError, job.balancer.record, 0, torch.full((EXPERTS,), -1))
        self.same_everywhere(TypeError, job.balancer.record, 0, torch.ones(EXPERTS))
        job.balancer.unregister(1)
        self.assertIn("layer 1 has no tensor", self.same_everywhere(eplb.StateError, job.balancer.rebalance))
        for options in (
            {"planner": "none"},
            {"history": 17},
            {"verify": "sometimes"},
            {"topology": eplb.Topology(1, 1, 60)},
        ):
            self.same_everywhere(ValueError, Job, **options)
        self.same_everywhere(TypeError, Job, balanced=3)


class Docs(Case):
    def test_the_snippet_of_the_page_runs(self):
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "python.md")
        with open(page) as file:
            snippet = re.search(r"^```python torch\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE).group(1)
        begin, end = dist.init_process_group, dist.destroy_process_group
        dist.init_process_group = dist.destroy_process_group = lambda *arguments: None  # these tests have theirs
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(snippet, "docs/python.md", "exec"), {})
        finally:
            dist.init_process_group, dist.destroy_process_group = begin, end
        self.assertEqual(said.getvalue().count("slots changed"), 3 if RANK == 0 else 0)
