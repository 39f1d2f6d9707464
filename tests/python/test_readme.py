# SPDX-License-Identifier: MIT
"""The README's Python example runs, and its C example is the one that the tests build."""

import contextlib
import io
import pathlib
import re
import unittest

root = pathlib.Path(__file__).resolve().parent.parent.parent
text = (root / "README.md").read_text()


class Readme(unittest.TestCase):
    def test_python(self):
        names, printed = {}, io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(re.search(r"```python\n(.*?)```", text, re.S)[1], names)
        shape = (10, names["tp"].irreps_out.dim)
        self.assertEqual((names["z"].shape, names["gx"].shape), (shape, (10, 32)))
        self.assertIn(f"{shape} (10, 81)", printed.getvalue())

    def test_c(self):
        self.assertIn((root / "examples/01_forward.c").read_text().rstrip(), text)


if __name__ == "__main__":
    unittest.main()
