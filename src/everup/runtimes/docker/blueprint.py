"""What a container is made of, taken from one that exists: enough to make its equal. Pure.

Flows in: a container's document, whether its image's name still means the image that it runs, or
content that was captured earlier and is not to be trusted. Flows out: a `Blueprint`, and from it
the bodies of the engine's create and connect calls.

The property that matters: the document of a container made from a blueprint equals that of the one
it was taken from, but for identity. So everything is carried over as it stands, and only what is
the old one's own is left out: its host name and alias when they are its id, its addresses when the
engine chose them. Anonymous volumes are attached by their names (`volumes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from everup.model.errors import GiveUp
from everup.runtimes.docker import volumes
from everup.runtimes.docker.containers import Container, section

ID_CHARS = 12
_ENDPOINT = ("Links", "Aliases", "DriverOpts", "IPAMConfig", "GwPriority")
_MAC, _CHOSEN_MAC = "MacAddress", "DesiredMacAddress"
_SHARED = ("host", "none", "container:", "service:")
_FIELDS = ("image", "env", "config", "host", "networks")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """`config` has no Env and no Image; those stand apart, where people look for them."""

    image: str
    env: Mapping[str, str | None]  # None: named without a value
    config: Mapping[str, Any]
    host: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def content(self) -> dict[str, object]:
        """JSON-able."""
        return {name: getattr(self, name) for name in _FIELDS}

    def with_labels(self, labels: Mapping[str, str]) -> Blueprint:
        """The same with these labels beside the others."""
        merged = {**section(self.config, "Labels"), **labels}
        return replace(self, config={**self.config, "Labels": merged})

    def in_place_of(self, old: Container) -> Blueprint:
        """The same with the volumes of the one whose place it takes."""
        return replace(self, host=volumes.carried(self.host, self.config, old.document))

    def body(self) -> dict[str, Any]:
        """For the create call. Older engines take one network there; the rest is connected."""
        env = [f"{name}={value}" if value is not None else name for name, value in self.env.items()]
        first = self._first_network()
        networking = {first: dict(self.networks[first])} if first else {}
        return {
            **self.config,
            "Image": self.image,
            "Env": env,
            "HostConfig": dict(self.host),
            "NetworkingConfig": {"EndpointsConfig": networking},
        }

    def further_networks(self) -> Mapping[str, Mapping[str, Any]]:
        """Those to connect before the start."""
        first = self._first_network()
        return {name: end for name, end in self.networks.items() if name != first}

    def _first_network(self) -> str:
        mode = str(self.host.get("NetworkMode") or "default")
        if mode.startswith(_SHARED):
            return ""
        return mode if mode in self.networks else next(iter(self.networks), "")


def blueprint_of(container: Container, image: str) -> Blueprint:
    """Of a container as it is. `image`: what to make the next one from, a name or an id."""
    document = container.document
    config = dict(section(document, "Config"))
    config.pop("Image", None)
    env = dict(_pair(line) for line in config.pop("Env", None) or ())
    host = dict(section(document, "HostConfig"))
    is_borrower = str(host.get("NetworkMode") or "").startswith("container:")
    if is_borrower or str(config.get("Hostname") or "") == container.id[:ID_CHARS]:
        config.pop("Hostname", None)  # a borrower has its lender's
    return Blueprint(image, env, config, volumes.named(host, document), _networks(container))


def parse_blueprint(content: Mapping[str, object]) -> Blueprint:
    """The blueprint that this content describes.

    Raises:
        GiveUp: a field is missing, unknown, or of the wrong kind.
    """
    for name in content:
        if name not in _FIELDS:
            raise GiveUp(f"{name}: there is no such field; known are {', '.join(_FIELDS)}")
    for name in _FIELDS:
        is_fit = isinstance(content.get(name), str if name == "image" else Mapping)
        if not is_fit:
            kind = "a text" if name == "image" else "a mapping"
            raise GiveUp(f"{name}: {content.get(name)!r} will not do; it must be {kind}")
    return Blueprint(**{name: content[name] for name in _FIELDS})  # type: ignore[arg-type]


def _pair(line: str) -> tuple[str, str | None]:
    name, is_set, value = str(line).partition("=")
    return name, value if is_set else None


def _networks(container: Container) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    networks = section(section(container.document, "NetworkSettings"), "Networks")
    for name, end in networks.items():
        kept = {key: end[key] for key in _ENDPOINT if end.get(key) is not None}
        if end.get(_CHOSEN_MAC):  # the other one may be the engine's choice, for this life alone
            kept[_MAC] = end[_CHOSEN_MAC]
        aliases = [a for a in kept.get("Aliases") or () if a != container.id[:ID_CHARS]]
        if aliases:
            kept["Aliases"] = aliases
        else:
            kept.pop("Aliases", None)
        found[name] = kept
    return found
