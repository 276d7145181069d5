"""Recipes for clearing a cache, for any runtime: `run` does one for one instance.

Flows in: the declared recipe, where the instance is reached, a way to run a command in it. Flows
out: what was freed, in a sentence; or GiveUp with the reason why nothing was touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from everup.model.errors import GiveUp, TryAgain
from everup.model.recipes import REDIS_PORT, Recipe, RecipeKind
from everup.runtimes import hook_http
from everup.runtimes.recipes import nginx, redis

Execute = Callable[[Sequence[str]], Awaitable[str]]
"""Run a command in the instance; its output, or HookFailed."""


async def run(
    recipe: Recipe,
    what: str,
    timeout_s: float,
    *,
    host: str | None,
    port: int | None = None,
    execute: Execute | None = None,
) -> str:
    """What was freed.

    Raises:
        GiveUp: a precondition does not hold, and nothing was touched. TryAgain: no answer in time.
    """
    if recipe.kind is RecipeKind.NGINX:
        if execute is None:
            raise GiveUp(f"{what}: the nginx recipe works in containers; declare a command instead")
        return await nginx.clear(recipe.path, what, execute)
    if host is None:
        raise GiveUp(f"{what}: it has no address of its own to speak to")
    if recipe.kind is RecipeKind.HTTP:
        line = f"{recipe.method} http://{host}:{recipe.port}{recipe.path}"
        return await hook_http.call(line, what, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            return await redis.clear(recipe, what, host, recipe.port or port or REDIS_PORT)
    except TimeoutError:
        raise TryAgain(
            f"{what} took longer than {timeout_s:g} s; it may have freed a part"
        ) from None
    except (OSError, EOFError) as error:
        raise TryAgain(f"{what}: {host} does not answer: {error}") from error
