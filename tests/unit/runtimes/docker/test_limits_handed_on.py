"""Who is made like one whose limits we changed has them by our hand, and gives them back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from everup.model.kinds import UNKNOWN
from everup.runtimes.docker.blueprint import blueprint_of
from everup.runtimes.docker.copies import Copies
from everup.runtimes.docker.limits import MIB, LimitKeeper
from everup.runtimes.docker.undeclared import ROOM
from everup.runtimes.docker.versions import version_of
from tests.unit.builders import KEY
from tests.unit.runtimes.docker.fake_engine import FakeEngine, Hour, Life

WEB, SECOND = "shop_web_1", "shop_web_2"
DECLARED = {"Memory": 512 * MIB, "MemorySwap": 512 * MIB}


def changed(folder: Path) -> tuple[FakeEngine, Life]:
    """One container whose limit we have lowered."""
    engine = FakeEngine(Hour())
    container = engine.add(WEB, Memory=300 * MIB, MemorySwap=300 * MIB)
    life = Life(folder, engine)
    life.store.put(ROOM, container, {"service": "web", "name": WEB, "before": DECLARED})
    return engine, life


def keeper(life: Life) -> LimitKeeper:
    nobody: Any = None
    return LimitKeeper(nobody, nobody, life.store, lambda _: UNKNOWN)


def test_a_copy_is_no_other_version_and_has_its_declared_limit_back(tmp_path: Path) -> None:
    engine, life = changed(tmp_path)
    nobody: Any = None
    door: Any = engine
    copies = Copies(door, life.replacer._calls, nobody, life.replacer)
    template = engine.of(WEB)
    asyncio.run(copies._make(template, 2, blueprint_of(template, "web")))
    copy = engine.of(SECOND)
    assert copy.memory_limit_bytes == 300 * MIB
    assert keeper(life).before(copy) == DECLARED
    assert life.store.get(ROOM, copy.id)["name"] == SECOND  # type: ignore[index]
    versions = {version_of(c, KEY, keeper(life).before(c)) for c in (template, copy)}
    assert len(versions) == 1


def test_so_has_who_takes_its_place(tmp_path: Path) -> None:
    engine, life = changed(tmp_path)
    old = engine.of(WEB)
    asyncio.run(life.replacer.replace(old, blueprint_of(old, "web"), 5.0))
    new = engine.of(WEB)
    assert new.id != old.id
    assert keeper(life).before(new) == DECLARED


def test_where_nothing_was_changed_nothing_is_noted(tmp_path: Path) -> None:
    engine = FakeEngine(Hour())
    engine.add(WEB)
    life = Life(tmp_path, engine)
    old = engine.of(WEB)
    asyncio.run(life.replacer.replace(old, blueprint_of(old, "web"), 5.0))
    assert not life.store.all(ROOM)
