"""The machine and the canaries, for real, and with no file descriptor left."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from everup.signals.host import create_host_sense
from tests.system.probe_lab import (
    PATIENT_S,
    once,
)

pytestmark = pytest.mark.system


class TestHost:
    """The machine and the canaries."""

    def test_this_machine_can_be_read(self) -> None:
        async def test() -> None:
            sense = create_host_sense(Path("/nonexistent"))
            await sense.host()
            host = await sense.host()
            assert 0 < host.memory_available_bytes <= host.memory_total_bytes
            assert 0.0 <= host.pressure_ratio <= 1.0
            assert host.loop_lag_s >= 0.0
            await sense.close()

        once(test())

    def test_all_canaries_sing_and_go_on_singing(self) -> None:
        async def test() -> None:
            sense = create_host_sense(Path("/nonexistent"))
            for _ in range(3):
                assert list(await sense.canaries(PATIENT_S)) == []
            assert sense.unavailable == ()
            await sense.close()

        once(test())

    def test_without_file_descriptors_the_canaries_fail_and_no_service_does(self) -> None:
        script = textwrap.dedent(
            """
            import asyncio, os, resource, sys
            from everup.model.kinds import InstanceState
            from everup.model.observation import Instance
            from everup.model.settings import Settings
            from everup.model.stack import ProbeSpec, ServiceSpec
            from everup.signals.host import create_host_sense
            from pathlib import Path
            from everup.signals.probes import create_prober

            class Clock:
                def now(self):
                    return 0.0
                async def sleep(self, seconds):
                    pass

            async def main():
                sense = create_host_sense(Path("/nonexistent"))
                prober = create_prober(Clock(), Settings())
                specs = [
                    ProbeSpec(http="http://127.0.0.1:9/"),
                    ProbeSpec(tcp="127.0.0.1:9"),
                    ProbeSpec(command=("/bin/sh", "-c", "exit 1"), interval_s=0),
                ]
                one = Instance("a", "a-1", "i", InstanceState.RUNNING)
                async def look():
                    for spec in specs:
                        result = await prober.probe(spec, ServiceSpec("a"), one, 20.0)
                        print(spec.kind, result.verdict.value, result.detail, sep="|")
                    for fault in await sense.canaries(20.0):
                        print("fault", fault, sep="|")
                await look()
                soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
                resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
                print("--")
                await look()
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                print("--")
                await look()
                await prober.close()
                await sense.close()

            asyncio.run(main())
            """
        )
        told = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        before, during, after = (
            [line.split("|") for line in part.strip().splitlines()]
            for part in told.stdout.split("--\n")
        )
        assert [line[:2] for line in before] == [
            ["http", "fail"],
            ["tcp", "fail"],
            ["exec", "fail"],
        ]
        assert after == before
        probes, faults = during[:3], during[3:]
        assert [line[:2] for line in probes] == [
            ["http", "unknown"],
            ["tcp", "unknown"],
            ["exec", "unknown"],
        ]
        assert all("Too many open files" in line[2] for line in probes)
        told_faults = {line[1].split(":")[0] for line in faults}
        assert {"canary loopback-http", "canary exec"} <= told_faults
        assert any("Too many open files" in line[1] for line in faults)
