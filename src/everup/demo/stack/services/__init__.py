"""One module per service, each with a ``BEHAVIOUR``. Only the one that runs is imported.

``postgres`` and ``redis`` are missing since the real ones run.
"""
