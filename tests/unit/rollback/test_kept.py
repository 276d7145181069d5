"""The shelf that configurations lie on, and a rollback that was cut short, told by what runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from everup.blobs import FileShelf
from everup.loop.safe_points import reference_of
from everup.loop.settle import settle
from everup.model.decision import Expectation, Step
from everup.model.entries import Intended
from everup.model.errors import TryAgain
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.runtime import Captured
from everup.model.safe_point import FROM, TO
from everup.model.state import InFlight
from tests.unit.builders import NOW_S, dead, up

OLD, NEW = "1:old.a", "1:new.a"
CAPTURED = Captured("a", {"env": {"TOKEN": "secret"}}, OLD, "sha256:1", "app:1 (1)")


def test_what_was_put_is_there_for_its_owner_alone(tmp_path: Path) -> None:
    async def story() -> None:
        shelf = FileShelf(tmp_path / "kept")
        assert await shelf.names() == ()
        assert await shelf.get("a@1:x/..") is None
        await shelf.put("a@1:x/..", CAPTURED)
        assert list(await shelf.names()) == ["a@1:x/.."]
        found = await FileShelf(tmp_path / "kept").get("a@1:x/..")
        assert found == CAPTURED
        assert found is not None
        assert (found.version, found.image, found.title) == (OLD, "sha256:1", "app:1 (1)")
        (file,) = (tmp_path / "kept").iterdir()
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        file.write_text("half")
        assert await shelf.get("a@1:x/..") is None
        await shelf.remove("a@1:x/..")
        await shelf.remove("a@1:x/..")
        assert list(await shelf.names()) == []

    asyncio.run(story())


def test_a_shelf_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(TryAgain, match="kept to go back to"):
        asyncio.run(FileShelf(tmp_path / "kept").put("a", CAPTURED))
    big = replace(CAPTURED, content={"env": {"A": "x" * 5_000_000}})
    with pytest.raises(TryAgain, match="too much"):
        asyncio.run(FileShelf(tmp_path / "more").put("a", big))


def test_a_name_of_ours_is_one_that_engines_take() -> None:
    name = reference_of("Shop", "Web_1", OLD)
    assert name == reference_of("Shop", "Web_1", OLD)
    assert name != reference_of("Shop", "Web_2", OLD)
    repository, _, tag = name.partition(":")
    assert repository == "everup-kept"
    assert tag.isalnum()


def flight() -> InFlight:
    step = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {FROM: NEW, TO: OLD})
    intent = Intended(
        *(NOW_S - 60, "act-1", None, "key", Origin.ROLLBACK, Cause.BAD_DEPLOY, step, "why"),
        *(Sighting(NOW_S - 60, instances={"a-0": "x|running"}), Expectation("a", 60.0)),
    )
    return InFlight(
        *("act-1", None, "key", intent.origin, intent.cause, step, intent.at_s),
        *(intent.before, intent.expectation),
    )


def of(version: str, one: InstanceObservation) -> InstanceObservation:
    return replace(one, instance=replace(one.instance, version=version))


@pytest.mark.parametrize(
    ("seen", "outcome", "has_happened"),
    [
        ((of(OLD, up("a")),), OutcomeState.DONE, True),
        ((of(NEW, up("a")),), OutcomeState.FAILED, False),
        ((of(NEW, dead("a")),), OutcomeState.FAILED, True),
        ((of(OLD, dead("a")),), OutcomeState.FAILED, True),
        ((of(OLD, up("a")), of(NEW, up("a", 1))), OutcomeState.FAILED, True),
        ((), OutcomeState.FAILED, True),
    ],
)
def test_what_runs_tells_whether_it_went_back(
    seen: tuple[InstanceObservation, ...], outcome: OutcomeState, has_happened: bool
) -> None:
    found = settle(flight(), ServiceObservation("a", seen), NOW_S, 12.0)
    assert found is not None
    assert (found.outcome, found.has_happened) == (outcome, has_happened)


def test_it_is_waited_for_while_it_may_be_at_work() -> None:
    seen = ServiceObservation("a", (of(NEW, up("a")),))
    assert settle(flight(), seen, NOW_S, 600.0) is None
    assert up("a").instance.state is InstanceState.RUNNING
