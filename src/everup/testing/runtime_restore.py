"""Cases about going back: what makes two versions, and what is there afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from everup.loop.ports import Runtime
from everup.model.errors import GiveUp
from everup.model.observation import Instance
from everup.model.runtime import Captured
from everup.model.stack import Limits
from everup.testing.runtime_lab import GRACE_S, RuntimeLab, instances_of, is_up, opened

MORE_BYTES = 600 * 1024 * 1024


async def _version(runtime: Runtime, service: str) -> str:
    """The one that all of its instances have."""
    versions = {i.version for i in (await instances_of(runtime, service)).values()}
    assert len(versions) == 1, f"{service} has the versions {sorted(versions)}"
    (version,) = versions
    assert version, "what runs has a version"
    return version


async def _turned_blue(lab: RuntimeLab, runtime: Runtime) -> Captured:
    """Somebody changes what runs; what ran before is given."""
    green = await runtime.capture("steady")
    content: dict[str, Any] = json.loads(json.dumps(green.content))
    content["env"]["COLOUR"] = "blue"
    await runtime.apply(Captured("steady", content))
    await runtime.restart("steady", grace_s=GRACE_S)
    await lab.settled(runtime, "steady")
    return green


def _same_places(before: dict[str, Instance], after: dict[str, Instance]) -> None:
    assert {n: i.port for n, i in after.items()} == {n: i.port for n, i in before.items()}
    assert all(is_up(i) for i in after.values())


async def _refused(runtime: Runtime, captured: Captured) -> str:
    try:
        await runtime.restore(captured, grace_s=GRACE_S)
    except GiveUp as refusal:
        return str(refusal)
    raise AssertionError("a configuration that makes no sense was taken")


async def a_version_is_what_something_is_made_of(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        green = await _version(runtime, "steady")
        assert (await runtime.capture("steady")).version == green
        await runtime.restart("steady", grace_s=GRACE_S)
        await lab.settled(runtime, "steady")
        assert await _version(runtime, "steady") == green, "another life of the same"
        await _turned_blue(lab, runtime)
        assert await _version(runtime, "steady") != green


async def a_limit_of_ours_makes_no_other_version(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        before = await _version(runtime, "steady")
        await runtime.set_limits("steady", Limits(memory_bytes=MORE_BYTES))
        assert await _version(runtime, "steady") == before
        await runtime.release("steady")
        assert await _version(runtime, "steady") == before


async def what_ran_before_runs_again(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        version, before = await _version(runtime, "steady"), await instances_of(runtime, "steady")
        green = await _turned_blue(lab, runtime)
        assert await runtime.lacks(green) == ""
        told = await runtime.restore(green, grace_s=GRACE_S)
        assert len(told) >= len(before), "each instance is told of"
        await lab.settled(runtime, "steady")
        assert await _version(runtime, "steady") == version
        assert await runtime.capture("steady") == green
        _same_places(before, await instances_of(runtime, "steady"))
        lives = {i.identity for i in (await instances_of(runtime, "steady")).values()}
        await runtime.restore(green, grace_s=GRACE_S)
        again = {i.identity for i in (await instances_of(runtime, "steady")).values()}
        assert again == lives, "what runs from it already is left alone"


async def what_was_gone_back_to_stays(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("steady")
    await lab.settled(runtime, "steady")
    version = await _version(runtime, "steady")
    green = await _turned_blue(lab, runtime)
    await runtime.restore(green, grace_s=GRACE_S)
    await lab.settled(runtime, "steady")
    await lab.lose(runtime)
    async with opened(lab) as again:
        await again.restart("steady", grace_s=GRACE_S)
        await lab.settled(again, "steady")
        assert await _version(again, "steady") == version


async def what_cannot_be_had_changes_nothing(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        green = await runtime.capture("steady")
        before = await instances_of(runtime, "steady")
        said = await _refused(runtime, replace(green, content={"no_such_field": 1}))
        assert "no_such_field" in said, f"names the field: {said}"
        after = await instances_of(runtime, "steady")
        assert {i.identity for i in after.values()} == {i.identity for i in before.values()}
        assert await runtime.capture("steady") == green
