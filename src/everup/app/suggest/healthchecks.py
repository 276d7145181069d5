"""A service without a healthcheck → the one to give it. Pure; called by `suggest`.

Active only where image and program are known, the port is, and nothing speaks against it; a wrong
check is worse than none, since it makes a well service unhealthy and stops who waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from everup.app.suggest.advice import Advice
from everup.app.suggest.recipes import ALONE, BY_PRODUCT, BY_REPOSITORY, CONFIG_FILES, Recipe
from everup.runtimes.docker.discovery import Container, Traits
from everup.runtimes.docker.discovery.images import split_image

KEY = "healthcheck"
RETRIES = 3
WORDS_MOST = 6
ENTRYPOINT = "entrypoint.sh"
WRAPPERS = frozenset({"tini", "dumb-init", "--", "sh", "-c"})
ARGUMENTS_MOST = 200
PORT_FLAGS = ("--port", "-p")
HTTPS = 443
UNFINISHED = "wget -q -O /dev/null http://127.0.0.1:{port}/CHANGE-ME"


def healthcheck(first: Container, traits: Traits) -> Advice | None:
    """The check; None where nothing is known to ask."""
    if first.is_check_off:
        return _proposed(first, traits, "its owner has switched the healthcheck off")
    recipe = BY_REPOSITORY.get(split_image(first.image).repository)
    if recipe is None:
        return _proposed(first, traits, "the image is not a known one")
    doubt = _doubt(recipe, first)
    port, odd_port = _port(recipe, first)
    doubt = doubt or odd_port
    if doubt:
        return _advice(traits.service, recipe, port, f"{recipe.what}. Yours to decide: {doubt}")
    return _advice(traits.service, recipe, port, recipe.what, is_active=True)


def _proposed(first: Container, traits: Traits, because: str) -> Advice | None:
    recipe = BY_PRODUCT.get(traits.product)
    if recipe is not None:
        why = f"{because}, but seems to be {traits.product}: see that its programs are in there"
        return _advice(traits.service, recipe, recipe.port, why)
    ports = _ports(first)
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


def _doubt(recipe: Recipe, first: Container) -> str:
    """Why this recipe may not fit this container; "" when nothing is seen."""
    if recipe.only_tag and recipe.only_tag not in first.image.rpartition(":")[2]:
        return f"only its {recipe.only_tag} images are known to hold the programs for it"
    if not _runs(first.command, recipe.programs):
        return "it does not run the server as the image does"
    for name in recipe.unless:
        if name in first.env:
            return f"the variable {name} may change where it listens"
        if any(word.startswith(name) for word in first.command[1:ARGUMENTS_MOST]):
            return f"its command line has {name}"
    if any(word.lower().endswith(CONFIG_FILES) for word in first.command[1:ARGUMENTS_MOST]):
        return "its command line names a configuration file, which may change the port"
    return ""


def _runs(command: tuple[str, ...], programs: tuple[str, ...]) -> bool:
    """Is it the first word after what only wraps it? A database may be called like its program.

    An official entrypoint puts its program before arguments that begin with a dash.
    """
    before = ""
    for place, word in enumerate(command[:WORDS_MOST]):
        if word.startswith("-") and before.endswith(ENTRYPOINT):
            return True
        if not word.endswith(ENTRYPOINT) and PurePosixPath(word).name not in WRAPPERS:
            name, second = PurePosixPath(word).name, "".join(command[place + 1 : place + 2])
            return name in programs or f"{name} {second}" in programs
        before = word
    return before.endswith(ENTRYPOINT) and ALONE in programs


def _port(recipe: Recipe, first: Container) -> tuple[int, str]:
    """(port, why it is not certain). Of a web server it is what its owner publishes."""
    if not recipe.is_web:
        return _flagged(first.command) if _has_flag(recipe, first) else (recipe.port, "")
    ports = [port for port in _ports(first) if port != HTTPS]
    if recipe.port in ports or not ports:
        return recipe.port, "" if ports else "it says nowhere on which port it listens"
    return ports[0], "" if len(ports) == 1 else f"it listens on {', '.join(map(str, ports[:5]))}"


def _has_flag(recipe: Recipe, first: Container) -> bool:
    arguments = first.command[1:ARGUMENTS_MOST]
    return recipe.port > 0 and any(
        word in PORT_FLAGS or word.startswith("--port=") for word in arguments
    )


def _flagged(command: tuple[str, ...]) -> tuple[int, str]:
    words = iter(command)
    for word in words:
        text = next(words, "") if word in PORT_FLAGS else word.removeprefix("--port=")
        if word in PORT_FLAGS or text != word:
            is_port = text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536
            return (int(text[:6]), "") if is_port else (0, "its port is not understood")
    return 0, "its port is not understood"


def _ports(first: Container) -> list[int]:
    """TCP ports: those that are published, else those that are exposed."""
    published = [p.port for p in first.ports if p.protocol == "tcp" and p.port]
    return list(dict.fromkeys(published or first.exposed))
