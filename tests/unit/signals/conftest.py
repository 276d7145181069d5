"""A clock that moves only when it is waited on."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time. `hold_up` stands for a call that blocks it."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        selector = selectors.SelectSelector()
        super().__init__(selector)
        ask = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            found = ask(0)
            if not found and timeout:
                self.now_s += timeout
            return found

        selector.select = select  # type: ignore[method-assign]

    def time(self) -> float:
        """Seconds since the test began, more or less."""
        return self.now_s

    def hold_up(self, seconds: float) -> None:
        """Block: time goes on, nothing else does."""
        self.now_s += seconds


Run = Callable[[Callable[[VirtualLoop], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def run() -> Run:
    """Run `test(loop)` on a virtual loop."""

    def on_virtual_time(test: Callable[[VirtualLoop], Coroutine[Any, Any, Any]]) -> Any:
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(test(loop))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    return on_virtual_time
