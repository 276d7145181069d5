"""Everup: a self-healing control plane for container stacks.

The packages are named after the flow: observe, assess, decide, gate, act, verify, record. Start
with `everup.loop.cycle`, which tells the whole story; `everup.model` holds the words it is told
in.
"""

__version__ = "0.1.0.dev0"
