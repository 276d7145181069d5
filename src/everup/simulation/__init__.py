"""Everup in a world of its own making: real components, gate, loop and journal on virtual time.

`virtual_loop` and `virtual_clock` are the time, `stacks` and `plans` draw a world and its troubles
from a seed, `runner` plays one run, `invariants` judge it by the world's truth alone. Repeat a run
with `python -m everup.simulation --class mixed --seed 4711`.
"""
