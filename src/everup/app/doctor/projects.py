"""What runs on the engine: how much of it can be judged and healed. Pure.

Flows in: what discovery understood of each project. Flows out: findings about each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from everup.app.doctor.findings import Finding, count, ok, some, weak, wrong
from everup.app.strangers import strangers
from everup.model.stack import ProbeSpec
from everup.runtimes.docker.discovery import (
    Around,
    Container,
    Discovered,
    Project,
    ProjectKind,
)
from everup.runtimes.docker.discovery.compose_file import DEPENDS_ON_LABEL

CHECK = "projects"
MISTAKES_MOST = 5
NONE = "no"
UP = frozenset({"running", "paused", "restarting"})


def judge_projects(projects: Sequence[Project], address: str, wanted: str | None = None) -> Finding:
    """Is there anything to watch, and the one that is wanted?"""
    found = [project for project in projects if project.services]
    if wanted and wanted not in [project.name for project in found]:
        known = some([project.name for project in found]) if found else "none"
        fix = "correct --project or EVERUP_PROJECT, or start it: docker compose up -d"
        return wrong(CHECK, f"there is no project {wanted}; there are: {known}", fix)
    if not found:
        fix = "start your services: docker compose up -d"
        return weak(CHECK, f"no container runs on {address}", fix)
    names = some([f"{one.name} ({count(len(one.services), 'service')})" for one in found])
    return ok(CHECK, f"{count(len(found), 'project')}: {names}")


def judge_project(seen: Discovered) -> Iterator[Finding]:
    """One project: by whom it is managed, what can be judged, what the engine starts by itself."""
    project = seen.project
    if project.managed_by:
        yield weak(
            "managed",
            f"{project.managed_by} manages it, so Everup only observes it",
            f"leave it to {project.managed_by}, or run it with docker compose",
            project.name,
        )
        return
    is_by_hand = project.kind is ProjectKind.STANDALONE  # what has ended there is of no concern
    lasting = [
        name
        for name, spec in seen.stack.services.items()
        if not spec.is_one_shot and not (is_by_hand and not _is_up(project.services[name]))
    ]
    if lasting:
        yield _judged(seen, lasting)
        yield _policies(seen, lasting)
    yield from _mistakes(seen)


def judge_files(seen: Discovered, texts: Mapping[str, str | None]) -> Finding | None:
    """The Compose files, where only they say who needs whom."""
    project = seen.project
    if project.kind is not ProjectKind.COMPOSE or not project.services or project.managed_by:
        return None
    check = "compose files"
    lacking = [path for path, text in texts.items() if text is None]
    if lacking:
        folder = project.working_dir or lacking[0].rpartition("/")[0] or "/"
        return weak(
            check,
            f"{some(lacking)} cannot be read from here: who needs whom is only guessed",
            f"let everup read it; in a container, mount it: -v {folder}:{folder}:ro; or add "
            "everup.depends_on labels",
            project.name,
        )
    if texts:
        return ok(check, f"{some(list(texts))} can be read", project.name)
    if any(DEPENDS_ON_LABEL not in copies[0].labels for copies in project.services.values()):
        return weak(
            check,
            "its containers do not say which Compose files they come from: who needs whom is only "
            "guessed",
            "add everup.depends_on labels, or start the project with Compose 2",
            project.name,
        )
    return ok(check, "not needed: the containers say who needs whom", project.name)


def judge_autoheal(around: Around, projects: Sequence[Project]) -> Iterator[Finding]:
    """Another healer at work beside us."""
    for healer in around.beside:
        handled = [
            name
            for project in projects
            for name, copies in project.services.items()
            if any(healer.settings.handles(one) for one in copies)
        ]
        what = f"restarts {some(handled)}" if handled else "finds nothing to restart"
        yield weak(
            "autoheal",
            f"autoheal runs as {healer.container} and {what}; Everup leaves that to it",
            f"docker stop {healer.container}; its labels are understood by Everup",
        )


def _judged(seen: Discovered, lasting: Sequence[str]) -> Finding:
    blind = [
        name
        for name in lasting
        if not seen.stack.services[name].says_how_to_ask and seen.traits[name].check is None
    ]
    known = len(lasting) - len(blind)
    inferred = strangers(seen)
    asked = [name for name in blind if isinstance(inferred.get(name), ProbeSpec)]
    said = f"{known} of {len(lasting)} can be judged"
    said += f", {len(asked)} more by what they are known to speak" if asked else ""
    if not blind:
        return ok("coverage", said, seen.project.name)
    return weak(
        "coverage",
        f"{said}; without a healthcheck it is only seen whether one runs",
        f"give a healthcheck or the label everup.probe to: {some(blind)}",
        seen.project.name,
    )


def _policies(seen: Discovered, lasting: Sequence[str]) -> Finding:
    policies = {name: seen.traits[name].restart_policy or NONE for name in lasting}
    without = [name for name, policy in policies.items() if policy == NONE]
    if not without:
        many = sorted(Counter(policies.values()).items())
        said = ", ".join(f"{policy} {number}" for policy, number in many)
        return ok("restart policies", said, seen.project.name)
    if seen.project.kind is ProjectKind.STANDALONE:
        fix = f"docker update --restart unless-stopped {' '.join(without)}"
    else:
        fix = f"write restart: unless-stopped in the Compose file for: {some(without)}"
    return weak(
        "restart policies",
        f"{len(without)} of {len(lasting)} have none: after a reboot only Everup starts them",
        fix,
        seen.project.name,
    )


def _mistakes(seen: Discovered) -> Iterator[Finding]:
    """What is written in labels and cannot be understood; the same on several containers once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for note in seen.notes:
        if note.is_mistake:
            alike.setdefault((note.text, note.fix), []).append(
                note.about.removeprefix("container ")
            )
    for (text, fix), about in list(alike.items())[:MISTAKES_MOST]:
        advice = fix or "correct the label, and make the container anew"
        yield weak("labels", f"on {some(about)}: {text}", advice, seen.project.name)


def _is_up(copies: Sequence[Container]) -> bool:
    return any(one.lived.status in UP for one in copies)
