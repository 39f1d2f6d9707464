# SPDX-License-Identifier: MIT
"""The README's Python example runs, and its C example is the one that the tests build."""

import pathlib
import re
import unittest

root = pathlib.Path(__file__).resolve().parent.parent.parent
text = (root / "README.md").read_text()


class Readme(unittest.TestCase):
    def test_python(self):
        names = {}
        exec(re.search(r"```python\n(.*?)```", text, re.S)[1], names)
        self.assertEqual(names["z"].shape, (10, 32))

    def test_c(self):
        self.assertIn((root / "examples/01_forward.c").read_text().rstrip(), text)


if __name__ == "__main__":
    unittest.main()
