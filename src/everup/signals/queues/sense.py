"""The sense of queues: one question, one number. Called by `loop.loads`.

Picks the way of asking, fills in the marks, sets the deadline, and turns every error into the
caller's next step.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.observation import Instance
from everup.model.sizing import QueueSpec
from everup.model.stack import HOST_MARK, NEAR_MARK, PORT_MARK, ServiceSpec, has_marks
from everup.signals import trouble
from everup.signals.deadline import DeadlinePassed, within
from everup.signals.probes.answer import excerpt
from everup.signals.probes.command import NOT_EXECUTABLE, NOT_FOUND, CommandAsker
from everup.signals.probes.http import BODY_MOST_BYTES, HttpAsker
from everup.signals.queues import number, redis

INSTANCES_MOST = 100
GOOD = range(200, 300)
PASSES = (408, 425, 429)


def create_queue_sense(
    commands: CommandAsker, environ: Mapping[str, str] | None = None
) -> LiveQueueSense:
    """On the real network. `commands` are shared with the prober: at most two run at once.
    `environ`: where passwords are; None: that of this process."""
    return LiveQueueSense(HttpAsker(), commands, os.environ if environ is None else environ)


class LiveQueueSense:
    """`loop.ports.QueueSense` over Redis, HTTP and commands."""

    def __init__(
        self, pages: HttpAsker, commands: CommandAsker, environ: Mapping[str, str]
    ) -> None:
        self._pages, self._commands, self._environ = pages, commands, environ

    async def length(
        self,
        spec: QueueSpec,
        service: ServiceSpec,
        instances: Sequence[Instance],
        timeout_s: float,
    ) -> float:
        """Entries that wait; of each instance's own queue all together, or nothing is known."""
        if not has_marks(spec.targets):
            return await self._one(spec, service, None, timeout_s)
        if not instances:
            raise TryAgain("nothing of it runs that could be asked")
        if len(instances) > INSTANCES_MOST:
            raise GiveUp(f"{len(instances)} instances have a queue each; at most {INSTANCES_MOST}")
        asked = [self._one(filled(spec, one), service, one, timeout_s) for one in instances]
        return sum(await asyncio.gather(*asked))

    async def close(self) -> None:
        """Drop transports; the commands are the prober's to end."""
        await self._pages.close()

    async def _one(
        self, spec: QueueSpec, service: ServiceSpec, instance: Instance | None, timeout_s: float
    ) -> float:
        if spec.redis is not None:
            where = f"redis {spec.redis}"
            asking = redis.length(spec.redis, spec.key, self._account(spec))
            return await _within(timeout_s, where, asking)
        if spec.http is not None:
            url, _, path = spec.http.partition("#")
            where = url.partition("?")[0]  # a query may hold a token, and errors end up in logs
            return await _within(timeout_s, where, self._page(url, path))
        port = None if instance is None else instance.port
        counting = self._command(spec.command, service, port, timeout_s)
        return await _told(spec.command[0], counting)

    def _account(self, spec: QueueSpec) -> redis.Account | None:
        if not spec.password_env:
            return None
        password = self._environ.get(spec.password_env, "")
        if not password:
            raise GiveUp(
                f"redis {spec.redis}: password_env names {spec.password_env}, which is not set"
                " where Everup runs"
            )
        return redis.Account(spec.user, password)

    async def _page(self, url: str, path: str) -> float:
        page = await self._pages.fetch(url)
        if page.status not in GOOD:
            said = f"answered {page.status} {page.reason}".strip()
            passes = page.status >= 500 or page.status in PASSES
            raise TryAgain(said) if passes else GiveUp(said)
        if len(page.body) >= BODY_MOST_BYTES:
            raise GiveUp(f"answers more than {BODY_MOST_BYTES} bytes")
        if path:
            return number.of_json(page.body, path)
        return number.of_text(page.body.decode("utf-8", "replace"))

    async def _command(
        self, command: tuple[str, ...], service: ServiceSpec, port: int | None, timeout_s: float
    ) -> float:
        finished = await self._commands.run(command, service, port, timeout_s)
        if finished.code == 0:
            return number.of_text(finished.output)
        lines = finished.output.strip().splitlines()
        said = f"ended with {finished.code}" + (f": {excerpt(lines[-1])}" if lines else "")
        raise GiveUp(said) if finished.code in (NOT_EXECUTABLE, NOT_FOUND) else TryAgain(said)


async def _within(timeout_s: float, where: str, asking: Coroutine[Any, Any, float]) -> float:
    return await _told(where, within(timeout_s, asking))


async def _told(where: str, asking: Coroutine[Any, Any, float]) -> float:
    """The number, or why not, with where. Raises TryAgain, GiveUp."""
    try:
        return await asking
    except GiveUp as error:
        raise GiveUp(f"{where}: {error}") from error
    except EverupError as error:
        raise TryAgain(f"{where}: {error}") from error
    except DeadlinePassed as passed:
        raise TryAgain(f"{where}: {passed}") from passed
    except (FileNotFoundError, NotADirectoryError, KeyError, ValueError) as error:
        raise GiveUp(f"{where}: {error}") from error
    except Exception as error:  # a server may answer anything
        raise TryAgain(f"{where}: {trouble.judge(error)[1]}") from error


def filled(spec: QueueSpec, instance: Instance) -> QueueSpec:
    """With this instance's own for each mark.

    Raises:
        TryAgain: it is not known of it, by now.
    """
    port = None if instance.port is None else str(instance.port)
    own = {PORT_MARK: port, HOST_MARK: instance.address, NEAR_MARK: instance.near}

    def fill(text: str) -> str:
        for mark, value in own.items():
            if mark in text:
                if value is None:
                    raise TryAgain(f"{mark} of {instance.name} is not known")
                text = text.replace(mark, value)
        return text

    return replace(
        spec,
        redis=spec.redis and fill(spec.redis),
        http=spec.http and fill(spec.http),
        command=tuple(fill(word) for word in spec.command),
    )
