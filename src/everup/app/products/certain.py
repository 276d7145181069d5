"""Whether a recipe fits a container for certain: its program, its port, its settings. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from everup.app.products.recipes import ALONE, CONFIG_FILES, Recipe
from everup.runtimes.docker.discovery import Container

WORDS_MOST = 6
ENTRYPOINT = "entrypoint.sh"
WRAPPERS = frozenset({"tini", "dumb-init", "--", "sh", "-c"})
ARGUMENTS_MOST = 200
PORT_FLAGS = ("--port", "-p")
HTTPS = 443


def doubt(recipe: Recipe, first: Container) -> str:
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


def port_of(recipe: Recipe, first: Container) -> tuple[int, str]:
    """(port, why it is not certain). Of a web server it is what its owner publishes."""
    if not recipe.is_web:
        return _flagged(first.command) if _has_flag(recipe, first) else (recipe.port, "")
    ports = [port for port in tcp_ports(first) if port != HTTPS]
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


def tcp_ports(first: Container) -> list[int]:
    """TCP ports: those that are published, else those that are exposed."""
    published = [p.port for p in first.ports if p.protocol == "tcp" and p.port]
    return list(dict.fromkeys(published or first.exposed))
