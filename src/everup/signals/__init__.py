"""Senses: they ask and read, and never change what they look at.

`probes` implements `loop.ports.Prober`; `host` composes `accounting` and `canaries` into
`loop.ports.HostSense`. What our own trouble keeps us from seeing is unknown, never a failure.
"""
