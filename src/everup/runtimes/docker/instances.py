"""A container as the loop sees it: an `Instance`. Pure.

Flows in: the parsed container, what accounting says of it, and what we know of how it ended. Flows
out: an Instance with its owner's check folded into a reading of its own.
"""

from __future__ import annotations

from everup.model.kinds import UNKNOWN, InstanceState
from everup.model.observation import Exit, Instance
from everup.runtimes.docker.containers import Container, code_of, section


def instance_of(container: Container, *, was_witnessed: bool) -> Instance:
    """What the engine says of it. `was_witnessed`: did we see it end?"""
    return Instance(
        service=container.service,
        name=container.name,
        identity=container.identity,
        state=container.state,
        started_at_s=container.started_at_s,
        port=_published(container),
        exit=exit_of(container, was_witnessed) if _has_ended(container) else None,
        memory_limit_bytes=container.memory_limit_bytes,
    )


def exit_of(container: Container, was_witnessed: bool) -> Exit:
    """Its latest death."""
    at_s, began_s = container.finished_at_s, container.started_at_s
    ran_s = at_s - began_s
    return Exit(
        at_s=at_s,
        code=code_of(container.exit_code),
        is_out_of_memory=container.is_out_of_memory,
        was_witnessed=was_witnessed,
        ran_s=ran_s if ran_s >= 0 else UNKNOWN,
        instance=container.name,
    )


def _has_ended(container: Container) -> bool:
    return container.state in (InstanceState.EXITED, InstanceState.RESTARTING)


def _published(container: Container) -> int | None:
    """The first port of this host that leads to it, if any."""
    ports = section(section(container.document, "NetworkSettings"), "Ports")
    for inside in sorted(ports):
        for binding in ports[inside] or ():
            try:
                return int(binding["HostPort"])
            except (KeyError, TypeError, ValueError):
                continue
    return None
