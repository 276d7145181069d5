"""What Everup itself costs: `python -m benchmarks`, or `make bench`. Prints; asserts nothing."""
