"""What belongs to this run of Everup rather than to the stack: address, pace, state folder.

Called by `load` with one mapping of fields per layer (file, environment, flags); the last one that
names an option wins, and every layer is checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from everup.config import notify
from everup.config import router as routers
from everup.config.addresses import host_and_port, joined
from everup.config.careful import Pace
from everup.config.reading import Field, Reader, choice, maybe, number, text
from everup.config.secret_keys import given_key
from everup.config.tokens import given_token
from everup.model.notice import HeartbeatSpec, NotifierSpec
from everup.model.routing import RouterSpec

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8010
STATE_FOLDER = ".everup"
CLUSTER_SCHEMES = ("tcp", "tls")
TIME_SCALE_LEAST, TIME_SCALE_MOST = 0.01, 100.0

T = TypeVar("T")
Layers = Sequence[Mapping[str, Field]]


class LogLevel(StrEnum):
    """What is worth a line in the log file."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Options:
    """Where Everup listens, at what pace it lives, where it keeps its state, what it read."""

    file: Path
    state_dir: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    time_scale: float = 1.0
    log_directory: Path | None = None
    log_level: LogLevel = LogLevel.INFO
    notifiers: tuple[NotifierSpec, ...] = ()
    heartbeat: HeartbeatSpec | None = None
    router: RouterSpec | None = None
    training_cluster: str = ""  # of a Dask scheduler; "": models are trained in one process here
    token: str = field(default="", repr=False)  # given by its owner; "": one is made where needed
    token_source: str = ""  # the variable or the file that it came from
    secret_key: str = field(default="", repr=False)  # "": one is made in the state folder
    secret_key_source: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Can only this machine reach us?"""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_options(
    layers: Layers, file: Path, environ: Mapping[str, str] = MappingProxyType({})
) -> Options:
    """The options of all layers together."""
    host, port = last(layers, "listen", listen) or (DEFAULT_HOST, DEFAULT_PORT)
    state_dir = last(layers, "state_dir", text)
    log_directory = last(layers, "log_directory", text)
    time_scale = last(layers, "time_scale", number(TIME_SCALE_LEAST, TIME_SCALE_MOST))
    beat = notify.heartbeat(layers[0].get("heartbeat"), environ)
    for layer in layers[1:]:
        if "heartbeat_url" in layer:
            beat = notify.heartbeat_from(layer["heartbeat_url"], beat)
    router = routers.router(layers[0].get("router"), file.parent)
    for layer in layers[1:]:
        if "router" in layer:
            router = routers.router_from(layer["router"], router, file.parent)
    token, token_source = given_token(layers, file.parent)
    secret_key, secret_key_source = given_key(variables(layers), file.parent)
    return Options(
        file=file,
        state_dir=Path(state_dir).absolute() if state_dir else file.parent / STATE_FOLDER,
        host=host,
        port=port,
        time_scale=1.0 if time_scale is None else time_scale,
        log_directory=None if log_directory is None else file.parent / log_directory,
        log_level=last(layers, "log_level", choice(LogLevel)) or LogLevel.INFO,
        notifiers=notify.notifiers(layers[0].get("notify"), environ, file.parent),
        heartbeat=beat,
        router=router,
        training_cluster=last(layers, "training_cluster", cluster) or "",
        token=token,
        token_source=token_source,
        secret_key=secret_key,
        secret_key_source=secret_key_source,
    )


def variables(layers: Layers) -> Mapping[str, Field]:
    """The layer of the environment: file, environment, flags."""
    return layers[1] if len(layers) > 1 else {}


def read_pace(layers: Layers) -> Pace:
    """The stack's mode or preset; whoever says nothing only observes."""
    return last(layers, "mode", choice(Pace)) or Pace.OBSERVE


def last(layers: Layers, name: str, reader: Reader[T]) -> T | None:
    """The value of the last layer that has one; all of them are read, so all are checked."""
    found: T | None = None
    for layer in layers:
        value = maybe(layer, name, reader)
        found = found if value is None else value
    return found


def cluster(field: Field) -> str | None:
    """`tcp://scheduler:8786` or `tls://scheduler:8786`: where a Dask scheduler listens."""
    line = text(field)
    if line is None:
        return None
    scheme, _, place = line.partition("://")
    try:
        if scheme not in CLUSTER_SCHEMES:
            raise ValueError("names no cluster")
        if not host_and_port(place)[1].isdigit():
            raise ValueError("names no port")
    except ValueError as error:
        field.wrong(str(error), "write tcp://scheduler:8786 or tls://scheduler:8786")
        return None
    return f"{scheme}://{joined(place)}"


def listen(field: Field) -> tuple[str, int] | None:
    """`127.0.0.1:8010`, `[::1]:8010`, or a port alone, which means loopback."""
    line = text(field)
    if line is None:
        return None
    try:
        host, port = host_and_port(line, default_host=DEFAULT_HOST)
        return host, int(port)
    except ValueError as error:
        field.wrong(str(error).replace("127.0.0.1:5432", f"{DEFAULT_HOST}:{DEFAULT_PORT}"))
        return None
