"""Runtimes: each folder implements `loop.ports.Runtime` for one kind of world.

A runtime is a module with `MANIFEST` and `create`, and none imports another. What several need
stands beside them: `broadcast.py` (events to many watchers), `files.py` (small files, whole or not
at all), `hook_http.py` (an owner's HTTP call), `together.py` (many instances at once).
"""
