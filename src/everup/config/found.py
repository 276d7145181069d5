"""What an everup.yaml says of a project that is found on an engine, laid over what was found.

Flows in: the file as `document` read it, the stack that discovery made of containers and labels.
Flows out: that stack with the file's word where the file has one, or every problem at once. What a
container declares itself (its command, image, environment, limits) belongs in the Compose file, and
is refused here. Called by whoever found the stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from everup.config.dependencies import Edge, check_edges
from everup.config.errors import Problems, did_you_mean
from everup.config.maintenance import windows
from everup.config.parts import NO_FILES
from everup.config.reading import Field
from everup.config.scaling import check_scaling, laid_over
from everup.config.service import Read, check_quarantine
from everup.model.kinds import ActionKind, Mode
from everup.model.scaling import Spread
from everup.model.sizing import Prices
from everup.model.stack import Dependency, ServiceSpec, Stack
from everup.model.window import Window

FOUND = "docker"
"""The runtime whose stacks are found rather than declared."""

SOURCE = "everup.yaml"
OF_CONTAINER = ("command", "directory", "env", "user", "port", "limits", "releases")
PLAIN = {
    "probe": "probe",
    "priority": "priority",
    "stateful": "is_stateful",
    "one_shot": "is_one_shot",
    "start_period_s": "start_period_s",
    "recovery_most_s": "recovery_most_s",
    "busy_most_s": "busy_most_s",
    "quarantine": "quarantine_s",
    "mode": "mode",
    "thresholds": "health_threshold",
    "when_stopped": "heal_when_stopped",
    "config_files": "config_files",
    "restore_files": "restores_files",
    "router": "route",
}
"""Fields of the file that take the place of what was found, by their name in the model."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """The file's word. `project` may be empty: then the project is chosen as without a file."""

    project: str
    reads: tuple[Read, ...]
    modes: Mapping[ActionKind, Mode]
    windows: Mapping[str, Field]
    problems: Problems
    prices: Prices | None = None

    def over(self, stack: Stack, *, is_managed: bool = False) -> tuple[Stack, tuple[str, ...]]:
        """The stack with the file's word in it, and warnings. `is_managed`: an orchestrator acts on
        it, so that no mode may be widened.

        Raises:
            ConfigError: a service that is not there, a field that is not for it; with all of them.
        """
        services = dict(stack.services)
        edges: dict[str, tuple[Edge, ...]] = {}
        for read in self.reads:
            name = read.spec.name
            if name not in services:
                read.field.wrong(
                    f"is no service of project '{stack.name}'",
                    did_you_mean(name, services),
                    has_value=False,
                )
                continue
            services[name] = _laid_over(services[name], read)
            edges[name] = read.edges
        warnings = check_edges(services, edges)
        maintenance, quiet = self._windows(services)
        if self.problems:
            raise self.problems.error()
        if is_managed:
            services = {n: _as_found(services[n], spec) for n, spec in stack.services.items()}
        refined = replace(
            stack,
            services=services,
            modes=stack.modes if is_managed else {**stack.modes, **self.modes},
            maintenance=(*stack.maintenance, *maintenance),
            quiet_hours=(*stack.quiet_hours, *quiet),
            prices=self.prices or stack.prices,
        )
        return refined, tuple(warnings)

    def _windows(
        self, services: Mapping[str, ServiceSpec]
    ) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
        found = {name: windows(field, services) for name, field in self.windows.items()}
        own = tuple(self._own_quiet_hours())
        return found.get("maintenance", ()), (*found.get("quiet_hours", ()), *own)

    def _own_quiet_hours(self) -> Iterator[Window]:
        for read in self.reads:
            field = read.given.get("quiet_hours")
            for window in () if field is None else windows(field, (), is_of_service=True):
                yield replace(window, services=(read.spec.name,))


