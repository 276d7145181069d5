"""The story: observe → assess → decide → gate → act → verify → record, once per look.

Read in this order: `cycle.py`, then the stage files `observe.py assess.py decide.py act.py
verify.py record.py`. `ports.py` lists what the loop needs of the world, `fold.py` turns journal
entries into state. Imports the components, `safety` and `model`; effects only through ports.
"""
