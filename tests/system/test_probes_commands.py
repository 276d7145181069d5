"""Probes and children that run a command, as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from everup.model.kinds import ProbeVerdict
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.signals.child import OUTPUT_MOST_BYTES, Children, LostChild, Order
from everup.signals.probes import create_prober
from tests.system.probe_lab import (
    BRIEF_S,
    FAIL,
    PASS,
    PATIENT_S,
    RECOVERING,
    UNKNOWN,
    SystemClock,
    alive,
    ask,
    instance,
    once,
    prober,
    until,
)

pytestmark = pytest.mark.system


class TestCommands:
    """By running something."""

    @staticmethod
    def spec(line: str, interval_s: float = 0.0) -> ProbeSpec:
        return ProbeSpec(command=("/bin/sh", "-c", line), interval_s=interval_s)

    @pytest.mark.parametrize(
        ("line", "verdict", "detail"),
        [
            ("echo PONG", PASS, "exited with 0: PONG"),
            ("echo a; echo no >&2; exit 3", FAIL, "probe command exited with 3: no"),
            ("kill -9 $$", UNKNOWN, "probe command died of signal 9"),
            ("no-such-program-anywhere", UNKNOWN, "was not found by its shell"),
            ("echo LOADING Redis is loading the dataset in memory", RECOVERING, "is loading"),
            ("head -c 3000000 /dev/zero; exit 4", FAIL, "exited with 4"),
            ("test {port} = 8123 && test $PORT = 8123", PASS, "exited with 0"),
        ],
    )
    def test_what_it_ends_with(self, line: str, verdict: ProbeVerdict, detail: str) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.spec(line), 8123)
                assert (result.verdict, detail in result.detail) == (verdict, True), result

        once(test())

    @pytest.mark.parametrize("command", ["/nowhere/at/all", "no-such-program", "/etc/passwd"])
    def test_what_cannot_be_run_says_nothing_of_the_service(self, command: str) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, ProbeSpec(command=(command,), interval_s=0))
                assert result.verdict is UNKNOWN
                assert "cannot be run" in result.detail

        once(test())

    def test_it_runs_in_the_services_own_place_and_without_what_is_ours(
        self, tmp_path: Path
    ) -> None:
        service = ServiceSpec("api", directory=str(tmp_path), env={"LEVEL": "7"})

        async def test() -> None:
            async with prober(EVERUP_SECRET="x", PORT="1", KEPT="yes") as asker:
                line = 'echo "$(pwd) $LEVEL $KEPT [$EVERUP_SECRET$PORT]"'
                result = await asker.probe(self.spec(line), service, instance(), PATIENT_S)
                assert result.detail == f"exited with 0: {tmp_path} 7 yes []"

        once(test())

    def test_one_that_hangs_is_killed_with_all_that_it_started(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"

        async def test() -> None:
            async with prober() as asker:
                line = f"sleep 300 & echo $$ $! > {pids}; echo waiting; wait"
                result = await ask(asker, self.spec(line), timeout_s=BRIEF_S)
                assert result.detail.startswith("no answer within")
                for pid in pids.read_text().split():
                    await until(lambda pid=int(pid): not alive(pid))  # type: ignore[misc]

        once(test())

    def test_what_it_leaves_behind_is_killed_when_it_ends(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"

        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.spec(f"sleep 300 & echo $! > {pids}"))
                assert result.verdict is PASS
                await until(lambda: not alive(int(pids.read_text())))

        once(test())

    def test_cancelling_kills_it(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"

        async def test() -> None:
            async with prober() as asker:
                line = f"echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 300"
                task = asyncio.ensure_future(ask(asker, self.spec(line)))
                await until(pids.exists)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(lambda: not alive(int(pids.read_text())))

        once(test())

    def test_closing_kills_what_still_runs(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"

        async def test() -> None:
            children = Children()
            line = f"echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 300"
            order = Order(("/bin/sh", "-c", line), env={"PATH": os.defpath})
            task = asyncio.ensure_future(children.run(order))
            await until(pids.exists)
            await children.close()
            assert (await task).code == -signal.SIGKILL

        once(test())
        assert not alive(int(pids.read_text()))

    def test_at_most_two_run_at_once(self, tmp_path: Path) -> None:
        async def test() -> None:
            async with prober() as asker:
                spec = self.spec(
                    f"cd {tmp_path}; touch $$; ls | wc -l | tr -d ' '; sleep 0.05; rm $$"
                )
                results = await asyncio.gather(
                    *(
                        asker.probe(spec, ServiceSpec("api"), instance(name=f"api-{i}"), PATIENT_S)
                        for i in range(8)
                    )
                )
                counts = {int(result.detail.rpartition(" ")[2]) for result in results}
                assert counts <= {1, 2}

        once(test())

    def test_an_instance_is_never_asked_sooner_than_declared(self, tmp_path: Path) -> None:
        class Watch:
            """A clock on which waiting is noted and takes no time."""

            def __init__(self) -> None:
                self.at_s = 100.0
                self.waits_s: list[float] = []

            def now(self) -> float:
                return self.at_s

            async def sleep(self, seconds: float) -> None:
                self.waits_s.append(seconds)
                self.at_s += seconds

        async def test() -> None:
            watch = Watch()
            asker = create_prober(watch, Settings(), environ={"PATH": os.defpath})
            spec = self.spec("exit 0", interval_s=5.0)
            for name in ("api-1", "api-2", "api-1"):
                await asker.probe(spec, ServiceSpec("api"), instance(name=name), PATIENT_S)
            assert watch.waits_s == [5.0]
            watch.at_s += 3.0
            result = await asker.probe(spec, ServiceSpec("api"), instance(name="api-1"), PATIENT_S)
            assert watch.waits_s == [5.0, 2.0]
            assert result.latency_s == 0.0
            await asker.close()

        once(test())

    def test_one_that_finds_no_slot_is_unknown(self) -> None:
        async def test() -> None:
            settings = Settings(tick_s=BRIEF_S)
            asker = create_prober(SystemClock(), settings, environ={"PATH": os.defpath})
            hanging = [
                asyncio.ensure_future(
                    asker.probe(
                        self.spec("exec sleep 300"),
                        ServiceSpec("api"),
                        instance(name=f"hung-{i}"),
                        PATIENT_S,
                    )
                )
                for i in range(2)
            ]
            await asyncio.sleep(0)
            result = await ask(asker, self.spec("exit 0"))
            assert result.verdict is UNKNOWN
            assert "2 other probe commands kept running" in result.detail
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            await asker.close()

        once(test())

    def test_output_is_bounded(self) -> None:
        async def test() -> None:
            order = Order(("/bin/sh", "-c", "yes | head -c 100000"), env={"PATH": os.defpath})
            finished = await Children().run(order)
            assert (finished.code, len(finished.output)) == (0, OUTPUT_MOST_BYTES)

        once(test())

    def test_an_exit_code_that_somebody_else_collected_is_no_exit_code(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collect = os.waitid

        def faster(kind: int, pid: int, options: int) -> None:
            collect(kind, pid, os.WEXITED)
            raise ChildProcessError

        async def test() -> None:
            monkeypatch.setattr(os, "waitid", faster)
            with pytest.raises(LostChild):
                await Children().run(Order(("/bin/sh", "-c", "exit 1")))

        once(test())
