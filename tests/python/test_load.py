# SPDX-License-Identifier: MIT
"""Finding and checking the library, introspection, python -m e3tp info: each in a process of its own."""

import ctypes.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import e3tp
from e3tp import _lib

root = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*arguments, package=root / "python", **settings):
    environment = {**os.environ, "PYTHONPATH": str(package), **settings}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


class Loading(unittest.TestCase):
    def refused(self, text, **settings):
        found = run("-c", "import e3tp", **settings)
        self.assertNotEqual(found.returncode, 0)
        self.assertRegex(found.stderr.splitlines()[-1], "ImportError: .*" + text)

    def test_missing_file(self):
        self.refused("could not be loaded", E3TP_LIBRARY="/nowhere/libe3tp.so")

    def test_another_library(self):
        self.refused("is not libe3tp", E3TP_LIBRARY=ctypes.util.find_library("c"))

    def fake(self, folder, source):
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        made = pathlib.Path(folder) / "libfake.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", made], input=source, text=True, check=True)
        return str(made)

    def test_another_abi(self):
        with tempfile.TemporaryDirectory() as folder:
            made = self.fake(folder, "unsigned e3tp_abi_version(void) { return 999; }")
            self.refused(f"has ABI 999, this package needs {_lib.ABI}", E3TP_LIBRARY=made)

    def test_an_older_library(self):
        with tempfile.TemporaryDirectory() as folder:
            made = self.fake(folder, f"unsigned e3tp_abi_version(void) {{ return {_lib.ABI}; }}")
            self.refused("has no function e3tp_version", E3TP_LIBRARY=made)

    def test_own_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            shutil.copytree(root / "python/e3tp", copy / "e3tp", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(_lib.path, copy / "e3tp/libe3tp.so")
            code = "import e3tp; from e3tp import _lib; print(_lib.path)"
            found = run("-c", code, package=copy, E3TP_LIBRARY=None)
            self.assertEqual(found.stdout.strip(), str((copy / "e3tp/libe3tp.so").resolve()), found.stderr)


class Introspection(unittest.TestCase):
    def test_versions(self):
        header = (root / "include/e3tp/version.h").read_text()
        major, minor, patch = e3tp.version().split(".")
        for name, value in (("MAJOR", major), ("MINOR", minor), ("PATCH", patch)):
            self.assertIn(f"E3TP_VERSION_{name} {value}\n", header)
        self.assertIn(f"E3TP_ABI_VERSION {_lib.ABI}\n", header)
        self.assertEqual(e3tp.abi_version(), _lib.ABI)

    def test_methods(self):
        self.assertIn("cg", e3tp.methods("gaunt"))
        self.assertIn("cg", e3tp.methods("tensor_product"))
        with self.assertRaisesRegex(ValueError, "kind"):
            e3tp.methods("mine")

    def test_info(self):
        found = run("-m", "e3tp", "info", E3TP_ISA="generic")
        self.assertEqual(found.returncode, 0, found.stderr)
        wanted = (f"e3tp {e3tp.version()}", "NumPy", "compiler", "generic (usable)", "methods of gaunt: cg", "E3TP_ISA")
        for word in wanted:
            self.assertIn(word, found.stdout)

    def test_info_usage(self):
        for arguments in ((), ("help",), ("info", "more")):
            found = run("-m", "e3tp", *arguments)
            self.assertEqual((found.returncode, found.stdout), (1, ""))
            self.assertIn("usage", found.stderr)

    def test_threads(self):
        def threads(**options):
            with e3tp.TensorProduct("1o", "1o", "0e", [(0, 0, 0, "uuu", False)], **options) as tp:
                return tp.describe().split("threads ")[1].split("\n")[0]

        self.addCleanup(e3tp.set_num_threads, 0)
        e3tp.set_num_threads(3)
        self.assertEqual((threads(), threads(threads=2)), ("3", "2"))
        for wrong in (-1, 2**40):
            with self.assertRaisesRegex(ValueError, "threads"):
                e3tp.set_num_threads(wrong)
        with self.assertRaises(TypeError):
            e3tp.set_num_threads(1.5)


if __name__ == "__main__":
    unittest.main()
