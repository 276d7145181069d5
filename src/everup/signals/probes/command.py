"""Asks by running a command. Flows in: a probe's command; flows out: an Answer by its exit code.

At most two run at once on this host, and for each instance never sooner than the interval that its
owner declared, whoever asks more often: the call waits for its turn. Neither wait counts against
the timeout; both are bounded. A command that could not do its work (not found, killed, not
permitted) says nothing of the service.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from everup.loop.ports import Clock
from everup.model.errors import TryAgain
from everup.model.kinds import ProbeVerdict
from everup.model.observation import Heard, Instance
from everup.model.stack import ServiceSpec
from everup.signals.child import Children, Finished, LostChild, Order, TooManyChildren
from everup.signals.deadline import within
from everup.signals.probes.account import Prefixes
from everup.signals.probes.answer import Answer, excerpt

AT_ONCE_MOST = 2
REMEMBERED_MOST = 10_000
NOT_EXECUTABLE, NOT_FOUND = 126, 127
LOADING_PHRASES = ("redis is loading", "loading the dataset in memory")
"""Recovering whatever the exit code: redis-cli exits with 0 although it was told `LOADING`."""
RECOVERING_PHRASES = (
    "the database system is starting up",
    "the database system is not yet accepting connections",
    "in recovery",
    "rejecting connections",
)
"""Recovering where the command failed. A healthy standby may say of itself that it is in recovery,
and the usual `pg_isready` says *rejecting* all through a replay."""

PG_ISREADY = "pg_isready"
_PG_ISREADY_SAYS = {
    1: Answer(ProbeVerdict.RECOVERING, "pg_isready says: rejecting connections"),
    3: Answer(ProbeVerdict.UNKNOWN, "pg_isready did not ask: its arguments are wrong"),
}

_OWN_PREFIX = "EVERUP_"


@dataclass(frozen=True, slots=True)
class Turn:
    """Why a command was not started at all."""

    reason: str


class CommandAsker:
    """Takes turns, runs, judges."""

    def __init__(self, clock: Clock, environ: Mapping[str, str], wait_most_s: float) -> None:
        self._clock = clock
        self._environ = environ
        self._wait_most_s = wait_most_s
        self._slots = asyncio.Semaphore(AT_ONCE_MOST)
        self._beside = asyncio.Lock()
        self._children = Children()
        self._prefixes = Prefixes(environ.get("PATH"))
        self._started_s: dict[tuple[str, str], float] = {}

    async def take_turn(self, instance: Instance, interval_s: float) -> Turn | None:
        """Wait until this instance may be asked again and a slot is free; then `give_back`.

        Returns a Turn with the reason when no slot came free in time.
        """
        key = (instance.service, instance.name)
        while True:
            await self._wait_for_interval(key, interval_s)
            try:
                async with asyncio.timeout(self._wait_most_s):
                    await self._slots.acquire()
            except TimeoutError:
                return Turn(
                    f"not asked: {AT_ONCE_MOST} other probe commands kept running for "
                    f"{self._wait_most_s:g} s"
                )
            if self._left_s(key, interval_s) <= 0:
                break
            self._slots.release()
        self._started_s.pop(key, None)
        self._started_s[key] = self._clock.now()
        if len(self._started_s) > REMEMBERED_MOST:
            del self._started_s[next(iter(self._started_s))]
        return None

    def give_back(self) -> None:
        """The slot is free again."""
        self._slots.release()

    async def ask(
        self, command: tuple[str, ...], service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> Answer:
        """Run it within `timeout_s` and judge.

        Raises:
            DeadlinePassed: it took longer, and was killed.
            OSError: as `trouble.judge` understands it.
        """
        try:
            order = self._order(command, service, instance.port)
            finished = await within(timeout_s, self._children.run(order))
            return judge_command(finished, PurePath(command[0]).name)
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError) as error:
            return Answer(ProbeVerdict.UNKNOWN, f"probe command cannot be run: {error}")
        except OSError as error:
            if error.errno not in (errno.ENOEXEC, errno.EACCES, errno.EPERM):
                raise
            return Answer(ProbeVerdict.UNKNOWN, f"probe command cannot be run: {error}")
        except (TooManyChildren, LostChild) as error:
            return Answer(ProbeVerdict.UNKNOWN, f"our own trouble: {error}")

    async def run(
        self, command: tuple[str, ...], service: ServiceSpec, port: int | None, timeout_s: float
    ) -> Finished:
        """Run it within `timeout_s` in one of the slots, for who judges by more than its code and
        asks at a pace of their own. One at a time: what hangs there leaves a slot to probes.

        Raises:
            TryAgain: no slot came free, or it is our own trouble.
            DeadlinePassed, OSError, ValueError, KeyError: as above.
        """
        order = self._order(command, service, port)
        try:
            async with asyncio.timeout(self._wait_most_s):
                await self._beside.acquire()
                try:
                    await self._slots.acquire()
                except asyncio.CancelledError:
                    self._beside.release()
                    raise
        except TimeoutError:
            text = "not asked: other commands kept running"
            raise TryAgain(f"{text} for {self._wait_most_s:g} s") from None
        try:
            return await within(timeout_s, self._children.run(order))
        except (TooManyChildren, LostChild) as error:
            raise TryAgain(f"our own trouble: {error}") from error
        finally:
            self._slots.release()
            self._beside.release()

    async def close(self) -> None:
        """Kill what still runs."""
        await self._children.close()

    async def _wait_for_interval(self, key: tuple[str, str], interval_s: float) -> None:
        while (left_s := self._left_s(key, interval_s)) > 0:
            await self._clock.sleep(left_s)

    def _left_s(self, key: tuple[str, str], interval_s: float) -> float:
        """How long this instance must still be left alone."""
        since_s = self._clock.now() - self._started_s.get(key, float("-inf"))
        return min(interval_s - since_s, interval_s)

    def _order(self, command: tuple[str, ...], service: ServiceSpec, port: int | None) -> Order:
        """The command in the service's own place: its folder, its variables, its user."""
        env = {k: v for k, v in self._environ.items() if not k.startswith(_OWN_PREFIX)}
        env.pop("PORT", None)
        account, account_env = _account(service.user)
        env |= account_env | dict(service.env)
        if port is not None:
            env["PORT"] = str(port)
        if account and (prefix := self._prefixes.of(account)):
            return Order((*prefix, *command), service.directory, env)
        return Order(command, service.directory, env, account)


