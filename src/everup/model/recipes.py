"""Recipes for clearing a cache: what an owner declares in one line, typed. Pure.

`redis:prefix=session:` and `redis:purge` (behind `redis` may stand a port),
`nginx:path=/var/cache/pages`, `http:PURGE http://:8080/assets/`. Read by `config` and by the labels
of containers alike; a recipe frees what is named and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PREFIX_LEAST = 2
REDIS_PORT = 6379
FORMS = (
    "redis:prefix=session:, redis:purge, nginx:path=/var/cache/nginx or http:PURGE http://:80/x/"
)
_REDIS = re.compile(r"redis(?::(\d{1,5}))?:(?:prefix=(?P<prefix>.+)|(?P<purge>purge))", re.DOTALL)
_NGINX = re.compile(r"nginx:path=(/\S+)")
_HTTP = re.compile(
    r"http:(PURGE|BAN|DELETE|POST) (https?)://(?:localhost|127\.0\.0\.1)?:(\d{1,5})(/\S*)"
)
_ANYTHING = re.compile(r"[*?\[\]\\]")
_WHOLE = frozenset({"/", "/var", "/var/cache", "/tmp", "/etc", "/usr", "/data", "/srv"})  # noqa: S108


class RecipeKind(StrEnum):
    """Whose way of forgetting."""

    REDIS = "redis"
    NGINX = "nginx"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Recipe:
    """`prefix`: of the keys that may go. `path`: of the cache's folder, or of the URL. `port` 0:
    the instance's own."""

    kind: RecipeKind
    prefix: str = ""
    path: str = ""
    method: str = ""
    port: int = 0

    @property
    def text(self) -> str:
        """As its owner wrote it."""
        port = f":{self.port}" if self.port else ""
        match self.kind:
            case RecipeKind.REDIS:
                return f"redis{port}:prefix={self.prefix}" if self.prefix else f"redis{port}:purge"
            case RecipeKind.NGINX:
                return f"nginx:path={self.path}"
            case RecipeKind.HTTP:
                return f"http:{self.method} http://{port}{self.path}"


def parse_recipe(text: str) -> Recipe:
    """The recipe that this line declares.

    Raises:
        ValueError: with what would be right.
    """
    text = text.strip("\n\r\t ")
    if found := _REDIS.fullmatch(text):
        port = int(found[1] or 0)
        prefix = found["prefix"] or ""
        if found["purge"] is None:
            _check_prefix(prefix)
        return Recipe(RecipeKind.REDIS, prefix=prefix, port=_port(port))
    if found := _NGINX.fullmatch(text):
        path = found[1].rstrip("/")
        if path in _WHOLE or ".." in path.split("/") or path.count("/") < 2:
            raise ValueError("name the folder of the cache alone, like /var/cache/nginx")
        return Recipe(RecipeKind.NGINX, path=path)
    if found := _HTTP.fullmatch(text):
        if found[4] in ("/", "/*") or found[4].startswith("/?"):
            raise ValueError("name a prefix of what may go, like http:PURGE http://:8080/assets/")
        return Recipe(RecipeKind.HTTP, path=found[4], method=found[1], port=_port(int(found[3])))
    raise ValueError(f"write {FORMS}")


def _check_prefix(prefix: str) -> None:
    if len(prefix) < PREFIX_LEAST or _ANYTHING.search(prefix):
        raise ValueError(
            f"name the prefix of what may go, at least {PREFIX_LEAST} characters without * ? [ ] \\"
        )


def _port(port: int) -> int:
    if port > 65535:
        raise ValueError("write a port from 1 to 65535")
    return port
