"""Runs the tests of this folder in processes of torch.distributed (gloo) and prints TAP: python3 tap_torch.py RANKS"""

import os
import subprocess
import sys
import tempfile
import traceback
import unittest

import torch
import torch.distributed as dist

HERE = os.path.dirname(os.path.abspath(__file__))


class GroupResult(unittest.TestResult):
    """A test is good if it is on every rank."""

    def startTest(self, test):
        super().startTest(test)
        self.said = None

    def addSkip(self, test, reason):
        self.said = f" # SKIP {reason}"

    def addFailure(self, test, error):
        self.said = (self.said or "") + "".join(traceback.format_exception(*error))

    addError = addFailure

    def stopTest(self, test):
        said = [None] * dist.get_world_size()
        dist.all_gather_object(said, self.said)
        bad = [(rank, text) for rank, text in enumerate(said) if text and not text.startswith(" # SKIP")]
        self.failures += bad
        if dist.get_rank() == 0:
            name = test.id().split(".", 1)[-1].replace(".test_", ": ").replace("_", " ")
            print(f"{'not ok' if bad else 'ok'} - {name}, {len(said)} ranks{said[0] or '' if not bad else ''}")
            for rank, text in bad:
                print("\n".join(f"# rank {rank}: {line}" for line in text.splitlines()))
            sys.stdout.flush()


def run(rank, ranks, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    sys.path.insert(0, HERE)
    result = GroupResult()
    unittest.TestLoader().discover(HERE).run(result)
    dist.barrier()
    if rank == 0:
        print(f"# cases: {result.testsRun}")
    dist.destroy_process_group()
    return 1 if result.failures else 0


def main():
    if len(sys.argv) == 4:
        return run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    ranks = sys.argv[1]
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            subprocess.Popen([sys.executable, __file__, str(rank), ranks, os.path.join(folder, "store")])
            for rank in range(int(ranks))
        ]
        return max(job.wait() != 0 for job in jobs)


if __name__ == "__main__":
    sys.exit(main())
