"""Runs the tests of this folder, or the files that are named, and prints TAP: python3 tap.py [test_NAME.py ...]"""

import os
import sys
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class TapResult(unittest.TestResult):
    """A line for each test; what failed is a comment below it."""

    def say(self, test, good, detail="", suffix=""):
        name = test.id().split(".", 1)[-1].replace(".test_", ": ").replace("_", " ")
        print(f"{'ok' if good else 'not ok'} {self.testsRun} - {name}{suffix}")
        for line in detail.splitlines():
            print(f"# {line}")
        sys.stdout.flush()

    def addSuccess(self, test):
        self.say(test, True)

    def addSkip(self, test, reason):
        self.say(test, True, suffix=f" # SKIP {reason}")

    def addFailure(self, test, error):
        self.failures.append(test)
        self.say(test, False, "".join(traceback.format_exception(*error)))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None and test not in self.failures:  # one line for each test, whatever it is made of
            self.failures.append(test)
            self.say(test, False, f"{subtest}\n" + "".join(traceback.format_exception(*error)))


def main():
    sys.path.insert(0, HERE)
    names = [os.path.basename(name) for name in sys.argv[1:]] or sorted(
        name for name in os.listdir(HERE) if name.startswith("test_") and name.endswith(".py")
    )
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromName(name[: -len(".py")]) for name in names)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.testsRun}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
