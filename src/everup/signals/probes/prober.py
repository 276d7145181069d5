"""The prober: one question to one instance, one ProbeResult. Called by `loop.observe`.

Picks the way of asking, sets the deadline, and turns every error into a verdict: *fail* where the
other side is at fault, *unknown* where we are. It never raises; cancelling it is normal.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from everup.loop.ports import Clock
from everup.model.kinds import BusyState, ProbeVerdict
from everup.model.observation import Heard, Instance, ProbeResult
from everup.model.settings import Settings
from everup.model.stack import HOST_MARK, NEAR_MARK, PORT_MARK, ProbeSpec, ServiceSpec
from everup.signals import trouble
from everup.signals.deadline import DeadlinePassed, within
from everup.signals.probes import memcached, postgres, redis, tcp
from everup.signals.probes.answer import Answer
from everup.signals.probes.command import CommandAsker
from everup.signals.probes.http import HttpAsker
from everup.signals.probes.stranger import Strangers
from everup.signals.probes.talk import split


@dataclass(frozen=True, slots=True)
class Question:
    """A probe whose targets have their port filled in, and the instance that it asks."""

    spec: ProbeSpec
    service: ServiceSpec
    instance: Instance
    timeout_s: float


def create_commands(
    clock: Clock, settings: Settings, environ: Mapping[str, str] | None = None
) -> CommandAsker:
    """Whoever runs short commands on this host, for all that ask so. `environ` is what they
    inherit; the default is ours. One waits at most one tick for one of the two slots."""
    return CommandAsker(clock, os.environ if environ is None else environ, settings.tick_s)


def create_prober(
    clock: Clock,
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    commands: CommandAsker | None = None,
) -> LiveProber:
    """A prober on the real network; it ends the commands when it is closed."""
    commands = commands or create_commands(clock, settings, environ)
    return LiveProber(clock, HttpAsker(), commands)


class LiveProber:
    """`loop.ports.Prober` over HTTP, TCP, commands, and what PostgreSQL and Redis speak."""

    def __init__(self, clock: Clock, pages: HttpAsker, commands: CommandAsker) -> None:
        self._clock = clock
        self._pages = pages
        self._commands = commands
        self._strangers = Strangers()

    async def probe(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> ProbeResult:
        """One answer within `timeout_s`, counted from when the question is asked.

        A command may first wait for its turn: until its declared interval is over and one of two
        slots is free. Do not put a deadline of your own around it.
        """
        filled = _filled(spec, instance)
        if filled is None:
            detail = "not asked: the probe needs a port or a host that is not known of the instance"
            return ProbeResult(ProbeVerdict.UNKNOWN, self._clock.now(), detail=detail)
        question = Question(filled, service, instance, timeout_s)
        if filled.kind == "exec":
            return await self._by_command(question)
        return await self._timed(within(timeout_s, self._by_network(question)))

    async def busy(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> tuple[BusyState, str] | None:
        """What Redis says of its saving; of others nothing can be asked without an account."""
        filled = _filled(spec, instance)
        if filled is None or filled.redis is None:
            return None
        try:
            return await within(timeout_s, redis.busy(filled.redis))
        except DeadlinePassed as passed:
            return BusyState.UNKNOWN, str(passed)
        except Exception as error:  # noqa: BLE001 - as in `_timed`
            return BusyState.UNKNOWN, trouble.judge(error)[1]

    async def close(self) -> None:
        """Drop transports, kill running commands."""
        await self._commands.close()
        await self._pages.close()

    async def _by_network(self, question: Question) -> Answer:
        spec = question.spec
        if spec.http is not None and spec.is_inferred:
            page = await self._pages.fetch(spec.http)
            return self._strangers.judge(question.instance, page)
        if spec.http is not None:
            return await self._pages.ask(spec.http, spec.expect_status)
        if spec.postgres is not None:
            return await postgres.ask(spec.postgres)
        if spec.redis is not None:
            return await redis.ask(spec.redis)
        if spec.memcached is not None:
            return await memcached.ask(spec.memcached)
        return await tcp.ask(*split(spec.tcp or ""))

    async def _by_command(self, question: Question) -> ProbeResult:
        instance, spec = question.instance, question.spec
        refused = await self._commands.take_turn(instance, spec.interval_s)
        if refused is not None:
            return ProbeResult(ProbeVerdict.UNKNOWN, self._clock.now(), detail=refused.reason)
        try:
            return await self._timed(
                self._commands.ask(spec.command, question.service, instance, question.timeout_s)
            )
        finally:
            self._commands.give_back()

    async def _timed(self, asking: Coroutine[Any, Any, Answer]) -> ProbeResult:
        started_s = self._clock.now()
        try:
            answer = await asking
        except DeadlinePassed as passed:
            answer = _judge_silence(passed)
        except Exception as error:  # noqa: BLE001 - a prober that raises would blind the sampler
            answer = Answer(*trouble.judge(error), Heard.REFUSAL)
        now_s = self._clock.now()
        took_s = max(0.0, now_s - started_s)
        ends_s = answer.certificate_ends_s
        return ProbeResult(
            answer.verdict, now_s, took_s, answer.detail, answer.heard, certificate_ends_s=ends_s
        )


def _judge_silence(passed: DeadlinePassed) -> Answer:
    if passed.proves_nothing:
        detail = f"{passed}, but we ourselves were held up for {passed.late_s:.2f} s of it"
        return Answer(ProbeVerdict.UNKNOWN, detail)
    return Answer(ProbeVerdict.FAIL, str(passed), Heard.SILENCE)


def _filled(spec: ProbeSpec, instance: Instance) -> ProbeSpec | None:
    """The spec with the instance's own for each mark; None when it needs what is not known."""
    port = None if instance.port is None else str(instance.port)
    marks = ((PORT_MARK, port), (HOST_MARK, instance.address), (NEAR_MARK, instance.near))
    for mark, value in marks:
        if not any(mark in target for target in spec.targets):
            continue
        if value is None:
            return None
        spec = replace(
            spec,
            http=spec.http and spec.http.replace(mark, value),
            tcp=spec.tcp and spec.tcp.replace(mark, value),
            postgres=spec.postgres and spec.postgres.replace(mark, value),
            redis=spec.redis and spec.redis.replace(mark, value),
            memcached=spec.memcached and spec.memcached.replace(mark, value),
            command=tuple(word.replace(mark, value) for word in spec.command),
        )
    return spec
