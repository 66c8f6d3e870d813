"""Other threads run while a plan is made, and threads that plan at once agree."""

import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import loads

import eplb


class Threads(unittest.TestCase):
    def test_eight_threads_plan_at_once_and_agree(self):
        topology, load = eplb.Topology(2, 8, 9), loads(8, 64, 3)
        current = eplb.Placement.linear(8, 64, 72)
        start = threading.Barrier(8)

        def work(number):
            start.wait()
            plans = [eplb.plan(load, topology, current, planner=p) for p in ("window", "history", "chain")]
            with self.assertRaises(eplb.ShapeError) as caught:
                eplb.plan(load, eplb.Topology(1, 1, number + 1))
            return plans, str(caught.exception)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(work, range(8)))
        for number, (plans, sentence) in enumerate(answers):
            self.assertEqual(plans, answers[0][0])
            self.assertTrue(sentence.startswith(f"{number + 1} slot"), sentence)

    def test_a_history_is_shared(self):
        history, topology = eplb.History(2, 32), eplb.Topology(1, 4, 10)
        history.add(loads(2, 32, 0))

        def work(seed):
            history.add(loads(2, 32, seed))
            return eplb.plan(history, topology).num_slots

        with ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(work, range(64))), {40})
        self.assertEqual(len(history), 16)

    def test_another_thread_runs_while_a_plan_is_made(self):
        topology, load = eplb.Topology(8, 64, 5), loads(58, 256, 4)
        began, ended = threading.Event(), threading.Event()

        def work():
            began.set()
            eplb.plan(load, topology, planner="window", effort="best")
            ended.set()

        thread = threading.Thread(target=work)
        thread.start()
        began.wait()
        turns = 0
        while not ended.wait(
            0.0002
        ):  # each turn takes the interpreter's lock, which a call that kept it would not give
            turns += 1
        thread.join()
        self.assertGreater(turns, 20)
