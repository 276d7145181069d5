"""Canaries that fail, that break, and that cannot be had."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Callable

from everup.signals.canaries.choir import Choir, Unavailable
from everup.signals.canaries.command import CommandCanary
from everup.signals.canaries.names import NamesCanary


class Bird:
    """Says what it was told to say."""

    def __init__(self, name: str, song: Callable[[], str]) -> None:
        self.name = name
        self.asked = 0
        self._song = song

    async def sing(self, timeout_s: float) -> str:
        self.asked += 1
        return self._song()

    async def close(self) -> None:
        """Nothing is held."""


def fail(error: Exception) -> Callable[[], str]:
    def song() -> str:
        raise error

    return song


def test_those_that_fail_are_named_with_their_reason() -> None:
    birds = [
        Bird("well", lambda: ""),
        Bird("ill", lambda: "Too many open files"),
        Bird("broken", fail(RuntimeError("no voice"))),
    ]
    assert asyncio.run(Choir(birds).failing(1.0)) == (
        "canary ill: Too many open files",
        "canary broken: RuntimeError: no voice",
    )


def test_one_that_cannot_be_had_is_said_once_and_then_left_out() -> None:
    bird = Bird("rare", fail(Unavailable("none here")))
    choir = Choir([bird])
    assert not choir.unavailable
    assert asyncio.run(choir.failing(1.0)) == ()
    assert asyncio.run(choir.failing(1.0)) == ()
    assert bird.asked == 1
    assert choir.unavailable == ("canary rare: none here",)


def test_without_true_on_the_path_there_is_no_exec_canary() -> None:
    choir = Choir([CommandCanary({"PATH": "/nowhere"})])
    assert asyncio.run(choir.failing(1.0)) == ()
    assert choir.unavailable == ("canary exec: there is no `true` on PATH to run",)


class TestNames:
    """The dns canary."""

    def test_a_resolver_that_answers_is_well(self) -> None:
        assert asyncio.run(NamesCanary(lambda: None).sing(5.0)) == ""

    def test_a_host_that_never_knew_the_name_has_no_such_canary(self) -> None:
        def resolver() -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        choir = Choir([NamesCanary(resolver)])
        assert asyncio.run(choir.failing(5.0)) == ()
        assert choir.unavailable == ("canary dns: this host does not know the name localhost",)

    def test_a_name_that_was_known_and_is_not_any_more_is_a_failure(self) -> None:
        answers = iter([None, socket.gaierror(socket.EAI_NONAME, "Name or service not known")])

        def resolver() -> None:
            error = next(answers)
            if error is not None:
                raise error

        async def twice() -> list[str]:
            canary = NamesCanary(resolver)
            return [await canary.sing(5.0), await canary.sing(5.0)]

        reason = "localhost cannot be resolved: Name or service not known"
        assert asyncio.run(twice()) == ["", reason]

    def test_our_own_trouble_is_a_failure_from_the_first_time(self) -> None:
        def resolver() -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        reason = asyncio.run(NamesCanary(resolver).sing(5.0))
        assert reason == "localhost cannot be resolved: Too many open files"

    def test_one_that_hangs_is_not_asked_a_second_time_meanwhile(self) -> None:
        release, begun = threading.Event(), []

        def resolver() -> None:
            begun.append(1)
            release.wait(30)

        async def test() -> None:
            canary = NamesCanary(resolver)
            for _ in range(3):
                assert "was not resolved within" in await canary.sing(0.01)
            release.set()
            assert await canary.sing(30.0) == ""
            await canary.close()

        asyncio.run(test())
        assert len(begun) == 1
