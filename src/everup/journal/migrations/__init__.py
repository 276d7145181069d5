"""The journal's schema as it grew, run by `everup.journal.schema` when a journal is opened.

A migration never imports `tables`: it says what was true when it was written.
"""
