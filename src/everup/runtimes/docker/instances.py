"""A container as the loop sees it: an `Instance`. Pure.

Flows in: the parsed container, what accounting says of it, and what we know of how it ended. Flows
out: an Instance, with the latest answer of its owner's own check.
"""

from __future__ import annotations

import re
from itertools import takewhile

from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict
from everup.model.observation import Exit, Heard, Instance, ProbeResult
from everup.model.resources import NOT_MEASURED, Resources
from everup.runtimes.docker.accounting import Usage
from everup.runtimes.docker.borrowed import lender_of
from everup.runtimes.docker.containers import (
    Answer,
    Container,
    OwnersCheck,
    code_of,
    cpus_of,
    section,
)

TIMED_OUT = -1  # the code that the engine gives a check which it had to end
DETAIL_CHARS_MOST = 300
START_NOTED_WITHIN_S = 1.0
"""The engine notes a start when its call is over: what ends at once has ended before that."""
_ERROR = r"(?!503)[45]\d\d\b"
"""503 is what servers say that are still loading: it takes what their process does to tell."""
_ANSWERED = re.compile(
    rf"returned error: {_ERROR}"  # curl --fail
    rf"|server returned error: HTTP/\S+ {_ERROR}|\bERROR {_ERROR}"  # both kinds of wget
    rf"|\bHTTP(?:/\d(?:\.\d)?| Error| status(?: code)?:?) {_ERROR}",  # others
    re.IGNORECASE,
)
"""How a check says that the service answered, with an error: it is up, and says no itself."""


NOTHING_MEASURED = Usage()


def instance_of(
    container: Container,
    usage: Usage = NOTHING_MEASURED,
    *,
    was_witnessed: bool,
    asked: str = "",
    lost_network: str = "",
    near: str | None = None,
    at_s: float,
    failure_threshold: int,
    version: str = "",
) -> Instance:
    """What the engine says of it. `was_witnessed`: did we see it end? `failure_threshold`: how
    many failures in a row count as the owner's final word. `asked`: how somebody else asked this
    life to end, be it that it lives still. `lost_network`: why the network that it borrows is gone.
    `near`: its address where that is certain to be its own, as seen from here."""
    return Instance(
        service=container.service,
        name=container.name,
        identity=container.identity,
        state=container.state,
        started_at_s=container.started_at_s,
        port=_published(container),
        address=near or address_of(container),
        near=near,
        make=container.id,
        exit=exit_of(container, was_witnessed, asked) if _has_ended(container) else None,
        process_state=usage.process_state,
        cpu_seconds=usage.cpu_seconds,
        io_bytes=usage.io_bytes,
        memory_bytes=usage.memory_bytes,
        memory_limit_bytes=container.memory_limit_bytes,
        accept_queue=usage.accept_queue,
        waited_s=usage.waited_s,
        own_cpu_seconds=usage.own_cpu_seconds,
        check=_check(container, lost_network, at_s, failure_threshold),
        cpus=cpus_of(container.document),
        version=version,
        ending=asked if container.is_running else "",
        resources=_resources(usage),
    )


def _resources(usage: Usage) -> Resources:
    if usage is NOTHING_MEASURED:
        return NOT_MEASURED
    return Resources(
        received_bytes=usage.rx_bytes,
        sent_bytes=usage.tx_bytes,
        throttled_s=usage.throttled_s,
        queue_most=usage.queue_most,
        descriptors=usage.descriptors,
        descriptors_most=usage.descriptors_most,
        connections=usage.connections,
        gpu_ratio=usage.gpu_ratio,
        gpu_memory_ratio=usage.gpu_memory_ratio,
    )


def _check(
    container: Container, lost_network: str, at_s: float, failure_threshold: int
) -> ProbeResult | None:
    if container.state is not InstanceState.RUNNING:
        return None
    if lost_network:
        return ProbeResult(
            ProbeVerdict.FAIL,
            at_s,
            detail=lost_network,
            heard=Heard.CHECK,
            in_a_row=failure_threshold,
        )
    if container.check is not None:
        return answer_of(container.check, at_s, failure_threshold)
    if lender_of(container):
        said = "it has no check of its own; its network is there"
        return ProbeResult(ProbeVerdict.PASS, at_s, detail=said, heard=Heard.CHECK)
    return None


def answer_of(check: OwnersCheck, at_s: float, failure_threshold: int) -> ProbeResult:
    """The owner's check as an answer. Its failures reach the threshold when the engine says
    *unhealthy* and not before: how many it takes is its owner's to say."""
    last = check.answers[-1] if check.answers else None
    detail = "" if last is None else " ".join(last.output.split())[:DETAIL_CHARS_MOST]
    if check.status == "starting" or last is None:
        said = f"starting; its check says: {detail}" if detail else "starting"
        return ProbeResult(ProbeVerdict.RECOVERING, at_s, detail=said, heard=Heard.CHECK)
    if check.failing_streak == 0 and check.status != "unhealthy":
        passed = len(list(takewhile(lambda answer: answer.code == 0, reversed(check.answers))))
        return ProbeResult(
            ProbeVerdict.PASS,
            last.ended_s,
            detail=detail,
            heard=Heard.CHECK,
            in_a_row=passed,
            took_s=last.ended_s - last.began_s,
        )
    count = max(check.failing_streak, 1)
    is_final = check.status == "unhealthy"
    failed = list(takewhile(lambda answer: answer.code != 0, reversed(check.answers)))[:count]
    return ProbeResult(
        ProbeVerdict.FAIL,
        last.ended_s,
        detail=_failure(last, detail),
        heard=_heard(last),
        in_a_row=max(count, failure_threshold) if is_final else min(count, failure_threshold - 1),
        since_s=failed[-1].ended_s if failed else last.ended_s,
    )


def _heard(last: Answer) -> Heard:
    """Who said it: the service itself, where its answer is what the check complains of."""
    if last.code == TIMED_OUT:
        return Heard.SILENCE
    return Heard.ANSWER if _ANSWERED.search(last.output) else Heard.CHECK


def exit_of(container: Container, was_witnessed: bool, asked: str) -> Exit:
    """Its latest death."""
    ran_s = container.finished_at_s - container.started_at_s
    return Exit(
        at_s=container.finished_at_s,
        code=code_of(container.exit_code),
        is_out_of_memory=container.is_out_of_memory,
        was_witnessed=was_witnessed,
        ran_s=max(ran_s, 0.0) if ran_s > -START_NOTED_WITHIN_S else UNKNOWN,
        instance=container.name,
        asked=asked,
    )


def address_of(container: Container) -> str | None:
    """Where its own network reaches it: of several networks the first by name. None where it has
    none, as on the host's: whose loopback that is depends on who asks, see `nearness`."""
    networks = section(section(container.document, "NetworkSettings"), "Networks")
    for name in sorted(networks):
        found = networks[name].get("IPAddress") or networks[name].get("GlobalIPv6Address")
        if found:
            return f"[{found}]" if ":" in found else str(found)
    return None


def _failure(last: Answer, detail: str) -> str:
    if last.code == TIMED_OUT:
        return "its check had no answer in time"
    return f"its check ended with {last.code}" + (f": {detail}" if detail else "")


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
