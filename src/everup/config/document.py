"""The top level of everup.yaml → Stack and Settings, with the checks that need everything at once.

Called by `load` with the file's fields and, on top of them, those of the environment and the flags.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from everup.config.careful import with_pace
from everup.config.dependencies import check_edges
from everup.config.errors import Problems, did_you_mean
from everup.config.found import FOUND, Refinement
from everup.config.maintenance import windows
from everup.config.options import Layers, Options, read_pace
from everup.config.parts import modes
from everup.config.ports import check_ports
from everup.config.reading import Field, maybe, take, text
from everup.config.scaling import prices
from everup.config.service import NAME_RULE, Read, is_name, service
from everup.config.settings_rules import (
    NAMES,
    THRESHOLD_NAMES,
    Chosen,
    build_settings,
    read_settings,
)
from everup.model.settings import Settings
from everup.model.sizing import LIST_PRICES
from everup.model.stack import ServiceSpec, Stack
from everup.model.window import Window

FIELDS = (
    *("stack", "project", "runtime", "mode", "modes", "time_scale", "listen"),
    *("thresholds", "settings", "maintenance", "quiet_hours", "services"),
    *(
        "log_directory",
        "log_level",
        "notify",
        "heartbeat",
        "router",
        "prices",
        "token_file",
        "training_cluster",
    ),
)
WINDOWS = ("maintenance", "quiet_hours")
SERVICES_MOST = 10_000
NAMES_SHOWN_MOST = 3
_SERVICES = "services with a probe or fields each"


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that the file says; `warnings` are sentences that name their place. Where the
    stack is found on an engine, `refinement` is what the file says of it, and `stack` is empty."""

    stack: Stack
    settings: Settings
    warnings: tuple[str, ...]
    refinement: Refinement | None = None


def read_document(
    root: Field,
    layers: Layers,
    options: Options,
    problems: Problems,
    runtimes: Collection[str],
    *,
    is_found: bool = False,
) -> Document:
    """Read the stack. `layers` begin with the file's own fields; the result is only of use when no
    problem was added. `is_found`: it lays over a project that runs on an engine, whether the file
    says so or not."""
    given = layers[0]
    settings = settings_of(layers, problems)
    runtime = maybe(given, "runtime", text) or (FOUND if is_found else "processes")
    if "runtime" in given and runtime not in runtimes:
        given["runtime"].wrong("is not a runtime", did_you_mean(runtime, runtimes))
    if runtime == FOUND:
        return _over_what_is_found(root, given, settings, options, problems, is_found=is_found)
    _check_not_found(given, runtime, is_found=is_found)
    reads = [
        service(name, field, settings, options.file.parent)
        for name, field in _service_fields(root, given).items()
    ]
    services = {read.spec.name: read.spec for read in reads}
    warnings = check_edges(services, {read.spec.name: read.edges for read in reads})
    if runtime == "processes":
        warnings += check_ports(reads, options, problems)
    _check_thresholds(reads, settings)
    _check_standbys(reads, services)
    maintenance = given.get("maintenance")
    quiet_hours = given.get("quiet_hours")
    stack_wide = () if quiet_hours is None else windows(quiet_hours, services)
    stack = Stack(
        name=_name(root, given),
        services=services,
        modes=take(given, "modes", modes, {}),
        runtime=runtime,
        maintenance=() if maintenance is None else windows(maintenance, services),
        quiet_hours=(*stack_wide, *_own_quiet_hours(reads)),
        prices=take(given, "prices", prices, LIST_PRICES),
    )
    stack = with_pace(stack, read_pace(layers))
    stack = replace(stack, digest=digest(stack), file=str(options.file))
    return Document(stack, settings, (*_listening(options), *warnings, *_grouped_notes(reads)))


def _over_what_is_found(
    root: Field,
    given: Mapping[str, Field],
    settings: Settings,
    options: Options,
    problems: Problems,
    *,
    is_found: bool,
) -> Document:
    """What the file says of a project that is yet to be found."""
    is_named = is_found or "project" in given
    fields = {} if is_named and "services" not in given else _service_fields(root, given)
    folder = options.file.parent
    reads = [service(name, f, settings, folder, is_found=True) for name, f in fields.items()]
    _check_thresholds(reads, settings)
    project = maybe(given, "project", text) or (
        _name(root, given, is_found=True) if "stack" in given or not is_named else ""
    )
    refinement = Refinement(
        project or "",
        tuple(reads),
        maybe(given, "modes", modes) or {},
        {name: given[name] for name in WINDOWS if name in given},
        problems,
        maybe(given, "prices", prices),
    )
    file = str(options.file)
    stack = Stack(name=refinement.project, services={}, runtime=FOUND, file=file)
    return Document(stack, settings, tuple(_listening(options)), refinement)


def _check_not_found(given: Mapping[str, Field], runtime: str, *, is_found: bool) -> None:
    """A project is found on an engine alone."""
    if "project" in given:
        given["project"].wrong(
            f"means something for runtime: {FOUND} alone", f"write runtime: {FOUND}, or remove it"
        )
    elif is_found:
        given["runtime"].wrong(
            "stands in the way of --project, which names a project of an engine",
            f"write runtime: {FOUND}, or leave --project out",
        )


