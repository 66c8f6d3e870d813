"""The snippets of docs/python.md run as they stand, one after the other."""

import contextlib
import io
import os
import re
import tempfile
import unittest

from support import DATA


class Docs(unittest.TestCase):
    def test_snippets_run(self):
        with open(os.path.join(DATA, "..", "docs", "python.md")) as file:
            text = file.read()
        found = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
        self.assertGreater(len(found), 3)
        names, here = {}, os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                for snippet in found:
                    line = text.count("\n", 0, snippet.start(1))
                    code = compile("\n" * line + snippet.group(1), "docs/python.md", "exec")
                    with contextlib.redirect_stdout(io.StringIO()) as said:
                        exec(code, names)
                    self.assertNotIn("nan", said.getvalue())
            finally:
                os.chdir(here)
