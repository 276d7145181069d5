"""A service that carries a bounded load, scaled by itself while that load rises and falls.

Real processes or containers, a real HAProxy before each side, a generator in C, and a plain rule
of 70 % under the same load at the same time. `python -m benchmarks.scaling_live` runs it.
"""
