"""The words: frozen dataclasses and enums that every other package speaks.

Lives here: the stack as declared, the observation as seen, what assess, decide, the gate and verify
return, the journal's entries and the state they fold into. Standard library and numpy only; no I/O,
no clock, no randomness. Everyone may import it; it imports nothing of Everup.

Unknown is a value: NaN for numbers (`UNKNOWN`), `None` for things, never zero, never "unhealthy".
"""
