"""Snapshots are taken when due and before changes, kept, given up, verified; in the real loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from everup.blobs import Vault, VaultShelf
from everup.loop.control import Control
from everup.loop.manifests import manifest_of, snapshot_from, with_sum
from everup.loop.ports import Shelf
from everup.loop.snapshots import FILES_EACH_S
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.errors import AskAHuman, Damaged, GiveUp, HookFailed, TryAgain
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.runtime import Captured, KeptFile
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason
from everup.model.stack import HookSpec, ServiceSpec, Stack
from tests.unit.loop.small_world import QUICK, Ids, Runtime, World, until

BY_HAND = SnapshotReason.BY_HAND
SETTINGS = replace(
    QUICK,
    tick_s=0.2,
    snapshot_interval_s=3600.0,
    snapshot_verify_interval_s=3600.0,
    snapshot_before_most_s=60.0,
    lease_s=60.0,
    action_deadline_s=60.0,
)
OWN = KeptFile("/srv/everup.yaml", "1", b"stack: s\n")


@dataclass
class Capturing(Runtime):
    """Each service runs from `versions[name]`; `slow_s` passes before anything is captured."""

    versions: dict[str, str] = field(default_factory=dict)
    slow_s: float = 0.0
    captures: int = 0
    fails: Exception | None = None
    names: dict[str, str] = field(default_factory=dict)
    pruned: set[str] = field(default_factory=set)

    def run(self, service: str) -> None:
        super().run(service)
        self.instances[service] = replace(
            self.instances[service], version=self.versions.get(service, "1:a")
        )

    async def capture(self, service: str) -> Captured:
        self.captures += 1
        await asyncio.sleep(self.slow_s)
        if self.fails is not None:
            raise self.fails
        version = self.versions.get(service, "1:a")
        content = {"env": {"V": version}}
        files = (KeptFile("/etc/x.conf", version, version.encode()),)
        image = f"sha256:{version}"
        return Captured(service, content, version, image, f"app {version}", files, 100.0)

    async def lacks(self, captured: Captured) -> str:
        return "its image is gone" if captured.image in self.pruned else ""

    async def pin_image(self, service: str, reference: str) -> str:
        self.names[reference] = service
        return f"sha256:{self.versions.get(service, '1:a')}"

    async def unpin_image(self, service: str, reference: str) -> None:
        self.names.pop(reference, None)

    async def pinned_images(self) -> dict[str, str]:
        return dict(self.names)

    async def run_hook(self, service: str, name: str, hook: Any, instance: Any = None) -> str:
        if service == "bad":
            raise HookFailed("no room", 1)
        return "2 tables\n"


class Lab:
    """One stack whose life keeps its things in a folder, or nowhere."""

    def __init__(
        self, *names: str, settings: Any = SETTINGS, mode: Mode = Mode.AUTO, **specs: ServiceSpec
    ) -> None:
        services = {**{name: ServiceSpec(name) for name in names}, **specs}
        self.world = World(Stack("s", services, mode=mode), settings)
        self.runtime = Capturing(self.world.clock)
        self.world.runtime = self.runtime
        for name in services:
            self.runtime.run(name)
        self.shelf: Shelf | None = None

    def control(self) -> Control:
        async def own() -> tuple[KeptFile, ...]:
            return (OWN,)

        made = self.world
        return Control(
            *(made.stack, made.settings, made.runtime, made.prober, made.host),  # type: ignore[arg-type]
            made.journal,  # type: ignore[arg-type]
            made.clock,
            Ids(),
            shelf=self.shelf,
            own_files=own,
        )

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Control]:
        control = self.control()
        self.world.control = lambda: control  # type: ignore[method-assign]
        async with self.world.life() as living:
            await until(lambda: bool(living.state.snapshots))
            yield living

    def taken(self, reason: SnapshotReason | None = None) -> list[e.SnapshotTaken]:
        found: list[e.SnapshotTaken] = self.world.journal.of(e.SnapshotTaken)
        return [one for one in found if reason in (None, one.reason)]


def on_disk(folder: Path, lab: Lab) -> Lab:
    lab.shelf = VaultShelf(Vault(folder / "vault", folder))
    return lab


def intent(kind: ActionKind, service: str = "a") -> e.Intended:
    return e.Intended(
        *(1.0, "act-1", None, "key", Origin.RECOVERY, Cause.OVERLOAD, Step(kind, service), "why"),
        *(Sighting(1.0), Expectation(service, 60.0)),
    )


def test_a_manifest_is_the_same_text_for_the_same_snapshot() -> None:
    part = ServiceSnapshot("a", "1:a", "app", "ab" * 32, instances=2, files={"/x": "cd" * 32})
    lost = ServiceSnapshot("b", missing="no container")
    snapshot = with_sum(
        Snapshot("s1", "s", 1.0, BY_HAND, "ann", {"a": part, "b": lost}, {"/c": "ef" * 32}, True)
    )
    text = manifest_of(snapshot)
    found = snapshot_from(text, snapshot.digest)
    assert manifest_of(found) == text
    assert (found.services["a"].files, found.digest) == (part.files, snapshot.digest)
    assert with_sum(replace(snapshot, by="bob")).digest != snapshot.digest
    for broken in (b"", b"[]", b'{"format": 2}', text[:-1]):
        with pytest.raises(Damaged, match="no manifest"):
            snapshot_from(broken, "ab" * 32)


def test_the_first_is_taken_at_once_and_holds_everything(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a", "b"))

    async def story() -> None:
        async with lab.life() as control:
            (mark,) = control.state.snapshots
            assert (mark.reason, mark.by) == (SnapshotReason.SCHEDULE, "everup")
            snapshot = await control.snapshots.get(mark.id)
            assert snapshot is not None
            assert await control.snapshots.get("nothing") is None
            part = snapshot.services["a"]
            assert (part.version, part.image, part.instances) == ("1:a", "sha256:1:a", 1)
            captured = await control.snapshots.at(part.digest)
            assert captured.files[0].content == b"1:a"
            own = snapshot.files["/srv/everup.yaml"]
            assert await control.snapshots.content(own) == b"stack: s\n"
            assert set(lab.runtime.names) == {p.reference for p in snapshot.services.values()}
            found = await control.safe_points.get("a", "1:a")
            assert found.content == {"env": {"V": "1:a"}}
            with pytest.raises(GiveUp):
                await control.safe_points.get("a", "9")

    asyncio.run(story())
    assert len(lab.taken()) == 1, "nothing changed, and half an hour has not passed"


def test_an_unchanged_stack_shares_all_parts(tmp_path: Path) -> None:
    names = [f"service-{i}" for i in range(12)]
    lab = on_disk(tmp_path, Lab(*names))

    async def story() -> None:
        async with lab.life() as control:
            assert lab.shelf is not None
            before = await lab.shelf.size()
            await control.snapshots.take(BY_HAND, "ann", 60.0)
            objects, total_bytes = await lab.shelf.size()
            assert objects - before[0] == 1
            assert total_bytes - before[1] < 10_000

    asyncio.run(story())


def test_before_a_change_one_is_taken_and_nothing_is_asked_again() -> None:
    lab = Lab("a", "b")

    async def story() -> None:
        async with lab.life() as control:
            await until(lambda: bool(control.state.service("b").version))
            asked = lab.runtime.captures
            assert await control.snapshots.before(intent(ActionKind.GRACEFUL_RESTART)) == ""
            assert not lab.taken(SnapshotReason.BEFORE_CHANGE)
            assert await control.snapshots.before(intent(ActionKind.SCALE_OUT)) == ""
            (entry,) = lab.taken(SnapshotReason.BEFORE_CHANGE)
            assert entry.versions == {"a": "1:a", "b": "1:a"}
            assert entry.note == "scale_out act-1"
            assert await control.snapshots.before(intent(ActionKind.EMERGENCY_ROLLBACK)) == ""
            assert lab.taken(SnapshotReason.BEFORE_RESTORE)
            assert lab.runtime.captures == asked

    asyncio.run(story())


def test_after_a_restart_of_ours_what_is_known_is_read_from_the_newest(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a"))

    async def story() -> None:
        async with lab.life():
            pass
        lab.runtime.slow_s = 60.0
        async with lab.life() as control:
            assert await control.snapshots.before(intent(ActionKind.RECREATE)) == ""
            (entry,) = lab.taken(SnapshotReason.BEFORE_CHANGE)
            assert entry.versions == {"a": "1:a"}

    asyncio.run(story())


def test_an_action_waits_no_longer_than_a_moment() -> None:
    lab = Lab("a", "b", settings=replace(SETTINGS, snapshot_before_most_s=0.2))

    async def story() -> None:
        lab.runtime.slow_s = 0.0
        async with lab.life() as control:
            lab.runtime.slow_s = 60.0
            lab.runtime.versions["b"] = "1:new"
            lab.runtime.run("b")
            await until(lambda: control.state.service("b").version == "1:new")
            began_s = control.clock.now()
            assert await control.snapshots.before(intent(ActionKind.RECREATE)) == ""
            assert control.clock.now() - began_s < 5.0
            (entry,) = lab.taken(SnapshotReason.BEFORE_CHANGE)
            assert (entry.versions, entry.missing) == ({"a": "1:a"}, ("b",))
            taking = asyncio.create_task(control.snapshots.take(BY_HAND, "ann", 30.0))
            await asyncio.sleep(0.01)
            said = await control.snapshots.before(intent(ActionKind.RECREATE))
            assert "no snapshot before it" in said
            with pytest.raises(TryAgain, match="another snapshot"):
                await control.snapshots.take(BY_HAND, "bob", 0.05)
            taking.cancel()

    asyncio.run(story())


def test_somebody_elses_change_is_recorded_once_it_is_quiet() -> None:
    lab = Lab("a")

    async def story() -> None:
        async with lab.life():
            lab.runtime.versions["a"] = "1:b"
            lab.runtime.run("a")
            await until(lambda: bool(lab.taken(SnapshotReason.CHANGE_SEEN)))
            (entry,) = lab.taken(SnapshotReason.CHANGE_SEEN)
            assert entry.versions == {"a": "1:b"}

    asyncio.run(story())


def test_files_that_never_rest_are_recorded_no_more_often_than_every_five_minutes() -> None:
    settings = replace(SETTINGS, change_quiet_s=0.2, time_scale=2.0 / FILES_EACH_S)
    lab = Lab("a", settings=settings)

    async def story() -> None:
        async with lab.life() as control:
            end_s = lab.world.clock.now() + 3.2
            number = 0
            while lab.world.clock.now() < end_s:
                number += 1
                lab.runtime.versions["a"] = f"1:a+{number:02}"
                lab.runtime.run("a")
                await until(lambda n=number: control.state.service("a").version[4:] == f"{n:02}")  # type: ignore[misc]
            assert number > 4
            assert 1 <= len(lab.taken(SnapshotReason.CHANGE_SEEN)) <= 2

    asyncio.run(story())


def test_no_more_than_are_kept_and_what_nobody_holds_is_given_up(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a", settings=replace(SETTINGS, snapshots_most=3)))

    async def story() -> None:
        async with lab.life() as control:
            for number in range(4):
                lab.runtime.versions["a"] = f"1:{number}"
                lab.runtime.run("a")
                await until(lambda n=number: control.state.service("a").version == f"1:{n}")  # type: ignore[misc]
                await control.snapshots.take(BY_HAND, "ann", 60.0)
            control.wake("look")
            await until(lambda: len(control.state.snapshots) <= 3)
            held = {p.version for p in control.state.service("a").safe_points}
            held |= {mark.versions["a"] for mark in control.state.snapshots}
            await until(lambda: len(lab.runtime.names) == len(held))
            with pytest.raises(GiveUp):
                await control.safe_points.get("a", "1:0")
            for version in held:
                assert (await control.safe_points.get("a", version)).version == version

    asyncio.run(story())


def test_what_is_damaged_is_named_and_what_runs_is_kept_anew(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a"))

    async def story() -> None:
        async with lab.life() as control:
            await until(lambda: bool(control.state.service("a").safe_points))
            (mark,) = control.state.snapshots
            assert not (await control.snapshots.verify("ann")).harms
            snapshot = await control.snapshots.get(mark.id)
            assert snapshot is not None
            digest = snapshot.services["a"].digest
            path = tmp_path / "vault" / digest[:2] / digest[2:]
            content = bytearray(path.read_bytes())
            content[-1] ^= 4
            path.write_bytes(content)
            with pytest.raises(Damaged, match=digest):
                await control.safe_points.get("a", "1:a")
            (harm,) = (await control.snapshots.verify("ann")).harms
            assert (harm.address, harm.what) == (digest, "damaged")
            assert f"{mark.id}: the configuration of a" in harm.used_by
            told = lab.world.journal.of(e.SnapshotVerified)[-1]
            assert digest in told.harms[0]
            await until(lambda: not _harms(path, digest, lab))
            assert not (await control.snapshots.verify("ann")).harms

    def _harms(path: Path, digest: str, lab: Lab) -> bool:
        try:
            Vault(tmp_path / "vault", tmp_path).get(digest)
        except Damaged:
            return True
        return False

    asyncio.run(story())


def test_a_manifest_that_is_damaged_is_never_used(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a"))

    async def story() -> None:
        async with lab.life() as control:
            (mark,) = control.state.snapshots
            path = tmp_path / "vault" / mark.digest[:2] / mark.digest[2:]
            path.write_bytes(path.read_bytes().replace(b"1:a", b"1:b", 1))
            with pytest.raises(Damaged, match=mark.digest):
                await control.snapshots.get(mark.id)
            found = await control.snapshots.verify("ann")
            assert [harm.used_by for harm in found.harms] == [(mark.id,)]

    asyncio.run(story())


def test_with_another_key_nothing_is_kept_and_it_is_said(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a"))

    async def story() -> None:
        async with lab.life() as control:
            first = len(control.state.snapshots)
        vault = Vault(tmp_path / "vault", tmp_path, "quite another key", "EVERUP_SECRET_KEY")
        lab.shelf = VaultShelf(vault)
        async with lab.life() as control:
            with pytest.raises(AskAHuman, match=r"EVERUP_SECRET_KEY.*give that one again"):
                await control.snapshots.take(BY_HAND, "ann", 60.0)
            said = await control.snapshots.before(intent(ActionKind.RECREATE))
            assert "EVERUP_SECRET_KEY" in said
            assert len(control.state.snapshots) == first
        on_disk(tmp_path, lab)
        async with lab.life() as control:
            assert (await control.safe_points.get("a", "1:a")).version == "1:a"

    asyncio.run(story())


def test_switched_off_there_is_none() -> None:
    lab = Lab("a", settings=replace(SETTINGS, rollback_enabled=False))

    async def story() -> None:
        control = lab.control()
        lab.world.control = lambda: control  # type: ignore[method-assign]
        async with lab.world.life() as living:
            await asyncio.sleep(0.5)
            assert living.state.snapshots == ()
            with pytest.raises(GiveUp, match="ROLLBACK_ENABLED"):
                await living.snapshots.take(BY_HAND, "ann", 1.0)
            assert await living.snapshots.before(intent(ActionKind.RECREATE)) == ""

    asyncio.run(story())


def test_a_service_that_cannot_be_read_is_in_it_with_the_reason() -> None:
    lab = Lab("a")
    lab.runtime.fails = GiveUp("a has no container")

    async def story() -> None:
        async with lab.life() as control:
            (mark,) = control.state.snapshots
            assert (mark.missing, mark.versions) == (("a",), {})
            snapshot = await control.snapshots.get(mark.id)
            assert snapshot is not None
            assert snapshot.services["a"].missing == "a has no container"
            assert not snapshot.is_safe

    asyncio.run(story())


def test_dumps_are_run_only_when_asked_and_their_end_is_noted() -> None:
    hooks: Mapping[str, HookSpec] = {"dump": HookSpec(("pg_dump",))}
    lab = Lab("a", good=ServiceSpec("good", hooks=hooks), bad=ServiceSpec("bad", hooks=hooks))

    async def story() -> None:
        async with lab.life() as control:
            plain = await control.snapshots.take(BY_HAND, "ann", 60.0)
            assert {part.dump for part in plain.services.values()} == {""}
            task = control.snapshots.ask("ann", "why", with_dumps=True)
            found = await task
            said = {name: part.dump for name, part in found.services.items()}
            assert said["a"] == ""
            assert said["bad"] == "failed: it ended with 1; its output is not kept"
            assert re.fullmatch(r"done in \S+ s", said["good"]), "and nothing of what it said"
            assert (found.by, found.note) == ("ann", "why")

    asyncio.run(story())


def test_release_gives_back_what_is_held_for_snapshots() -> None:
    lab = Lab("a", "b")

    async def story() -> None:
        async with lab.life() as control:
            names = dict(lab.runtime.names)
            assert set(names.values()) == {"a", "b"}
            assert "a: its image" in (await control.snapshots.release("a", "ann"))[0]
            assert set(lab.runtime.names.values()) == {"b"}
            await control.snapshots.release("", "ann")
            assert control.state.snapshots == ()

    asyncio.run(story())


def test_what_changed_is_told_from_one_to_now() -> None:
    lab = Lab("a")

    async def story() -> None:
        async with lab.life() as control:
            lab.world.journal.actions = _nothing  # type: ignore[attr-defined]
            (mark,) = control.state.snapshots
            assert list(await control.compare_snapshots(mark.id, "now")) == []
            lab.runtime.versions["a"] = "1:b"
            lines = [c.lines for c in await control.compare_snapshots(mark.id, "now")]
            assert ("app 1:a → app 1:b",) in lines
            assert ("env.V: another value",) in lines
            with pytest.raises(GiveUp, match="no snapshot"):
                await control.compare_snapshots("x", "now")

    async def _nothing(**_: Any) -> list[Any]:
        return []

    asyncio.run(story())
