"""The session moves every byte right, and every rank gets the same exception."""

import contextlib
import gc
import io
import os
import re
import unittest
import warnings

import numpy as np
from mpi4py import MPI

import eplb
import eplb.mpi

try:
    if not os.environ.get("TEST_WITH_TORCH", "1"):
        raise ImportError
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

COMM = MPI.COMM_WORLD
LAYERS, EXPERTS, SLOTS = 3, 4 * COMM.size, 6
SHAPES = {"up": ((5, 7), np.float32), "down": ((33,), np.int16)}


def content(layer, expert, name):
    """The weights of an expert; zeros in an empty slot."""
    shape, dtype = SHAPES[name]
    if expert < 0:
        return np.zeros(shape, dtype)
    return np.random.default_rng([layer, expert, len(name)]).integers(-1000, 1000, shape).astype(dtype)


class Job:
    """A session with its weights."""

    def __init__(self, make=np.asarray, **options):
        self.session = eplb.mpi.Session(COMM, LAYERS, EXPERTS, SLOTS, **options)
        self.weights, self.rng = [], np.random.default_rng(5)
        for layer in range(LAYERS):
            rows = self.mine(self.session.placement, layer)
            tensors = {name: make(np.stack([content(layer, expert, name) for expert in rows])) for name in SHAPES}
            self.session.register(layer, **tensors)
            self.weights.append(tensors)

    @staticmethod
    def mine(placement, layer):
        return placement.physical_to_logical[layer, COMM.rank * SLOTS : (COMM.rank + 1) * SLOTS]

    def record(self):
        """Different loads in each round, the same on all ranks."""
        for layer in range(LAYERS):
            self.session.record(layer, np.floor(self.rng.lognormal(5, 2, EXPERTS)).astype(np.int64))

    def wrong(self, layers=range(LAYERS)):
        """Slots of this rank that do not hold what the maps say."""
        return [
            (layer, slot, name)
            for layer in layers
            for slot, expert in enumerate(self.mine(self.session.placement, layer))
            for name in SHAPES
            if expert >= 0
            and not np.array_equal(np.asarray(self.weights[layer][name][slot]), content(layer, expert, name))
        ]


class Case(unittest.TestCase):
    def moved(self, slots):
        """Something moved, where there is where to."""
        self.assertEqual(slots > 0, COMM.size > 1)

    def job(self, *arguments, **options):
        job = Job(*arguments, **options)
        self.addCleanup(job.session.close)
        return job

    def same_everywhere(self, kind, call, *arguments, **options):
        """The call fails on every rank with the same sentence, which is returned."""
        with self.assertRaises(kind) as caught:
            call(*arguments, **options)
        said = COMM.allgather((type(caught.exception).__name__, str(caught.exception)))
        self.assertEqual(len(set(said)), 1, said)
        self.assertNotIn("\n", said[0][1])
        return said[0][1]


