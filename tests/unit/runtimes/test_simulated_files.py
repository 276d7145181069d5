"""The simulated world's own fault: a file that somebody breaks, and what is started with it."""

from __future__ import annotations

from everup.model.kinds import InstanceState
from everup.model.version import only_files_differ
from everup.runtimes.simulated.service import Curse
from everup.testing.runtime_lab import GRACE_S, instances_of
from tests.contract.simulated_lab import SimulatedLab

FOREVER = float("inf")


def test_what_starts_with_a_corrupt_file_dies_until_it_is_put_back() -> None:
    lab = SimulatedLab()
    world = lab._world

    async def story() -> None:
        runtime = await lab.open()

        async def states() -> set[InstanceState]:
            await lab.clock.sleep(2.0)
            return {i.state for i in (await instances_of(runtime, "steady")).values()}

        await runtime.start("steady")
        kept = await runtime.capture("steady")
        version = world.corrupt_file("steady", "main.conf", Curse(FOREVER, 0.1))
        assert only_files_differ(version, kept.version)
        assert await states() == {InstanceState.RUNNING}, "it is read at the start alone"
        await runtime.restart("steady", grace_s=GRACE_S)
        assert await states() == {InstanceState.EXITED}
        assert (await runtime.capture("steady")).version == version
        await runtime.restore(kept, grace_s=GRACE_S)
        assert await states() == {InstanceState.RUNNING}
        assert (await runtime.capture("steady")).version == kept.version
        broken = world.services["steady"].broken_files
        assert [path for path, _ in broken] == ["main.conf"]
        await runtime.close(stop_services=True)

    lab.run(story())
