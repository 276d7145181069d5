"""Containers that use the network of another one (`network_mode: service:vpn`). Pure.

Flows in: the stack's containers, and which ids were replaced by which. Flows out: whose network
is lost, and blueprints that point to the successor. The kernel gives a container that starts anew a
new network; who borrowed the old one keeps it, cut off, until it starts anew itself. Who borrowed
from a container that was replaced cannot even start any more: it needs to be made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from everup.runtimes.docker.blueprint import Blueprint
from everup.runtimes.docker.containers import Container, section

BORROWS = "container:"


def lender_of(container: Container) -> str:
    """The id of the container whose network it uses; "" for one with a network of its own."""
    mode = str(section(container.document, "HostConfig").get("NetworkMode") or "")
    return mode.removeprefix(BORROWS) if mode.startswith(BORROWS) else ""


def successor(lender: str, moved: Mapping[str, str]) -> str:
    """Who has the place of this container now: itself, unless we replaced it, perhaps twice."""
    seen: set[str] = set()
    while lender in moved and lender not in seen:
        seen.add(lender)
        lender = moved[lender]
    return lender


def lost_networks(containers: Iterable[Container], moved: Mapping[str, str]) -> Mapping[str, str]:
    """Ids of running containers whose borrowed network is gone → why, for a person."""
    known = {container.id: container for container in containers}
    lost: dict[str, str] = {}
    for container in known.values():
        borrowed = lender_of(container)
        if not borrowed or not container.is_running:
            continue
        lender = known.get(successor(borrowed, moved))
        if lender is None or not lender.is_running:
            continue  # it is down, which explains everything
        if lender.id != borrowed:
            lost[container.id] = f"its network was that of a container which {lender.name} replaced"
        elif lender.started_at_s > container.started_at_s:
            lost[container.id] = f"its network went when {lender.name} was started anew"
    return lost


def pointed(plan: Blueprint, moved: Mapping[str, str]) -> Blueprint:
    """The same, on the network of whoever has the lender's place now."""
    mode = str(plan.host.get("NetworkMode") or "")
    if not mode.startswith(BORROWS):
        return plan
    now = successor(mode.removeprefix(BORROWS), moved)
    return replace(plan, host={**plan.host, "NetworkMode": BORROWS + now})