def judge_command(finished: Finished, program: str = "") -> Answer:
    """Recovering by what it says, else pass and fail by its exit code.

    `pg_isready -q` says nothing: its exit code 1 is PostgreSQL's own "not yet".
    """
    lines = finished.output.strip().splitlines()
    said = f": {excerpt(lines[-1])}" if lines else ""
    if finished.code < 0:
        return Answer(ProbeVerdict.UNKNOWN, f"probe command died of signal {-finished.code}{said}")
    folded = finished.output.casefold()
    phrases = LOADING_PHRASES + (RECOVERING_PHRASES if finished.code else ())
    if any(phrase in folded for phrase in phrases):
        return Answer(ProbeVerdict.RECOVERING, f"says that it is coming{said}")
    if program == PG_ISREADY and finished.code in _PG_ISREADY_SAYS:
        return _PG_ISREADY_SAYS[finished.code]
    if finished.code in (NOT_EXECUTABLE, NOT_FOUND):
        return Answer(ProbeVerdict.UNKNOWN, f"probe command was not found by its shell{said}")
    if finished.code == 0:
        return Answer(ProbeVerdict.PASS, f"exited with 0{said}")
    detail = f"probe command exited with {finished.code}{said}"
    return Answer(ProbeVerdict.FAIL, detail, Heard.CHECK)


def _account(user: str | None) -> tuple[Mapping[str, object], dict[str, str]]:
    """The service's account as arguments of Popen, and its variables.

    Only root can switch; anybody else runs the probe as themselves. A group after a colon is the
    service's own affair.

    Raises:
        KeyError: there is no such user.
    """
    if user is None or os.geteuid() != 0:
        return {}, {}
    name = user.partition(":")[0]
    entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}
    return account, {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
