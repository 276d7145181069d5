"""Makes a folder from which the reference stack can be run, with its ``everup.yaml``.

::

    DIRECTORY/everup.yaml      what to run, how to probe it, who needs whom
    DIRECTORY/knobs/           SERVICE.json: faults that survive a restart (see ``knobs``)
    DIRECTORY/postgres/        configuration, data, password (or elsewhere: ``postgres-home``)
    DIRECTORY/redis/           configuration, data, password
    DIRECTORY/qdrant/          points

Called by the demo and by tests. No password stands in ``everup.yaml``: services get the name of
a file.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

import everup
from everup.demo.stack.ports import free_base_port
from everup.demo.stack.servers.postgres import PreparedPostgres, prepare_postgres, remove_home
from everup.demo.stack.servers.redis import PreparedRedis, prepare_redis
from everup.demo.stack.topology import (
    CHECK_PATHS,
    PROFILES,
    STACK_NAME,
    Dependency,
    Profile,
    address_variable,
    base_ports,
)

Mode = Literal["observe", "approve", "auto"]
Section = dict[str, Any]

FILE_NAME = "everup.yaml"
INTERVAL_S, TIMEOUT_S = 5, 2


def write_stack(
    directory: Path,
    *,
    base_port: int | None = None,
    time_scale: float = 1.0,
    mode: Mode = "auto",
    listen: str = "127.0.0.1:8010",
    instances: Mapping[str, int] | None = None,
    modes: Mapping[str, Mode] | None = None,
) -> Path:
    """Prepares ``directory`` and returns the path of its ``everup.yaml``.

    Every service has ten ports from ``base_port`` on, or from a free place when that is None.
    ``instances`` says which services start with more than one, ``modes`` which have a mode of
    their own. Data and passwords of an earlier
    call are kept. Raises ``Missing`` when a real server is not installed.
    """
    directory = directory.resolve()
    for folder in (directory, directory / "knobs", directory / "qdrant"):
        folder.mkdir(parents=True, exist_ok=True)
    ports = base_ports(free_base_port() if base_port is None else base_port)
    postgres = prepare_postgres(directory, ports["postgres"])
    redis = prepare_redis(directory, ports["redis"])
    document: Section = {
        "stack": STACK_NAME,
        "runtime": "processes",
        "mode": mode,
        "time_scale": time_scale,
        "listen": listen,
        "services": sections(directory, ports, postgres, redis, instances or {}),
    }
    for name, own in (modes or {}).items():
        document["services"][name]["mode"] = own
    path = directory / FILE_NAME
    path.write_text(
        "# The reference stack. Written by everup.demo.stack; written anew at the next call.\n"
        + yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=100),
        encoding="utf-8",
    )
    return path


def remove_stack(directory: Path) -> None:
    """Deletes what ``write_stack`` made, data included, also what lies elsewhere.

    The stack must not be running. Does nothing to a folder without a stack in it.
    """
    if not (directory / FILE_NAME).is_file():
        return
    remove_home(directory)
    for name in ("knobs", "postgres", "redis", "qdrant"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / FILE_NAME).unlink()


def sections(
    directory: Path,
    ports: Mapping[str, int],
    postgres: PreparedPostgres,
    redis: PreparedRedis,
    instances: Mapping[str, int],
) -> dict[str, Section]:
    """One section per service, in an order in which they can be started."""
    services: dict[str, Section] = {}
    addresses = _addresses(directory, ports, postgres, redis)
    for profile in PROFILES:
        if profile.name == "postgres":
            own = _postgres(postgres)
        elif profile.name == "redis":
            own = _redis(redis, directory)
        else:
            own = _ours(profile, directory, addresses)
        services[profile.name] = {
            **own,
            "port": ports[profile.name],
            "instances": instances.get(profile.name, 1),
            **_declared(profile),
        }
    return services


def _postgres(server: PreparedPostgres) -> Section:
    own: Section = {"command": server.command, "directory": str(server.home)}
    if server.user:
        own["user"] = server.user
    own["probe"] = _probe("postgres", f"127.0.0.1:{server.port}")
    return own


def _redis(server: PreparedRedis, directory: Path) -> Section:
    return {
        "command": server.command,
        "directory": str(directory),
        "probe": _probe("redis", f"127.0.0.1:{server.port}"),
    }


def _probe(protocol: str, target: str) -> Section:
    """In the protocol that it speaks: no client is started for it, and no password is needed."""
    return {protocol: target, "interval_s": INTERVAL_S, "timeout_s": TIMEOUT_S}


def _ours(profile: Profile, directory: Path, addresses: Mapping[str, str]) -> Section:
    here = "http://127.0.0.1:{port}"
    environment = {
        "PYTHONPATH": str(Path(everup.__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "EVERUP_KNOBS_DIR": str(directory / "knobs"),
    }
    if profile.name == "qdrant":
        environment["DATA_DIR"] = str(directory / "qdrant")
    for need in profile.needs:
        environment.update(_address_of(need.target, addresses))
    return {
        "command": [sys.executable, "-m", "everup.demo.stack", profile.name],
        "directory": str(directory),
        "env": environment,
        "probe": _probe("http", here + CHECK_PATHS.get(profile.name, "/health")),
        "hooks": {
            "cache_clear": {"http": f"POST {here}/cache/clear"},
            "reconnect": {"http": f"POST {here}/reconnect"},
        },
    }


def _declared(profile: Profile) -> Section:
    """What a profile says, in the words of ``everup.yaml``."""
    # PostgreSQL takes SIGTERM as "wait until every session has ended"; SIGINT ends them.
    stop_signal = "SIGINT" if profile.name == "postgres" else "SIGTERM"
    declared: Section = {
        "limits": {"memory": f"{profile.memory_mib}MiB", "cpus": profile.cpus},
        "priority": profile.priority,
        "stateful": profile.stateful,
        "start_period_s": profile.start_period_s,
        "stop": {"signal": stop_signal, "grace_s": profile.stop_grace_s},
    }
    if profile.name == "worker":
        declared["spread"] = "queue"  # each one fetches its jobs from Redis
    if profile.needs:
        declared["depends_on"] = {need.target: _edge(need) for need in profile.needs}
    return declared


def _edge(need: Dependency) -> Section:
    edge: Section = {"kind": need.kind, "weight": need.weight}
    return {**edge, "critical": True} if need.critical else edge


def _addresses(
    directory: Path,
    ports: Mapping[str, int],
    postgres: PreparedPostgres,
    redis: PreparedRedis,
) -> dict[str, str]:
    addresses = {address_variable(name): f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return {
        **addresses,
        "DATABASE_URL": postgres.url,
        "DATABASE_PASSFILE": str(postgres.passfile),
        "REDIS_URL": redis.url,
        "REDIS_PASSWORD_FILE": str(redis.passfile),
    }


def _address_of(target: str, addresses: Mapping[str, str]) -> dict[str, str]:
    names = {
        "postgres": ("DATABASE_URL", "DATABASE_PASSFILE"),
        "redis": ("REDIS_URL", "REDIS_PASSWORD_FILE"),
    }.get(target, (address_variable(target),))
    return {name: addresses[name] for name in names}
