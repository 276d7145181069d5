"""Runtimes: each folder implements `loop.ports.Runtime` for one kind of world.

A runtime is a module with `MANIFEST` and `create`, and none imports another.
"""
