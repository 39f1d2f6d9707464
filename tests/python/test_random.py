# SPDX-License-Identifier: MIT
"""Random problems, each made by its number alone, their arrays anywhere in memory and results where nothing is yet.

E3TP_RANDOM=<first>:<count> takes other numbers than every run does: a search for what nobody thought of.
"""

import os
import unittest

import e3tp
from random_made import Made
from random_products import Draw, any_product, channelwise, with_harmonics
from random_rows import Convolved, FromVectors, Product
from random_signals import Power, Signal

FIRST, COUNT = (int(n) for n in os.environ.get("E3TP_RANDOM", "0:60").split(":"))


class Random(unittest.TestCase):
    def each(self, kind, make):
        served = 0
        for number in range(FIRST, FIRST + COUNT):
            draw = Draw([kind, number])
            try:
                problem = make(draw)
            except e3tp.Unsupported:
                continue
            served += 1
            with self.subTest(number=number, problem=str(problem)):
                problem.run()
        self.assertGreater(served, 0.5 * COUNT)

    def test_products(self):
        self.each(1, lambda draw: Product(draw, any_product(draw)))

    def test_convolutions(self):
        self.each(2, lambda draw: Convolved(draw, channelwise(draw) if draw.chance(0.8) else any_product(draw)))

    def test_convolutions_of_vectors(self):
        self.each(4, lambda draw: FromVectors(draw, *with_harmonics(draw)))

    def test_made_weights(self):
        self.each(5, lambda draw: Made(draw, *with_harmonics(draw)))

    def test_signals(self):
        self.each(3, Signal)

    def test_powers(self):
        self.each(6, Power)


if __name__ == "__main__":
    unittest.main()
