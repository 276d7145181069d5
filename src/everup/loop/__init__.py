"""The story: observe → assess → decide → gate → act → verify → record, once per look.

Read in this order: `cycle.py`, then the stage files `observe.py assess.py decide.py act.py
verify.py record.py`; then `control.py`, the task that looks again and again. `ports.py` lists what
the loop needs of the world, `fold.py` turns journal entries into state.

What the stages lean on, by the question that each answers:

    what is seen         desk sampling readings answers busy busy_signs sighting history_ring sample
    what is remembered   remember fold threads clock_set_back
    what goes wrong      incidents episodes foresight foretold anomalies
    who asks for what    wishes desk_of_wishes owed_starts possible approvals
    what is done         perform last_words settle
    what is written      book waiting
    what fails of ours   mishaps
    who is told          rooms herald lane owed
    what is explained    explain why_not remedies report spans period control_views
    what is done at rest schedule upkeep

Imports the components, `safety` and `model`; effects only through ports. Imported by `app` and by
whatever implements a port.
"""
