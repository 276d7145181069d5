"""What Everup itself costs: `python -m benchmarks`, or `make bench`. Prints; asserts nothing.

What it heals, and how fast beside others, is `python -m benchmarks.recovery`.
"""