class Weights(Case):
    def rounds(self, job):
        changed = 0
        for _ in range(3):
            job.record()
            report = job.session.rebalance()
            changed += report.slots_changed
            self.assertEqual(job.wrong(), [])
            self.assertGreaterEqual(report.balancedness_after, report.balancedness_before)
            self.assertEqual(sum(report.transfers), report.slots_changed)
        self.moved(changed)

    def test_arrays_hold_what_the_maps_say(self):
        self.rounds(self.job(planner="history"))

    def test_rows_may_be_far_apart(self):
        def wide(array):
            room = np.zeros((array.shape[0], 2 + array[0].size), array.dtype)
            room[:, 1:-1] = array.reshape(array.shape[0], -1)
            rows = room[:, 1:-1]
            return np.lib.stride_tricks.as_strided(rows, array.shape, (room.strides[0], *array.strides[1:]))

        self.rounds(self.job(wide, mode="in-place"))

    @unittest.skipIf(torch is None, "without torch")
    def test_tensors_hold_what_the_maps_say(self):
        self.rounds(self.job(torch.from_numpy, planner="chain", verify="always"))

    @unittest.skipIf(COMM.size == 1, "nothing moves in a world of one")
    def test_layer_by_layer(self):
        job = self.job()
        job.record()
        named = []
        for layer in job.session.rebalance_iter():
            self.assertFalse(job.session.is_moving(layer))
            self.assertEqual(job.wrong(), [])
            named.append(layer)
        self.assertEqual(named, list(range(LAYERS)))
        self.assertEqual(job.session.report.layers_committed, LAYERS)

    @unittest.skipIf(COMM.size == 1, "nothing moves in a world of one")
    def test_before_each_forward_pass(self):
        job = self.job()
        job.record()
        job.session.begin()
        for layer in (2, 0, 1):
            job.session.finish_layer(layer)
            self.assertEqual(job.wrong(), [])
        self.assertEqual(job.session.end().layers_committed, LAYERS)

    @unittest.skipIf(COMM.size == 1, "nothing moves in a world of one")
    def test_who_leaves_the_loop_ends_the_rebalance(self):
        job = self.job()
        job.record()
        for layer in job.session.rebalance_iter():
            break
        self.assertEqual(layer, 0)
        self.assertFalse(any(job.session.is_moving(number) for number in range(LAYERS)))
        self.assertEqual(job.wrong(), [])
        linear = eplb.Placement.linear(LAYERS, EXPERTS, SLOTS * COMM.size).physical_to_logical
        np.testing.assert_array_equal(job.session.placement.physical_to_logical[1:], linear[1:])
        self.rounds(job)

    @unittest.skipIf(COMM.size == 1, "nothing moves in a world of one")
    def test_an_exception_in_the_loop_ends_the_rebalance(self):
        job = self.job()
        job.record()
        with self.assertRaises(KeyError):
            for _ in job.session.rebalance_iter():
                raise KeyError
        self.rounds(job)

    def test_an_initial_placement_and_a_topology(self):
        topology = eplb.Topology(1, COMM.size, SLOTS)
        initial = eplb.plan(np.arange(1, 1 + LAYERS * EXPERTS).reshape(LAYERS, EXPERTS), topology)
        job = self.job(initial=initial, topology=topology)
        self.assertEqual(job.session.placement, initial)
        self.rounds(job)

    def test_a_trigger_says_why(self):
        lines = []
        job = self.job(trigger=eplb.Trigger(eplb.Payback(seconds_per_load=1e-12)), log=lines.append)
        job.record()
        report = job.session.rebalance()
        self.assertEqual(report.slots_changed, 0)
        self.assertEqual((len(lines), bool(report.reason)), (1, True) if COMM.rank == 0 else (0, False), lines)


class Lifetimes(Case):
    def test_memory_that_changed_is_told_on_every_rank(self):
        job = self.job()
        job.record()
        array = job.weights[1]["up"]
        if COMM.rank == COMM.size - 1:
            array.dtype = np.int32
        said = self.same_everywhere(eplb.ChangedError, job.session.rebalance)
        self.assertIn("layer 1, tensor up was [6, 5, 7] of float32 ", said)
        self.assertEqual(said.startswith(f"rank {COMM.size - 1}: "), COMM.size > 1)
        array.dtype = np.float32
        self.moved(job.session.rebalance().slots_changed)
        self.assertEqual(job.wrong(), [])

    @unittest.skipIf(torch is None, "without torch")
    def test_a_tensor_with_new_data(self):
        job = self.job(torch.from_numpy)
        job.record()
        if COMM.rank == 0:
            job.weights[2]["down"].data = torch.zeros(6, 33, dtype=torch.int16)
        said = self.same_everywhere(eplb.ChangedError, job.session.begin)
        self.assertIn("layer 2, tensor down was [6, 33] of int16 with strides [66, 2] at 0x", said)
        job.session.unregister(2, "down")
        job.session.register(2, down=job.weights[2]["down"])
        job.session.rebalance()

    def test_arrays_are_kept_alive(self):
        job = self.job()
        job.record()
        for tensors in job.weights:
            tensors.clear()
        gc.collect()
        junk = [np.full((6, 5, 7), 7.0, np.float32) for _ in range(100)]
        self.moved(job.session.rebalance().slots_changed)
        self.assertTrue(all((array == 7).all() for array in junk))

    def test_a_session_that_is_not_closed_is_told(self):
        session = eplb.mpi.Session(COMM, 1, 4, 4 * 2)
        keep = session._session
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if COMM.rank == 0:  # alone: nothing here waits for the others
                del session
                gc.collect()
        self.assertEqual([w.category for w in caught], [ResourceWarning] if COMM.rank == 0 else [])
        if COMM.rank == 0:
            session = eplb.mpi.Session.__new__(eplb.mpi.Session)
            session.__dict__.update(_session=keep, _is_open=False, _tensors={})
        session.close()

    def test_a_closed_session(self):
        job = Job()
        job.session.close()
        job.session.close()
        for call in (job.session.rebalance, job.session.begin, lambda: job.session.record(0, np.zeros(EXPERTS, int))):
            self.assertIn("the session is closed", self.same_everywhere(eplb.StateError, call))


