"""Runs the owner's program for each message and judges by its exit code."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping

from everup.model.errors import GiveUp, TryAgain
from everup.model.notice import Message, NotifierSpec
from everup.notify.body import as_json, as_variables
from everup.notify.command.child import run

OWN_PREFIX = "EVERUP_"


class CommandNotifier:
    """One program."""

    def __init__(self, spec: NotifierSpec, environ: Mapping[str, str] | None = None) -> None:
        self.name, self.on = spec.name, spec.on
        self.timeout_s, self.attempts = spec.timeout_s, spec.attempts
        self._command, self._names_service = spec.command, spec.names_service
        given = os.environ if environ is None else environ
        self._environ = {n: v for n, v in given.items() if not n.startswith(OWN_PREFIX)}

    async def send(self, message: Message) -> None:
        """Run it to its end.

        Raises:
            TryAgain: it failed or took too long.
            GiveUp: it cannot be executed.
        """
        gone = threading.Event()
        env = self._environ | as_variables(message)
        words = (*self._command, *((message.service,) if self._names_service else ()))
        try:
            ended = await asyncio.to_thread(
                run, words, as_json(message), env, self.timeout_s, gone.is_set
            )
        except (FileNotFoundError, PermissionError, ValueError) as error:
            raise GiveUp(f"{self._command[0]!r} cannot be executed: {error}") from error
        except OSError as error:
            raise TryAgain(f"{self._command[0]!r} was not run: {error}") from error
        finally:
            gone.set()
        if ended.code is None:
            raise TryAgain(f"{self._command[0]!r} took longer than {self.timeout_s:g} s")
        if ended.code != 0:
            said = ended.errors.decode("utf-8", "replace").strip()[-300:]
            raise TryAgain(f"{self._command[0]!r} ended with code {ended.code}: {said}")

    async def close(self) -> None:
        """What still runs is killed by its own thread when nobody waits for it any more."""