def _own_quiet_hours(reads: Sequence[Read]) -> Iterator[Window]:
    """What stands under a service is for that service alone."""
    for read in reads:
        field = read.given.get("quiet_hours")
        for window in () if field is None else windows(field, (), is_of_service=True):
            yield replace(window, services=(read.spec.name,))


def digest(stack: Stack) -> str:
    """The first 16 hex digits of a hash over all that is declared; equal stacks, equal digests."""
    content = json.dumps(asdict(replace(stack, digest="")), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def settings_of(layers: Layers, problems: Problems) -> Settings:
    """The settings of all layers together."""
    chosen: dict[str, Chosen] = {}
    file = layers[0]
    if "thresholds" in file:
        given = file["thresholds"].fields(THRESHOLD_NAMES, "thresholds by name")
        chosen |= read_settings({THRESHOLD_NAMES[name]: field for name, field in given.items()})
    if "settings" in file:
        if "time_scale" in (given := file["settings"].fields((*NAMES, "time_scale"), "settings")):
            given.pop("time_scale").wrong("stands at the top of the file", "move it there")
        for name in set(given) & set(chosen):
            given[name].wrong(f"is also set by {chosen[name].field.path}", "keep one of them")
        chosen |= read_settings(given)
    for layer in layers[1:]:
        chosen |= read_settings({name: field for name, field in layer.items() if name in NAMES})
    return build_settings(chosen, problems)


def _name(root: Field, given: Mapping[str, Field], *, is_found: bool = False) -> str:
    field = given.get("stack")
    if field is None:
        root.wrong("has no stack: with a name", "add stack: my-stack at the top")
        return ""
    name = text(field) or ""
    if name and not is_found and not is_name(name):
        field.wrong("is not a name for a stack", NAME_RULE)
    return name


def _service_fields(root: Field, given: Mapping[str, Field]) -> dict[str, Field]:
    """Each service's field by name, from a mapping, a list of names, or a list of pairs."""
    field = given.get("services")
    if field is None:
        root.wrong("has no services", "add services: {web: http://127.0.0.1:8080/health}")
        return {}
    found = _listed(field) if field.node.kind == "list" else field.entries(_SERVICES)
    if len(found) > SERVICES_MOST:
        field.wrong(f"has {len(found)} services, above {SERVICES_MOST}", "split the stack")
        return {}
    if not found and field.node.kind != "scalar":
        field.wrong("names no service", "write at least one")
    return found


def _listed(field: Field) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for item in field.items(_SERVICES):
        if item.node.kind == "mapping" and len(item.node.entries) == 1:
            entry = item.node.entries[0]
            name, child = entry.key, field.child(entry.key, entry.node)
        elif item.node.kind == "scalar" and not item.node.is_empty:
            empty = replace(item.node, raw="", is_quoted=False)
            name, child = item.raw, field.child(item.raw, empty)
        else:
            item.wrong("is not one service", "write - web, or - web: http://127.0.0.1:8080/health")
            continue
        if name in found:
            item.wrong(f"'{name}' stands twice", "keep one of them", has_value=False)
        found[name] = child
    return found


def _check_thresholds(reads: Sequence[Read], settings: Settings) -> None:
    for read in reads:
        threshold = read.spec.health_threshold
        if threshold is not None and threshold < settings.graceful_restart_below:
            read.given["thresholds"].wrong(
                f"health_score is {threshold:g}, below graceful_restart_below, which is "
                f"{settings.graceful_restart_below:g}: a healthy service could be restarted",
                f"keep it at or above {settings.graceful_restart_below:g}",
                has_value=False,
            )


def _check_standbys(reads: Sequence[Read], services: Mapping[str, ServiceSpec]) -> None:
    for read in reads:
        standby = read.spec.standby
        if standby and (standby not in services or standby == read.spec.name):
            read.given["standby"].wrong(
                "is no other service of this stack", did_you_mean(standby, services)
            )


def _listening(options: Options) -> list[str]:
    if options.is_loopback:
        return []
    reason = "is wider than this machine, so every call but GET /health needs the token"
    return [f"listen: {options.host} {reason}; with 127.0.0.1 nobody needs one"]


def _grouped_notes(reads: Sequence[Read]) -> list[str]:
    """Each note once, with the services that it is about."""
    by_note: dict[str, list[Read]] = {}
    for read in reads:
        for note in read.notes:
            by_note.setdefault(note, []).append(read)
    return [f"{_about(about)}: {note}" for note, about in by_note.items()]


def _about(reads: Sequence[Read]) -> str:
    names = ", ".join(read.spec.name for read in reads[:NAMES_SHOWN_MOST])
    more = len(reads) - NAMES_SHOWN_MOST
    return f"{reads[0].field.where}: {names}" + (f" and {more} more" if more > 0 else "")