class Refusals(Case):
    def session(self, **options):
        return eplb.mpi.Session(COMM, LAYERS, EXPERTS, SLOTS, **options)

    def test_options(self):
        for options, kind, text in (
            ({"planner": "none"}, ValueError, 'planner is "none"'),
            ({"history": 17}, ValueError, "history"),
            ({"balanced": 1}, TypeError, "there is no option balanced"),
            ({"topology": 4}, TypeError, "topology is a int"),
            ({"initial": np.zeros(3, int)}, ValueError, "initial has shape [3]"),
            ({"trigger": 4}, TypeError, "trigger is a int"),
        ):
            self.assertIn(text, self.same_everywhere(kind, self.session, **options))

    def test_one_rank_is_wrong(self):
        options = {"planner": "none"} if COMM.rank == COMM.size - 1 else {}
        self.same_everywhere(eplb.EplbError, self.session, **options)

    def test_communicators(self):
        for comm in (MPI.COMM_NULL, 3, None):
            self.assertRaises(TypeError, eplb.mpi.Session, comm, 1, 4, 8)

    def test_tensors(self):
        session = self.session()
        self.addCleanup(session.close)
        good = np.zeros((SLOTS, 8))
        frozen = good.copy()
        frozen.flags.writeable = False
        for tensor, kind, text in (
            (good.tolist(), TypeError, "is a list"),
            (good[1:], ValueError, "expected [6, ...]"),
            (frozen, ValueError, "is read-only"),
            (np.zeros((8, SLOTS)).T, ValueError, "contiguous rows"),
            (np.broadcast_to(good[0], good.shape), ValueError, "is read-only"),
            (good.astype(object), TypeError, "dtype object"),
            (np.float64(3), TypeError, "is a float64"),
        ):
            self.assertIn(text, self.same_everywhere(kind, session.register, 0, up=tensor))
        self.same_everywhere(ValueError, session.register, LAYERS, up=good)
        self.same_everywhere(TypeError, session.register, "0", up=good)
        session.register(0, up=good)
        self.same_everywhere(eplb.StateError, session.register, 0, up=np.zeros((SLOTS, 8)))
        self.same_everywhere(eplb.StateError, session.rebalance)

    def test_counts(self):
        session = self.session()
        self.addCleanup(session.close)
        for counts, kind, text in (
            (np.ones(EXPERTS), TypeError, "dtype float64"),
            (np.ones(3, int), ValueError, "shape [3]"),
            ([1] * EXPERTS, TypeError, "is a list"),
            (-np.ones(EXPERTS, int), ValueError, "-1"),
        ):
            self.assertIn(text, self.same_everywhere(kind, session.record, 0, counts))

    @unittest.skipIf(COMM.size > 1, "for a world of one")
    def test_a_job_of_torchrun(self):
        os.environ["WORLD_SIZE"] = "4"
        self.addCleanup(os.environ.pop, "WORLD_SIZE")
        self.assertIn("torchrun starts no MPI job", self.same_everywhere(eplb.UnsupportedError, self.session))


class Docs(Case):
    def test_the_snippet_of_the_page_runs(self):
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "python.md")
        with open(page) as file:
            snippet = re.search(r"^```python mpi\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE).group(1)
        names = {}
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(compile(snippet, "docs/python.md", "exec"), names)
        self.assertEqual(said.getvalue().count("slots changed"), 3 if COMM.rank == 0 else 0)
        for rows in names["weights"]:
            self.assertTrue((rows == rows[:, :1, :1]).all())  # each slot holds one expert's number
