"""How many instances a demand needs: Everup's own decisions beside the usual autoscaler's.

`python -m benchmarks.scaling --traces DIR --json OUT [--counts OUT] [--plots DIR]`. `traces` reads
or makes demand, `world` plays it against a policy, `policies` holds the peers and an oracle, `ours`
calls the product's decision code, `report` prints, `plot` draws.
"""
