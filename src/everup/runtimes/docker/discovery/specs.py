"""One service of a project → its ServiceSpec and Traits, with notes. Pure; called by `build`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from everup.model.kinds import UNKNOWN
from everup.model.scaling import Spread
from everup.model.stack import Dependency, Limits, ServiceSpec
from everup.runtimes.docker.discovery import traits as of
from everup.runtimes.docker.discovery.around import Around
from everup.runtimes.docker.discovery.autoheal import AutohealSettings, stop_timeout_s
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.grouping import Project
from everup.runtimes.docker.discovery.label_scaling import fitting
from everup.runtimes.docker.discovery.labels import Wishes
from everup.runtimes.docker.discovery.modes import modes_of
from everup.runtimes.docker.discovery.names import Names
from everup.runtimes.docker.discovery.nature import nature_of
from everup.runtimes.docker.discovery.notes import Note
from everup.runtimes.docker.discovery.one_shots import one_shot_because
from everup.runtimes.docker.discovery.statefulness import family_of, reasons
from everup.runtimes.docker.discovery.stops import stop_spec


@dataclass(frozen=True, slots=True)
class Context:
    """What all services of one project share."""

    project: Project
    around: Around
    names: Names


def traits(
    context: Context,
    service: str,
    declared_network: str,
    children: Sequence[str],
    awaited_by: Sequence[str],
    is_used: bool = False,
) -> of.Traits:
    """The service as it is on the engine."""
    project, around = context.project, context.around
    copies = project.services[service]
    first = copies[0]
    network, is_lost = of.network_of(copies, context.names, declared_network, around.container_ids)
    family = family_of(service, copies)
    return of.Traits(
        service=service,
        container_ids=tuple(one.id for one in copies),
        container_names=tuple(one.name for one in copies),
        superseded=of.superseded(copies),
        image=first.image,
        image_id=first.image_id,
        restart_policy=first.restart_policy or "no",
        restarts_most=first.restarts_most,
        aliases=_all(alias for one in copies for net in one.networks for alias in net.aliases),
        networks=_all(net.network for one in copies for net in one.networks),
        ports=tuple(dict.fromkeys(port for one in copies for port in one.ports)),
        check=first.check,
        has_fixed_name=of.has_fixed_name(project, service, copies),
        product=family.product if family else "",
        managed_by=project.managed_by,
        stateful_because=reasons(service, copies),
        one_shot_because=one_shot_because(copies, awaited_by, is_used),
        is_awaited=bool(awaited_by),
        no_scale_out=of.no_scale_out(project, service, copies, children),
        no_recreate=of.no_recreate(project, copies),
        stop_first_because=of.stop_first(copies),
        network_of=network,
        network_is_lost=is_lost,
        network_children=tuple(children),
        anonymous_volumes=_all(m.target for one in copies for m in one.mounts if m.is_anonymous),
        consents_by_autoheal=not project.managed_by and around.autoheal.consents(first),
        handled_by_autoheal=around.healer_of(first),
    )


def spec(
    context: Context, found: of.Traits, wishes: Wishes, edges: tuple[Dependency, ...]
) -> tuple[ServiceSpec, list[Note]]:
    """The service as its owner declared it, as far as that can be seen."""
    notes: list[Note] = []
    copies = context.project.services[found.service]
    first = copies[0]
    autoheal = context.around.autoheal
    heals = autoheal if found.consents_by_autoheal else None
    if autoheal.handles(first) and not autoheal.consents(first):
        text = f"its label {autoheal.label} is its image's, which gives no consent"
        notes.append(Note(found.service, text, "write it in the Compose file", holds_back=True))
    count = len(copies) - len(found.superseded)
    least, most = _bounds(found.service, count, wishes, notes)
    modes = modes_of(
        wishes,
        is_managed=bool(found.managed_by),
        consents=found.consents_by_autoheal,
        healer=found.handled_by_autoheal,
    )
    check_start_s = first.check.start_period_s if first.check else 0.0
    stateful, one_shot = wishes.is_stateful, wishes.is_one_shot
    declared = ServiceSpec(
        name=found.service,
        instances=count,
        min_instances=least,
        max_instances=most,
        probe=wishes.probe,
        depends_on=edges,
        limits=Limits(first.memory_bytes, first.cpus, float(wishes.connections_most or UNKNOWN)),
        priority=wishes.priority,
        is_stateful=bool(found.stateful_because) if stateful is None else stateful,
        rollback_is_safe=wishes.rollback_is_safe,
        is_one_way=wishes.is_one_way,
        config_files=wishes.config_files,
        restores_files=wishes.restores_files,
        is_one_shot=bool(found.one_shot_because) if one_shot is None else one_shot,
        is_one_shot_by_look=one_shot is None
        and bool(found.one_shot_because)
        and not found.is_awaited,
        start_period_s=check_start_s if wishes.start_period_s is None else wishes.start_period_s,
        stop=stop_spec(first, _grace_s(first, wishes, heals, notes), notes),
        hooks=wishes.hooks,
        mode=modes.mode,
        modes=modes.modes,
        health_threshold=wishes.health_threshold,
        heal_when_stopped=wishes.heal_when_stopped,
        labels=wishes.labels,
        unasked_because=wishes.unasked_because,
        spread=_spread(wishes, copies),
        route=wishes.route,
        has_bounds=wishes.instances_least is not None or wishes.instances_most is not None,
        no_copies=found.no_scale_out,
        no_recreate=found.no_recreate,
        standby=wishes.standby,
        scaling=wishes.scaling,
        natures=tuple(sorted({nature_of(one, found.service) for one in copies})),
    )
    scaling, said = fitting(declared, context.project.services)
    return replace(declared, scaling=scaling), [*notes, *said]


def _spread(wishes: Wishes, copies: Sequence[Container]) -> Spread:
    if wishes.spread is not None or wishes.route is not None:
        return wishes.spread or Spread.ROUTER
    seen = of.spread_of(copies)
    has_queue = wishes.scaling is not None and wishes.scaling.queue is not None
    return Spread.QUEUE if seen is Spread.NONE and has_queue else seen


def _grace_s(
    first: Container, wishes: Wishes, heals: AutohealSettings | None, notes: list[Note]
) -> float | None:
    """Everup's label, then autoheal's where that counts; None: the container's own, or the default.

    Autoheal's variable is for all, so a timeout of the container itself is nearer and wins.
    """
    if wishes.stop_grace_s is not None or heals is None:
        return wishes.stop_grace_s
    labelled = stop_timeout_s(first, notes)
    if labelled is not None or first.stop_timeout_s is not None:
        return labelled
    return heals.stop_timeout_s


def _bounds(service: str, count: int, wishes: Wishes, notes: list[Note]) -> tuple[int, int]:
    """Least and most copies; the number that there is, where the labels do not fit it."""
    least = count if wishes.instances_least is None else wishes.instances_least
    most = count if wishes.instances_most is None else wishes.instances_most
    if least <= count <= most:
        return least, most
    text = f"everup.min_instances and everup.max_instances do not hold the {count} that there are"
    notes.append(Note(service, text, f"start between {least} and {most}, or change the labels"))
    return min(least, count), max(most, count)


def _all(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
