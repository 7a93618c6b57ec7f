# SPDX-License-Identifier: Apache-2.0
"""Equations solved, a simplification and a factorization with sympy."""

import sympy

x, y, z = sympy.symbols("x y z")
print(sympy.solve([x**2 + y**2 - 25, x - y - 1], [x, y]))
print(sympy.solve(x**4 - 10 * x**2 + 9, x))
print(sympy.solve([x + y + z - 6, 2 * x - y + z - 3, x + 3 * y - z - 4], [x, y, z]))
print(sympy.simplify((sympy.sin(x)**2 + sympy.cos(x)**2) * (x**2 - 1) / (x - 1)))
print(sympy.factor(sympy.expand((x + y)**6 * (x - z)**3)))
