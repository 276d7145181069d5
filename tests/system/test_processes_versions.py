"""Versions of real processes: the same over restarts, and nothing to test guesses with."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from everup.api import create_api
from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.kinds import ActionKind
from everup.model.request import AnswerState, Request, Verb
from everup.model.snapshot import SnapshotReason
from everup.model.version import is_comparable
from everup.rollback_manager import between
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SECRETS = ("hunter2-env", "hunter2-file")
FILE = """
stack: s
mode: auto
time_scale: 0.2
services:
  it:
    command: [{python}, -m, http.server, --bind, 127.0.0.1, "{port}"]
    directory: public
    port: {port}
    env: {{PASSWORD: hunter2-env}}
    probe: {{http: "http://127.0.0.1:{{port}}/"}}
    config_files: [it.key]
"""
CHANGES = (e.ProbationBegan, e.RegressionSeen, e.RestoreBegan)
PATHS = ("/stack", "/stack?env=true", "/status", "/health-scores", "/actions", "/plan", "/report")
SHORTEST = 12
"""Hex digits of any sum that we show."""


def declared(folder: Path) -> Path:
    (folder / "public").mkdir()
    (folder / "it.key").write_text("password = hunter2-file\n")
    file = folder / "everup.yaml"
    file.write_text(FILE.format(python=sys.executable, port=free_port()))
    return file


@asynccontextmanager
async def life(file: Path, *, stops: bool = False) -> AsyncIterator[Engine]:
    engine = build_app(load_stack(file, {}), state_dir=file.parent / "state")
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop(stop_services=stops)


async def until(is_so: Callable[[], Any], what: str) -> None:
    deadline_s = asyncio.get_running_loop().time() + 150.0
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline_s, f"in vain: {what}"
        await asyncio.sleep(0.05)


async def told(engine: Engine, *kinds: type[Any]) -> list[Any]:
    entries = await engine.control.journal.entries(limit=1000)
    return [entry for _, _, entry in entries if isinstance(entry, kinds)]


def version(engine: Engine) -> str:
    return engine.control.state.service("it").version


def is_kept(engine: Engine) -> bool:
    points = engine.control.state.service("it").safe_points
    return version(engine) in {point.version for point in points}


class Bare:
    """Every SHA-256 without a key over something in which a secret stands, as it is made."""

    def __init__(self) -> None:
        self.sums: set[str] = set()
        self._real = hashlib.sha256

    def __call__(self, data: bytes = b"", **more: Any) -> Any:
        made = self._real(data, **more)
        if any(secret.encode() in bytes(data) for secret in SECRETS):
            self.sums.add(made.hexdigest())
        return made


def test_no_bare_sum_over_a_secret_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, bare = declared(tmp_path), Bare()
    monkeypatch.setattr(hashlib, "sha256", bare)
    monkeypatch.setattr(between, "sha256", bare)

    async def story() -> str:
        async with life(file, stops=True) as engine:
            await until(lambda: is_kept(engine), "it is kept")
            first = await engine.control.snapshots.take(SnapshotReason.BY_HAND, "ann", 10.0)
            (tmp_path / "it.key").write_text("password = hunter2-file again\n")
            old = version(engine)
            await until(lambda: version(engine) != old, "another version is seen")
            second = await engine.control.snapshots.take(SnapshotReason.BY_HAND, "ann", 10.0)
            shown = [repr(await engine.control.compare("it"))]
            ids = f"/snapshots/{first.id}", f"/snapshots/{first.id}/diff/{second.id}"
            door = httpx2.ASGITransport(app=create_api(engine))
            async with httpx2.AsyncClient(
                transport=door, base_url="http://localhost:8010"
            ) as client:
                for path in (*PATHS, "/snapshots", "/incidents", "/restores", *ids):
                    found = await client.get(path)
                    assert found.status_code == 200, (path, found.text)
                    shown.append(found.text)
                found = await client.post("/rollback/manual/it?dry_run=true")
                shown.append(found.text)
            shown += [repr(entry) for entry in await told(engine, object)]
        logs = [path.read_text() for path in (tmp_path / "state" / "logs").glob("*")]
        return "\n".join([*shown, *logs])

    shown = asyncio.run(story())
    assert bare.sums, "files are compared by them, inside"
    assert version_in(shown), "something was shown"
    digest = json.loads(next(line for line in shown.splitlines() if '"digest"' in line))["digest"]
    assert digest != load_stack(file, {}).stack.digest
    for found in bare.sums:
        assert found[:SHORTEST] not in shown
    for secret in SECRETS:
        assert secret not in shown


def version_in(shown: str) -> bool:
    return "VersionSeen" in shown and "SnapshotTaken" in shown


def test_the_same_over_restarts_and_no_change_with_another_key(tmp_path: Path) -> None:
    file = declared(tmp_path)
    key = tmp_path / "state" / "version.key"

    async def no_change(engine: Engine) -> None:
        assert await told(engine, *CHANGES) == []
        assert [done.by for done in await told(engine, e.Intended)] == ["everup up"]
        reasons = {taken.reason for taken in await told(engine, e.SnapshotTaken)}
        assert SnapshotReason.CHANGE_SEEN not in reasons

    async def lives() -> None:
        async with life(file) as engine:
            await until(lambda: is_kept(engine), "it is kept")
            first = version(engine)
        async with life(file) as engine:
            await until(lambda: engine.control.look, "it is seen")
            assert version(engine) == first
            assert len(await told(engine, e.VersionSeen)) == 1
        old_key = key.read_bytes()
        key.unlink()
        async with life(file) as engine:
            await until(lambda: version(engine) != first, "it is counted anew")
            assert not is_comparable(version(engine), first)
            assert [seen.before for seen in await told(engine, e.VersionSeen)] == ["", ""]
            wish = Request(Verb.HEAL, "ann", "it", kind=ActionKind.EMERGENCY_ROLLBACK)
            assert (await engine.control.request(wish)).state is AnswerState.REFUSED
            await until(lambda: is_kept(engine), "it is kept anew")
            await no_change(engine)
        key.write_bytes(old_key)
        async with life(file) as engine:
            await until(lambda: version(engine) == first, "it is compared as it was before")
            await no_change(engine)

    async def story() -> None:
        try:
            await lives()
        finally:
            async with life(file, stops=True):
                pass

    asyncio.run(story())