def _laid_over(found: ServiceSpec, read: Read) -> ServiceSpec:
    """One service: the file's word where it has one."""
    own, given = read.spec, read.given
    _check_given(given)
    changes: dict[str, Any] = {
        there: getattr(own, there) for name, there in PLAIN.items() if name in given
    }
    if "one_shot" in given:
        changes["is_one_shot_by_look"] = False  # its owner has said it
    if not given and own.probe is not None:  # the short form is a probe
        changes["probe"] = own.probe
    if "mode" in given:
        changes["modes"] = own.modes  # what a label says of single kinds is below the file
    elif "modes" in given:
        changes["modes"] = {**found.modes, **own.modes}
    if "hooks" in given:
        changes["hooks"] = {**found.hooks, **own.hooks}
    if "labels" in given:
        changes["labels"] = {**found.labels, **own.labels}
    if "depends_on" in given:
        changes["depends_on"] = _edges(found.depends_on, read.edges)
    if "stop" in given:
        changes["stop"] = _stop(found, read)
    if "instances" in given:
        changes |= _bounds(found, read)
    if "scaling" in given:
        changes["scaling"] = laid_over(found.scaling, given["scaling"], own.scaling)
    fetches = own.scaling is not None and own.scaling.queue is not None
    is_said = "router" in given or (fetches and found.spread is Spread.NONE)
    spread = own.spread if is_said else found.spread
    laid = replace(found, spread=spread, **changes)
    check_quarantine(laid, given)
    check_scaling(laid, given)
    return laid


def _check_given(given: Mapping[str, Field]) -> None:
    for name in OF_CONTAINER:
        if name in given:
            given[name].wrong(
                "is the container's own to say", "write it in the Compose file", has_value=False
            )
    if "config_files" in given:
        _check_paths(given["config_files"])


def _check_paths(field: Field) -> None:
    """They are paths in the container, and not beside the file."""
    node = field.node
    names = [node.raw] if node.kind == "scalar" else [item.raw for item in node.items]
    if names != [NO_FILES] and any(not name.startswith("/") for name in names):
        field.wrong(
            "names no whole path", "write paths as they are in the container: /etc/app.conf"
        )


def _edges(found: tuple[Dependency, ...], edges: tuple[Edge, ...]) -> tuple[Dependency, ...]:
    """Edge by edge: what the file does not say of one stays as it was found."""
    by_target = {edge.target: edge for edge in found}
    for edge in edges:
        wanted = replace(edge.dependency, source=SOURCE)
        before = by_target.pop(wanted.target, None)
        if edge.is_refused:
            continue
        if before is not None:
            if "kind" not in edge.given:
                wanted = replace(wanted, kind=before.kind)
            if not edge.given & {"kind", "weight"}:
                wanted = replace(wanted, weight=before.weight)
            if not edge.given & {"critical", "router"}:
                wanted = replace(wanted, is_critical=before.is_critical)
        by_target[wanted.target] = wanted
    return tuple(by_target[target] for target in sorted(by_target))


def _stop(found: ServiceSpec, read: Read) -> Any:
    field = read.given["stop"]
    if any(entry.key == "signal" for entry in field.node.entries):
        field.wrong(
            "names a signal, which is the container's own to say",
            "write stop_signal in the Compose file",
        )
    return replace(found.stop, grace_s=read.spec.stop.grace_s)


def _bounds(found: ServiceSpec, read: Read) -> dict[str, int | bool]:
    """Least and most copies; how many there are is seen, not declared."""
    field, own = read.given["instances"], read.spec
    names = {entry.key for entry in field.node.entries}
    if field.node.kind != "mapping" or "count" in names:
        field.wrong(
            "gives a number, and how many there are is the project's own to say",
            "write min and max, or scale it with Compose",
        )
        return {}
    least = own.min_instances if "min" in names else found.min_instances
    most = own.max_instances if "max" in names else max(found.max_instances, least)
    if not least <= found.instances <= most:
        field.wrong(f"does not hold the {found.instances} that there are", "change min or max")
    return {
        "min_instances": least,
        "max_instances": most,
        "has_bounds": found.has_bounds or own.has_bounds,
    }


def _as_found(laid: ServiceSpec, found: ServiceSpec) -> ServiceSpec:
    return replace(laid, mode=found.mode, modes=found.modes)
