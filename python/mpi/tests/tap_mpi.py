"""Runs the tests of this folder on every rank and prints TAP on rank 0: mpirun -n 2 python3 -m mpi4py tap_mpi.py"""

import os
import sys
import traceback
import unittest

from mpi4py import MPI

HERE = os.path.dirname(os.path.abspath(__file__))
COMM = MPI.COMM_WORLD


class MpiResult(unittest.TestResult):
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
        said = COMM.gather(self.said)
        if COMM.rank == 0:
            bad = [(rank, text) for rank, text in enumerate(said) if text and not text.startswith(" # SKIP")]
            name = test.id().split(".", 1)[-1].replace(".test_", ": ").replace("_", " ")
            print(f"{'not ok' if bad else 'ok'} - {name}, {COMM.size} ranks{said[0] or '' if not bad else ''}")
            for rank, text in bad:
                print("\n".join(f"# rank {rank}: {line}" for line in text.splitlines()))
                self.failures.append(test)
            sys.stdout.flush()


def main():
    sys.path.insert(0, HERE)
    result = MpiResult()
    unittest.TestLoader().discover(HERE).run(result)
    if COMM.rank == 0:
        print(f"# cases: {result.testsRun}")
    return COMM.bcast(1 if result.failures else 0)


if __name__ == "__main__":
    sys.exit(main())
