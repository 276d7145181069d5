"""What was found of a project → all that is suggested for it. Pure; called by `everup suggest`."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from everup.app.suggest.advice import Advice, Suggestion
from everup.app.suggest.amounts import memory_limit, stop_grace
from everup.app.suggest.gather import Close
from everup.app.suggest.healthchecks import healthcheck
from everup.app.suggest.needs import needs
from everup.runtimes.docker.discovery import Discovered, Project

FILE = "everup.suggested.yml"
DEFAULT_FILE = "docker-compose.yml"
_NOT_IN_NAMES = re.compile(r"[^-_a-z0-9]")


def suggest(found: Close, file: str = FILE) -> Suggestion:
    """Everything that is missing, by service. `file` is where it will be, for the usage."""
    seen = found.seen
    lasting = [name for name, spec in seen.stack.services.items() if not spec.is_one_shot]
    checked = {name for name in lasting if seen.traits[name].check is not None}
    judged = checked | {name for name in lasting if seen.stack.services[name].says_how_to_ask}
    advice: list[Advice] = []
    notes: list[str] = []
    for name in lasting:
        if name in judged:
            continue
        check = healthcheck(seen.project.services[name][0], seen.traits[name])
        if check is not None:
            advice.append(check)
        else:
            notes.append(f"{name}: only its owner knows how to ask it; no port, no known image")
    given = {one.service for one in advice if one.is_active}
    advice += needs(seen, checked | given, is_known=found.knows_needs)
    for name in lasting:
        advice += _amounts(found, name)
    if seen.project.managed_by:
        notes.append(f"{seen.project.managed_by} manages this project: put the lines in there")
    return Suggestion(
        project=seen.project.name,
        folder=seen.project.working_dir,
        usage=usage(seen.project, file),
        advice=tuple(sorted(advice, key=lambda one: one.service)),
        judged=len(judged),
        judged_then=len(judged | given),
        total=len(lasting),
        notes=(*notes, *_left_out(seen)),
    )


def usage(project: Project, file: str) -> str:
    """The command, with the project's own files and, where Compose would not guess it, its name."""
    folder = PurePosixPath(project.working_dir)
    words = ["docker", "compose"]
    if _NOT_IN_NAMES.sub("", folder.name.lower()) != project.name:
        words += ["-p", project.name]
    for written in (*(project.config_files or (DEFAULT_FILE,)), file):
        path = folder / written
        words += ["-f", str(path.relative_to(folder) if path.is_relative_to(folder) else path)]
    return shlex.join([*words, "up", "-d"])


def _amounts(found: Close, name: str) -> list[Advice]:
    spec, traits = found.seen.stack.services[name], found.seen.traits[name]
    copies = found.seen.project.services[name]
    limit = memory_limit(
        name, copies, found.memory_bytes, found.now_s, is_stateful=spec.is_stateful
    )
    grace = stop_grace(name, copies[0], traits.stateful_because) if spec.is_stateful else None
    return [one for one in (grace, limit) if one is not None]


def _left_out(seen: Discovered) -> list[str]:
    return [f"{name}: left alone, as its label says" for name in seen.left_out]
