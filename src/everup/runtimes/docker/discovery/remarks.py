"""What people should know of a project that was found. Pure; called by `build`.

Mistakes are noted where they are read; here is what was understood, and what it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from everup.model.kinds import DependencyKind
from everup.model.stack import ServiceSpec
from everup.runtimes.docker.discovery.around import Around
from everup.runtimes.docker.discovery.grouping import Project
from everup.runtimes.docker.discovery.notes import Note
from everup.runtimes.docker.discovery.traits import Traits


def project_notes(project: Project, around: Around, left_out: Sequence[str]) -> Iterator[Note]:
    """Of the project as a whole."""
    if project.managed_by:
        yield Note(
            "",
            f"{project.managed_by} manages it, so it is only observed: two that act would undo "
            "each other",
            holds_back=True,
        )
    if project.own:
        names = ", ".join(one.name for one in project.own)
        yield Note("", f"{names}: Everup itself; never acted upon")
    if project.one_offs:
        names = ", ".join(one.name for one in project.one_offs[:5])
        yield Note("", f"{names}: made by compose run, no part of a service")
    for name in left_out:
        yield Note(name, "left out, as its label everup.enable says")
    for healer in around.beside:
        handled = sorted(
            name
            for name, copies in project.services.items()
            if any(healer.settings.handles(one) for one in copies)
        )
        if handled:
            yield Note(
                "",
                f"autoheal runs as {healer.container} and restarts {', '.join(handled)}; Everup "
                "leaves restarts of them to it",
                f"stop {healer.container} to have Everup do it; their labels are understood",
                holds_back=True,
            )


def service_notes(seen: Traits, spec: ServiceSpec) -> Iterator[Note]:
    """Of one service."""
    if spec.is_stateful and seen.stateful_because:
        fix = "" if seen.product else "a read-only mount, or everup.stateful=false, says otherwise"
        yield Note(spec.name, f"stateful: {', '.join(seen.stateful_because)}", fix)
    elif seen.stateful_because and not spec.is_stateful:
        why = ", ".join(seen.stateful_because)
        yield Note(
            spec.name, f"{why}, and is declared everup.stateful=false: it gets no extra care"
        )
    if spec.is_one_shot and seen.one_shot_because:
        yield Note(spec.name, f"runs once: {seen.one_shot_because}")
    if seen.consents_by_autoheal and not seen.handled_by_autoheal and not spec.mode:
        yield Note(spec.name, "its autoheal label consents to restarts, so they need no approval")
    if seen.network_is_lost:
        yield Note(
            spec.name,
            "uses the network of a container that was replaced, so it has none now",
            "recreate it: a restart does not help",
        )
    guessed = [
        f"{edge.target} ({edge.source}, {edge.confidence:g})"
        for edge in spec.depends_on
        if edge.confidence < 1.0 and edge.kind is DependencyKind.HARD
    ]
    if guessed:
        yield Note(
            spec.name,
            f"seems to need {', '.join(guessed)}",
            "write depends_on, or everup.depends_on, to be sure of it",
        )
    if spec.max_instances > spec.instances and seen.no_scale_out:
        yield Note(
            spec.name, f"cannot get more copies: {', '.join(no.text for no in seen.no_scale_out)}"
        )
