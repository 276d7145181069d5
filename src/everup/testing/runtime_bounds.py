"""Cases about bounds: what a runtime refuses, and by which name; what it keeps small."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from everup.loop.ports import Runtime
from everup.model.errors import EverupError, GiveUp, HookFailed, NotSupported
from everup.model.kinds import UNKNOWN
from everup.model.runtime import Capability, Captured
from everup.model.stack import HookSpec, Limits
from everup.testing.runtime_lab import (
    GRACE_S,
    LINES_WRITTEN,
    PATIENCE_S,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    the_only,
)

_MIB = 1024 * 1024

Call = Callable[[Runtime, str], Awaitable[object]]

CALLS: dict[Capability, Call] = {
    Capability.START: lambda r, s: r.start(s),
    Capability.STOP: lambda r, s: r.stop(s, grace_s=GRACE_S),
    Capability.KILL: lambda r, s: r.kill(s),
    Capability.RESTART: lambda r, s: r.restart(s, grace_s=GRACE_S),
    Capability.RECREATE: lambda r, s: r.recreate(s, grace_s=GRACE_S),
    Capability.SET_INSTANCES: lambda r, s: r.set_instances(s, 2),
    Capability.SET_LIMITS: lambda r, s: r.set_limits(s, Limits(memory_bytes=600.0 * _MIB)),
    Capability.RUN_HOOK: lambda r, s: r.run_hook(s, "greet", HookSpec(command=("true",))),
    Capability.PROCESSES: lambda r, s: r.processes(s),
    Capability.EVIDENCE: lambda r, s: r.evidence(s),
    Capability.QUARANTINE: lambda r, s: r.quarantine(s, f"{s}-0", keep_s=GRACE_S, grace_s=GRACE_S),
    Capability.RELEASE: lambda r, s: r.release(s),
    Capability.LOGS: lambda r, s: r.logs(s, lines=5),
    Capability.CAPTURE: lambda r, s: r.capture(s),
    Capability.APPLY: lambda r, s: r.apply(Captured(s, {})),
    Capability.RESTORE: lambda r, s: r.restore(Captured(s, {}), grace_s=GRACE_S),
    Capability.PIN_IMAGE: lambda r, s: r.pin_image(s, "image"),
    Capability.UNPIN_IMAGE: lambda r, s: r.unpin_image(s, "image-of-nobody"),
    Capability.ISOLATE: lambda r, s: r.isolate(s),
    Capability.REJOIN: lambda r, s: r.rejoin(s),
    Capability.FAILOVER: lambda r, s: r.failover(s, "steady", grace_s=GRACE_S),
    Capability.FAILBACK: lambda r, s: r.failback(s),
}
"""Every verb on one service, with arguments that a runtime which has the verb accepts."""

_OF_THE_STACK: dict[Capability, Call] = {Capability.CONNECTIONS: lambda r, s: r.connections()}

_OF_AN_INSTANCE: dict[Capability, Callable[[Runtime, str, str], Awaitable[object]]] = {
    Capability.START: lambda r, s, i: r.start(s, i),
    Capability.STOP: lambda r, s, i: r.stop(s, i, grace_s=GRACE_S),
    Capability.KILL: lambda r, s, i: r.kill(s, i),
    Capability.RESTART: lambda r, s, i: r.restart(s, i, grace_s=GRACE_S),
    Capability.RECREATE: lambda r, s, i: r.recreate(s, i, grace_s=GRACE_S),
    Capability.QUARANTINE: lambda r, s, i: r.quarantine(s, i, keep_s=GRACE_S, grace_s=GRACE_S),
    Capability.PROCESSES: lambda r, s, i: r.processes(s, i),
    Capability.EVIDENCE: lambda r, s, i: r.evidence(s, i),
    Capability.LOGS: lambda r, s, i: r.logs(s, i, lines=5),
}


async def _refused(call: Awaitable[object], by: type[EverupError] = GiveUp) -> EverupError:
    try:
        result = await call
    except by as error:
        return error
    raise AssertionError(f"it should have been refused with {by.__name__}, it returned {result!r}")


async def the_manifest_is_honest(lab: RuntimeLab) -> None:
    manifest = lab.manifest
    assert manifest.name
    for must in (Capability.LIST, Capability.WATCH, Capability.START, Capability.STOP):
        assert manifest.can(must), f"a runtime that cannot {must} is none"
    async with opened(lab) as runtime:
        assert runtime.manifest == manifest
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        for capability, call in (CALLS | _OF_THE_STACK).items():
            if manifest.can(capability):
                assert capability not in manifest.why_not, f"{capability}: listed and refused"
                continue
            assert manifest.why_not.get(capability), f"{capability} is refused without a reason"
            error = await _refused(call(runtime, "idle"), NotSupported)
            assert isinstance(error, NotSupported)
            assert (error.runtime, error.capability) == (manifest.name, capability)
        assert (await the_only(runtime, "idle")).identity == before.identity


async def an_unknown_service_is_named(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        for capability, call in CALLS.items():
            if lab.manifest.can(capability):
                error = await _refused(call(runtime, "nobody-knows-it"))
                assert "nobody-knows-it" in str(error), f"{capability}: {error}"


async def an_unknown_instance_is_named(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        for capability, call in _OF_AN_INSTANCE.items():
            if lab.manifest.can(capability):
                error = await _refused(call(runtime, "idle", "nobody-knows-it"))
                assert "nobody-knows-it" in str(error), f"{capability}: {error}"
        assert is_up(await the_only(runtime, "idle"))


async def an_empty_name_is_nothing_and_never_everything(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await runtime.start("idle")
        before = (await runtime.list()).instances
        for capability, call in CALLS.items():
            if lab.manifest.can(capability):
                await _refused(call(runtime, ""))
        for capability, of_one in _OF_AN_INSTANCE.items():
            if lab.manifest.can(capability):
                await _refused(of_one(runtime, "steady", ""))
        after = (await runtime.list()).instances
        assert [(i.name, i.identity, i.state) for i in after] == [
            (i.name, i.identity, i.state) for i in before
        ]


async def acting_on_nothing_does_nothing(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        await runtime.stop("steady", grace_s=GRACE_S)
        if lab.manifest.can(Capability.KILL):
            await runtime.kill("steady")
        assert not any(is_up(i) for i in (await instances_of(runtime, "steady")).values())
        assert (await the_only(runtime, "idle")).identity == before.identity


async def a_closed_runtime_says_so(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.close(stop_services=True)
    await _refused(runtime.start("idle"), EverupError)
    await runtime.close()


async def the_count_is_what_was_set(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        before = await instances_of(runtime, "steady")
        await runtime.set_instances("steady", 4)
        most = await instances_of(runtime, "steady")
        assert len(most) == 4
        assert all(is_up(i) for i in most.values())
        assert all(most[n].identity == before[n].identity for n in before), "old ones stay"
        ports = [i.port for i in most.values() if i.port is not None]
        assert len(set(ports)) == len(ports), "two instances on one port"
        await runtime.set_instances("steady", 2)
        after = await instances_of(runtime, "steady")
        assert {n: i.identity for n, i in after.items()} == {
            n: i.identity for n, i in before.items()
        }, "the highest-numbered ones leave, the others stay as they are"


async def who_is_named_leaves_first(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await runtime.set_instances("steady", 3)
        before = await instances_of(runtime, "steady")
        first, *others = sorted(before)
        await runtime.set_instances("steady", 2, leaving=[first])
        after = await instances_of(runtime, "steady")
        assert {n: i.identity for n, i in after.items()} == {
            n: before[n].identity for n in others
        }, "the one that was named goes, the others stay as they are"
        await runtime.set_instances("steady", 3)
        again = await instances_of(runtime, "steady")
        assert len(again) == 3
        assert all(is_up(i) for i in again.values())


async def a_limit_can_be_taken_away(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        await runtime.set_limits("idle", Limits(memory_bytes=700.0 * _MIB))
        await runtime.set_limits("idle", Limits(memory_bytes=float("inf")))
        after = await the_only(runtime, "idle")
        assert not after.memory_limit_bytes > 0
        assert after.identity == before.identity


async def a_senseless_count_is_refused(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        for count in (0, -1, 1_000_000):
            assert str(count) in str(await _refused(runtime.set_instances("idle", count)))
        assert (await the_only(runtime, "idle")).identity == before.identity


async def limits_change_without_a_restart(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        await runtime.set_limits("idle", Limits(memory_bytes=700.0 * _MIB))
        changed = await the_only(runtime, "idle")
        assert changed.memory_limit_bytes == 700 * _MIB
        assert changed.identity == before.identity
        await runtime.set_limits("idle", Limits(memory_bytes=UNKNOWN))
        assert (await the_only(runtime, "idle")).memory_limit_bytes == 700 * _MIB
        await _refused(runtime.set_limits("idle", Limits(memory_bytes=-1.0)))


async def logs_are_the_last_lines_and_bounded(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        first = min(await instances_of(runtime, "steady"))
        said = await runtime.logs("steady", first, lines=10)
        assert len(said) == 10
        assert f"line {LINES_WRITTEN}" in said[-1]
        assert f"line {LINES_WRITTEN - 9}" in said[0]
        assert len(await runtime.logs("steady", lines=10)) <= 10, "also over all instances"
        assert len(await runtime.logs("steady", lines=10**9)) < 10**5
        assert not await runtime.logs("steady", lines=0)
        assert not await runtime.logs("idle", lines=10)


async def a_hook_is_run_and_answers(lab: RuntimeLab) -> None:
    hooks = lab.stack.services["steady"].hooks
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        before = await instances_of(runtime, "steady")
        answer = await runtime.run_hook("steady", "greet", hooks["greet"])
        assert answer.count("hello") == len(before), "once for each running instance"
        assert "broken" in str(
            await _refused(runtime.run_hook("steady", "broken", hooks["broken"]))
        )
        began_s = lab.clock.now()
        await _refused(runtime.run_hook("steady", "slow", hooks["slow"]), EverupError)
        assert lab.clock.now() - began_s < PATIENCE_S, "a hook has a timeout"
        after = await instances_of(runtime, "steady")
        assert {i.identity for i in after.values()} == {i.identity for i in before.values()}


async def a_hook_of_one_instance_is_run_for_it_alone(lab: RuntimeLab) -> None:
    hooks = lab.stack.services["steady"].hooks
    async with opened(lab) as runtime:
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        first = min(await instances_of(runtime, "steady"))
        answer = await runtime.run_hook("steady", "greet", hooks["greet"], first)
        assert answer.count("hello") == 1
        failed = await _refused(
            runtime.run_hook("steady", "broken", hooks["broken"], first), HookFailed
        )
        assert isinstance(failed, HookFailed)
        assert failed.code > 0, "the code that its owner's command ended with"


async def what_runs_has_processes(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        assert not await runtime.processes("steady"), "nothing runs"
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        found = await runtime.processes("steady")
        assert len({process.pid for process in found}) == len(found) >= 2
        assert all(process.title and process.state for process in found)
        assert len(
            await runtime.processes("steady", min(await instances_of(runtime, "steady")))
        ) < len(found)


async def a_hook_of_what_does_not_run_is_not_run(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        hook = lab.stack.services["steady"].hooks["greet"]
        assert await runtime.run_hook("steady", "greet", hook) == ""


def _with_colour(captured: Captured, colour: str) -> Captured:
    content: dict[str, Any] = json.loads(json.dumps(captured.content))
    content["env"]["COLOUR"] = colour
    return replace(captured, content=content)


async def what_was_captured_can_be_applied(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        before = await instances_of(runtime, "steady")
        green = await runtime.capture("steady")
        assert green.service == "steady"
        assert json.loads(json.dumps(green.content))["env"]["COLOUR"] == "green"
        blue = _with_colour(green, "blue")
        await runtime.apply(blue)
        unchanged = await instances_of(runtime, "steady")
        assert {i.identity for i in unchanged.values()} == {i.identity for i in before.values()}
        assert await runtime.capture("steady") == green, "it holds from the next start on"
        await runtime.restart("steady", grace_s=GRACE_S)
        assert await runtime.capture("steady") == blue
        await runtime.apply(green)
        await runtime.restart("steady", grace_s=GRACE_S)
        assert await runtime.capture("steady") == green


async def what_was_applied_survives_the_controller(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("steady")
    blue = _with_colour(await runtime.capture("steady"), "blue")
    await runtime.apply(blue)
    await lab.lose(runtime)
    async with opened(lab) as again:
        await again.restart("steady", grace_s=GRACE_S)
        assert await again.capture("steady") == blue


async def senseless_configuration_is_refused(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        before = await runtime.capture("steady")
        error = await _refused(runtime.apply(Captured("steady", {"no_such_field": 1})))
        assert "no_such_field" in str(error)
        assert await runtime.capture("steady") == before


async def a_pinned_image_has_an_address(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        assert await runtime.pin_image("idle", "kept-by-everup")


async def an_image_is_unpinned_and_stays(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        address = await runtime.pin_image("idle", "kept-by-everup")
        await runtime.unpin_image("idle", "kept-by-everup")
        await runtime.unpin_image("idle", "kept-by-everup")  # what is not there is no fault
        assert await runtime.pin_image("idle", "kept-by-everup") == address, "the image is there"
        await runtime.unpin_image("idle", "kept-by-everup")
