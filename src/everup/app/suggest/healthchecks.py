"""A service without a healthcheck → the one to give it. Pure; called by `suggest`.

Active only where image and program are known, the port is, and nothing speaks against it; a wrong
check is worse than none, since it makes a well service unhealthy and stops who waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.app.products import BY_PRODUCT, BY_REPOSITORY, Recipe, doubt, port_of, tcp_ports
from everup.app.suggest.advice import Advice
from everup.runtimes.docker.discovery import Container, Traits
from everup.runtimes.docker.discovery.images import split_image

KEY = "healthcheck"
RETRIES = 3
UNFINISHED = "wget -q -O /dev/null http://127.0.0.1:{port}/CHANGE-ME"


def healthcheck(first: Container, traits: Traits) -> Advice | None:
    """The check; None where nothing is known to ask."""
    if first.is_check_off:
        return _proposed(first, traits, "its owner has switched the healthcheck off")
    recipe = BY_REPOSITORY.get(split_image(first.image).repository)
    if recipe is None:
        return _proposed(first, traits, "the image is not a known one")
    port, odd_port = port_of(recipe, first)
    why_not = doubt(recipe, first) or odd_port
    if why_not:
        return _advice(traits.service, recipe, port, f"{recipe.what}. Yours to decide: {why_not}")
    return _advice(traits.service, recipe, port, recipe.what, is_active=True)


def _proposed(first: Container, traits: Traits, because: str) -> Advice | None:
    recipe = BY_PRODUCT.get(traits.product)
    if recipe is not None:
        why = f"{because}, but seems to be {traits.product}: see that its programs are in there"
        return _advice(traits.service, recipe, recipe.port, why)
    ports = tcp_ports(first)
    if not ports:
        return None
    why = (
        f"{because}; it listens on port {ports[0]}. If that is HTTP, name a path that answers 200 "
        "when the service is well, and see that the image has wget (or write it with curl)"
    )
    test = UNFINISHED.replace("{port}", str(ports[0]))
    return Advice(traits.service, KEY, _check(test, 10, 5, 30), why, is_active=False)


def _advice(
    service: str, recipe: Recipe, port: int, why: str, *, is_active: bool = False
) -> Advice:
    test = recipe.test.replace("{port}", str(port))
    value = _check(test, recipe.interval_s, recipe.timeout_s, recipe.start_period_s)
    return Advice(service, KEY, value, why, is_active)


def _check(
    test: str, interval_s: int, timeout_s: int, start_period_s: int
) -> Mapping[str, str | int | tuple[str, ...]]:
    return {
        "test": ("CMD-SHELL", test),
        "interval": f"{interval_s}s",
        "timeout": f"{timeout_s}s",
        "retries": RETRIES,
        "start_period": f"{start_period_s}s",
    }
