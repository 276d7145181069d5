"""`docker inspect` of one container → Container. Called by `grouping`. Never raises.

Understands what engines from API 1.41 on write, and takes what is odd for missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from everup.model.kinds import UNKNOWN
from everup.runtimes.docker.discovery.container import (
    Attachment,
    Container,
    Lived,
    Mounted,
    OwnerCheck,
    PublishedPort,
)
from everup.runtimes.docker.discovery.document import (
    is_true,
    items,
    mapping,
    number,
    pairs,
    text,
    texts,
)
from everup.runtimes.docker.discovery.image_word import IMAGE_LABELS

NANO = 1e9
DEFAULT_CPU_PERIOD = 100_000
CHECK_DEFAULTS = OwnerCheck(())
_SHORT_ID = 12
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def read_container(document: object) -> Container | None:
    """The container that this document describes; None when it has no id or no name."""
    identity = text(document, "Id")
    name = text(document, "Name").lstrip("/")
    if not identity or not name:
        return None
    return Container(
        id=identity,
        name=name,
        image=text(document, "Config", "Image"),
        image_id=text(document, "Image"),
        command=(text(document, "Path"), *texts(document, "Args")),
        labels=pairs(document, "Config", "Labels"),
        image_labels=_image_labels(document),
        env=_env(texts(document, "Config", "Env")),
        lived=Lived(
            status=text(document, "State", "Status"),
            exit_code=int(number(document, "State", "ExitCode")),
            created_at=moment(text(document, "Created")),
            started_at=moment(text(document, "State", "StartedAt")),
            finished_at=moment(text(document, "State", "FinishedAt")),
        ),
        restart_policy=text(document, "HostConfig", "RestartPolicy", "Name"),
        restarts_most=int(number(document, "HostConfig", "RestartPolicy", "MaximumRetryCount")),
        is_auto_removed=is_true(document, "HostConfig", "AutoRemove"),
        network_mode=text(document, "HostConfig", "NetworkMode"),
        networks=_networks(document, identity),
        links=texts(document, "HostConfig", "Links"),
        volumes_from=texts(document, "HostConfig", "VolumesFrom"),
        mounts=tuple(map(_mount, items(document, "Mounts"))),
        ports=_ports(document),
        has_devices=bool(
            items(document, "HostConfig", "Devices")
            or items(document, "HostConfig", "DeviceRequests")
            or is_true(document, "HostConfig", "Privileged")
        ),
        memory_bytes=number(document, "HostConfig", "Memory") or UNKNOWN,
        cpus=_cpus(document),
        stop_signal=text(document, "Config", "StopSignal"),
        stop_timeout_s=_stop_timeout(document),
        check=_check(document),
        is_check_off=texts(document, "Config", "Healthcheck", "Test")[:1] == ("NONE",),
        exposed=_exposed(document),
    )


def _image_labels(document: object) -> dict[str, str]:
    """Of an image that could not be read they may be any."""
    is_unread = mapping(document).get(IMAGE_LABELS, "not asked") is None
    return pairs(document, "Config", "Labels") if is_unread else pairs(document, IMAGE_LABELS)


def moment(written: str) -> float:
    """The engine's time as seconds since 1970; NaN for "never", which it writes as year 1."""
    match = _MOMENT.fullmatch(written)
    if match is None or written.startswith("0001"):
        return UNKNOWN
    date, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(date + zone.replace("Z", "+00:00"))
    except ValueError:
        return UNKNOWN
    return at.astimezone(UTC).timestamp() + float(fraction or 0)


def _env(lines: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, equal, value in (line.partition("=") for line in lines) if equal}


def _networks(document: object, identity: str) -> tuple[Attachment, ...]:
    found = []
    for name, network in mapping(document, "NetworkSettings", "Networks").items():
        # The short id is added to the aliases by the engine; nobody writes it into a configuration.
        aliases = {*texts(network, "Aliases"), *texts(network, "DNSNames")}
        aliases.discard(identity[:_SHORT_ID])
        addresses = mapping(network, "IPAMConfig")
        found.append(
            Attachment(
                network=str(name),
                aliases=tuple(sorted(aliases)),
                links=texts(network, "Links"),
                static_addresses=tuple(
                    address
                    for field in ("IPv4Address", "IPv6Address")
                    if (address := text(addresses, field))
                ),
            )
        )
    return tuple(sorted(found, key=lambda attachment: attachment.network))


def _mount(document: object) -> Mounted:
    kind = text(document, "Type")
    source = text(document, "Name") if kind == "volume" else text(document, "Source")
    # An engine that says nothing of RW leaves it writable: less is done to what may hold data.
    is_writable = mapping(document).get("RW") is not False
    return Mounted(kind, source, text(document, "Destination"), is_writable)


def _ports(document: object) -> tuple[PublishedPort, ...]:
    found: set[PublishedPort] = set()
    for written, bindings in mapping(document, "HostConfig", "PortBindings").items():
        port, _, protocol = str(written).partition("/")
        for binding in items({"all": bindings}, "all"):
            found.add(
                PublishedPort(
                    port=_port(port),
                    protocol=protocol or "tcp",
                    host_port=_port(text(binding, "HostPort")),
                    host_ip=text(binding, "HostIp"),
                )
            )
    return tuple(sorted(found, key=lambda p: (p.port, p.protocol, p.host_port, p.host_ip)))


def _exposed(document: object) -> tuple[int, ...]:
    written = (str(name).partition("/") for name in mapping(document, "Config", "ExposedPorts"))
    found = {_port(digits) for digits, _, protocol in written if protocol in {"", "tcp"}}
    return tuple(sorted(found - {0}))


def _port(digits: str) -> int:
    is_port = digits.isascii() and digits.isdigit() and len(digits) <= 5
    return int(digits) if is_port else 0


def _cpus(document: object) -> float:
    nano = number(document, "HostConfig", "NanoCpus")
    if nano > 0:
        return nano / NANO
    quota = number(document, "HostConfig", "CpuQuota")
    period = number(document, "HostConfig", "CpuPeriod") or DEFAULT_CPU_PERIOD
    return quota / period if quota > 0 and period > 0 else UNKNOWN


def _stop_timeout(document: object) -> float | None:
    declared: Mapping[str, object] = mapping(document, "Config")
    value = declared.get("StopTimeout")
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return number(declared, "StopTimeout")


def _check(document: object) -> OwnerCheck | None:
    declared = mapping(document, "Config", "Healthcheck")
    command = texts(declared, "Test")
    if not command or command[0] == "NONE":
        return None
    interval = number(declared, "Interval") / NANO
    timeout = number(declared, "Timeout") / NANO
    retries = int(number(declared, "Retries"))
    return OwnerCheck(
        command=command,
        interval_s=interval if interval > 0 else CHECK_DEFAULTS.interval_s,
        timeout_s=timeout if timeout > 0 else CHECK_DEFAULTS.timeout_s,
        retries=retries if retries > 0 else CHECK_DEFAULTS.retries,
        start_period_s=max(0.0, number(declared, "StartPeriod") / NANO),
    )
