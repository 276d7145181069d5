"""The door to one Docker Engine: addresses, versions, deadlines, and errors in our own words.

Flows in: paths of the Engine API with parameters. Flows out: what the engine answered, as JSON.
Every call has a deadline and waits for its turn among a bounded number. Foreign errors end here:
`TryAgain` when the engine cannot be reached or fails, `GiveUp` when it refuses, `Gone` when the
thing itself is no more. Called by everything in this runtime; nothing else speaks to the engine.

The client library knows the addresses (socket, TCP with TLS, SSH, contexts) and the wire; its
general query is used for all calls, so that each has one shape and one deadline.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from typing import Any, cast

import aiodocker
import aiohttp
import structlog
from aiodocker.exceptions import DockerError
from aiodocker.multiplexed import multiplexed_result_stream

from everup.model.errors import EverupError, GiveUp, NoAnswer, TryAgain
from everup.runtimes.docker import streams
from everup.runtimes.docker.relays import Relays

CALL_DEADLINE_S = 10.0
CLOSE_DEADLINE_S = 5.0
RELAYS_END_S = 2.0
CALLS_MOST = 16
"""At once; an engine that is slow is not to be buried."""
CALLS_MOST_OVER_SSH = 6
"""Each is a session of the one connection: sshd allows ten unless told otherwise, and events and
output take some for themselves."""

API_LEAST = (1, 41)
API_MOST = (1, 51)
"""The newest version whose answers this code was written for; a newer engine speaks it too."""

UNREACHABLE = 900  # the library's status for a connection that failed
NOT_FOUND = 404
SERVER_FAULTS = 500
MESSAGE_CHARS_MOST = 500
LINE_BYTES_MOST = 1 << 20
SKIPPED_SAID_EVERY = 100

_log = structlog.get_logger(__name__)


class Gone(GiveUp):
    """The container, image or network is not there any more."""


class Engine:
    """One engine. `open` it before anything else."""

    def __init__(self, address: str | None = None) -> None:
        self._asked_for = address
        self._docker: aiodocker.Docker | None = None
        self._relays: Relays | None = None
        self._found = ""
        self.is_encrypted = False
        """Reached over TLS."""
        self.is_socket = False
        """Reached over a socket file, so that it is of this machine, or of one that it holds."""
        self.skipped_events = 0
        """Events that were too long to be read."""
        self._turns = asyncio.Semaphore(CALLS_MOST)
        self.version: Mapping[str, Any] = {}
        self.changes = 0
        """Calls that may change something: each counts when it begins and when it has ended."""

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return self._asked_for or self._found or "the default socket"

    @property
    def api_version(self) -> str:
        """What both sides agreed on; "" before."""
        return _agreed(self.version) if self.version else ""

    async def open(self) -> None:
        """Find it and agree on a version.

        Raises:
            TryAgain: it does not answer. GiveUp: there is no address, or it is too old or too new.
        """
        if self._docker is not None:
            return
        try:
            timeout = aiohttp.ClientTimeout(sock_connect=CALL_DEADLINE_S)
            self._docker = aiodocker.Docker(self._asked_for, timeout=timeout)
            self._relays = Relays(self._docker)
        except (AssertionError, ValueError, DockerError, OSError) as error:
            raise GiveUp(_no_address(error)) from error
        self._found = str(getattr(self._docker, "_connection_info", ""))
        self.is_encrypted = str(self._docker.docker_host).startswith("https:")
        self.is_socket = self._found.startswith("unix:")
        if self._found.startswith("ssh:"):
            self._turns = asyncio.Semaphore(CALLS_MOST_OVER_SSH)
        try:
            self.version = await self.call("GET", "version", is_versioned=False)
            self._docker.api_version = f"v{self.api_version}"
        except EverupError:
            await self.close()
            raise

    async def close(self) -> None:
        """Drop the connections."""
        docker, self._docker = self._docker, None
        relays, self._relays = self._relays, None
        if docker is not None:
            with suppress(TimeoutError):  # what hangs over SSH does not hold us
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await docker.close()
        if relays is not None:
            await relays.ended(RELAYS_END_S)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        deadline_s: float = CALL_DEADLINE_S,
        is_versioned: bool = True,
    ) -> Any:
        """One call. The deadline counts from the moment at which it is sent.

        Raises:
            TryAgain, GiveUp, Gone: see above. NoAnswer: it may still be under way.
        """
        docker = self._open()
        is_change = method not in ("GET", "HEAD")
        async with self._turns:
            self.changes += is_change
            try:
                async with asyncio.timeout(deadline_s):
                    return await docker._query_json(
                        path,
                        method,
                        params=_flat(params),
                        data=body,
                        timeout=None,
                        versioned_api=is_versioned,
                    )
            except TimeoutError:
                raise NoAnswer(f"the engine gave no answer to {path} in {deadline_s:g} s") from None
            except (DockerError, aiohttp.ClientError, OSError, ValueError) as error:
                raise translated(error, path) from error
            finally:
                self.changes += is_change

    async def get(self, path: str, **params: Any) -> Any:
        """A look."""
        return await self.call("GET", path, params=params)

    async def events(
        self, since_s: float, actions: Sequence[str] = ()
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Events of containers and of their networks from a moment on, of these actions or all;
        ends with the connection. One that is too long is said, and told as something that happened
        to its container.

        Raises:
            TryAgain, GiveUp: the stream broke or could not begin.
        """
        docker = self._open()
        wanted = {"type": ["container", "network"]}
        if actions:
            wanted = {"type": ["container"], "event": [*actions]}
        params = {"since": f"{since_s:.9f}", "filters": json.dumps(wanted)}
        try:
            async with (
                _closed(docker._query("events", params=params, timeout=None)) as response,
                aclosing(self._lines(response.content)) as lines,
            ):
                async for line in lines:
                    yield line
        except (DockerError, aiohttp.ClientError, OSError, ValueError) as error:
            raise translated(error, "events") from error

    async def _lines(
        self, content: aiohttp.StreamReader
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        skipped: list[bytes] = []
        chunks = content.iter_any()
        async for line in streams.lines(chunks, LINE_BYTES_MOST, skipped.append):
            for head in self._said(skipped):
                yield head
            yield cast("Mapping[str, Any]", json.loads(line))

    def _said(self, skipped: list[bytes]) -> list[Mapping[str, Any]]:
        heads = [streams.about(head) for head in skipped]
        skipped.clear()
        for head in heads:
            if self.skipped_events % SKIPPED_SAID_EVERY == 0:
                _log.warning("event_too_long", bytes_most=LINE_BYTES_MOST, about=head)
            self.skipped_events += 1
        return heads

    async def bounded(self, path: str, bytes_most: int) -> Any:
        """A look at what may be long.

        Raises:
            TooMuch: it is. TryAgain, GiveUp, Gone: as ever.
        """
        docker = self._open()
        async with self._turns:
            try:
                async with (
                    asyncio.timeout(CALL_DEADLINE_S),
                    _closed(docker._query(path, timeout=None)) as response,
                ):
                    return json.loads(
                        await streams.whole(response.content.iter_any(), bytes_most, path)
                    )
            except TimeoutError:
                raise NoAnswer(
                    f"the engine gave no answer to {path} in {CALL_DEADLINE_S:g} s"
                ) from None
            except (DockerError, aiohttp.ClientError, OSError, ValueError) as error:
                raise translated(error, path) from error

    async def text(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        is_tty: bool = False,
        deadline_s: float = CALL_DEADLINE_S,
        chars_most: int,
    ) -> str:
        """What a container wrote, both streams as they came; of too much the end.

        Raises:
            TimeoutError: it went on for longer than the deadline. TryAgain, GiveUp, Gone.
        """
        docker = self._open()
        kept = ""
        data = None if body is None else json.dumps(body)
        try:
            async with asyncio.timeout(deadline_s):
                async with _closed(
                    docker._query(path, method, params=_flat(params), data=data, timeout=None)
                ) as response:
                    stream = multiplexed_result_stream(  # type: ignore[no-untyped-call]
                        response, is_tty=is_tty, encoding="utf-8"
                    )
                    async for part in stream:
                        kept = (kept + part)[-chars_most:]
        except (DockerError, aiohttp.ClientError, OSError, ValueError) as error:
            raise translated(error, path) from error
        return kept

    def _open(self) -> aiodocker.Docker:
        if self._docker is None:
            raise GiveUp("the door to the engine is closed")
        return self._docker


@asynccontextmanager
async def _closed(
    query: AbstractAsyncContextManager[aiohttp.ClientResponse],
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """The library leaves a streaming connection open when its reader goes."""
    async with query as response:
        try:
            yield response
        finally:
            response.close()


def translated(error: Exception, what: str) -> EverupError:
    """A foreign error as what the caller does next."""
    if not isinstance(error, DockerError):
        return TryAgain(f"the engine cannot be asked for {what}: {type(error).__name__}: {error}")
    text = " ".join(str(error.message).split())[:MESSAGE_CHARS_MOST]
    if error.status == NOT_FOUND:
        return Gone(f"the engine says: {text}")
    if error.status == UNREACHABLE or error.status >= SERVER_FAULTS:
        return TryAgain(f"the engine says: {text}")
    return GiveUp(f"the engine says: {text}")


def _flat(params: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Parameters as the API wants them: numbers for yes and no, JSON for what is nested."""
    if not params:
        return None
    return {
        name: json.dumps(value)
        if isinstance(value, dict | list)
        else str(int(value) if isinstance(value, bool) else value)
        for name, value in params.items()
    }


def _agreed(version: Mapping[str, Any]) -> str:
    """The newest API version that both sides know."""
    most = _parts(version.get("ApiVersion"))
    least = _parts(version.get("MinAPIVersion")) or (0, 0)
    if most is None or most < API_LEAST:
        raise GiveUp(
            f"the engine speaks API {version.get('ApiVersion')!r}, at least "
            f"{_dotted(API_LEAST)} is needed: update Docker (20.10 and newer will do)"
        )
    if least > API_MOST:
        raise GiveUp(
            f"the engine speaks API {_dotted(least)} and newer, Everup up to {_dotted(API_MOST)}: "
            "update Everup"
        )
    return _dotted(min(most, API_MOST))


def _parts(text: object) -> tuple[int, int] | None:
    try:
        major, minor = str(text).split(".")
        return int(major), int(minor)
    except ValueError:
        return None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _no_address(error: Exception) -> str:
    text = str(error)
    if isinstance(error, AssertionError):
        text = "there is no socket at the usual places"
    return (
        f"DOCKER_HOST: no engine was found ({text}); start Docker, or set DOCKER_HOST to "
        "unix:///PATH, tcp://HOST:2376 with DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or "
        "ssh://USER@HOST"
    )
