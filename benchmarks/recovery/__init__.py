"""How fast, and how rightly, healers of containers heal: `python -m benchmarks.recovery`.

Faults on real containers, side by side for every healer, and what looks sick and is not, in which
any action is wrong. Flows in: a Docker engine and the images of `scripts/engine images`. Flows out:
JSON, Markdown and a plot. Used by people and by one short test; nothing of the product imports it.
"""
