"""A stand-in for Qdrant. It is not Qdrant: it speaks the part of its HTTP interface that this
stack uses, holds few points, and searches by looking at each.

``GET /healthz``, ``GET /collections``, ``GET`` and ``PUT /collections/{name}``,
``PUT /collections/{name}/points`` and ``POST /collections/{name}/points/search``. Points survive
a restart: each is appended to a file in ``DATA_DIR`` before it is acknowledged.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, TextIO

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.vectors import DIMENSIONS, embed, similarity
from everup.demo.stack.wire.errors import Refusal
from everup.demo.stack.wire.http import Request

POINTS_MAX = 2_000
COLLECTIONS_MAX = 16

Point = dict[str, Any]


class Collection:
    """Points by id, the newest ``POINTS_MAX`` of them, with the file that keeps them."""

    def __init__(self, path: Path) -> None:
        self.points: dict[str, Point] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._recall(line)
        path.write_text("".join(_line(point) for point in self.points.values()), encoding="utf-8")
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._path = path
        self._lines = len(self.points)

    def put(self, point: Point) -> None:
        self._file.write(_line(point))
        self._file.flush()
        self._keep(point)
        self._lines += 1
        if self._lines > 2 * POINTS_MAX:
            self._compact()

    def search(self, vector: list[float], limit: int) -> list[Json]:
        found = [(similarity(vector, point["vector"]), point) for point in self.points.values()]
        found.sort(key=lambda scored: -scored[0])
        return [
            {"id": point["id"], "version": 0, "score": score, "payload": point.get("payload", {})}
            for score, point in found[:limit]
        ]

    def _recall(self, line: str) -> None:
        try:
            self._keep(json.loads(line))
        except (ValueError, KeyError):
            return  # a line that was being written when the process was killed

    def _keep(self, point: Point) -> None:
        key = str(point["id"])
        self.points.pop(key, None)
        self.points[key] = point
        if len(self.points) > POINTS_MAX:
            del self.points[next(iter(self.points))]

    def _compact(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(_line(point) for point in self.points.values()), encoding="utf-8")
        self._file.close()
        fresh.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")
        self._lines = len(self.points)


_collections: dict[str, Collection] = {}


def _line(point: Point) -> str:
    return json.dumps(point) + "\n"


def _wrapped(result: Json) -> Json:
    return {"result": result, "status": "ok", "time": 0.0}


def _folder(context: Context) -> Path:
    folder = Path(context.environment.get("DATA_DIR", "."))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _collection(context: Context, name: str, *, create: bool = False) -> Collection:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise Refusal(400, "a collection's name has letters, digits, - and _")
    if name not in _collections:
        path = _folder(context) / f"{name}.jsonl"
        if not create and not path.is_file():
            raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!")
        if len(_collections) >= COLLECTIONS_MAX:
            raise Refusal(400, "too many collections")
        _collections[name] = Collection(path)
    return _collections[name]


async def _put(context: Context, request: Request) -> Json:
    _, _, name, *rest = request.path.split("/")
    if not rest:
        _collection(context, name, create=True)
        return _wrapped(True)
    collection = _collection(context, name)
    for point in request.json().get("points", []):
        if "id" not in point or len(point.get("vector", [])) != DIMENSIONS:
            raise Refusal(400, f"a point has an id and a vector of {DIMENSIONS}")
        collection.put(point)
    return _wrapped({"operation_id": int(time.time()), "status": "completed"})


async def _get(context: Context, request: Request) -> Json:
    collection = _collection(context, request.path.split("/")[2])
    size = {"vectors": {"size": DIMENSIONS, "distance": "Cosine"}}
    count = len(collection.points)
    return _wrapped({"status": "green", "points_count": count, "config": {"params": size}})


async def _search(context: Context, request: Request) -> Json:
    if not request.path.endswith("/points/search"):
        raise Refusal(404, "only /points/search")
    wish = request.json()
    collection = _collection(context, request.path.split("/")[2])
    return _wrapped(collection.search(wish.get("vector", []), int(wish.get("limit", 10))))


async def _list(context: Context, request: Request) -> Json:
    names = sorted(path.stem for path in _folder(context).glob("*.jsonl"))
    return _wrapped({"collections": [{"name": name} for name in names]})


async def _healthz(context: Context, request: Request) -> Json:
    return "healthz check passed"


async def _work(context: Context, request: Request) -> Json:
    collection = _collection(context, "memories", create=True)
    return _wrapped(collection.search(embed(request.query.get("q", "work")), 3))


BEHAVIOUR = Behaviour(
    work=_work,
    routes={
        "GET /healthz": _healthz,
        "GET /collections": _list,
        "GET /collections/": _get,
        "PUT /collections/": _put,
        "POST /collections/": _search,
    },
)
