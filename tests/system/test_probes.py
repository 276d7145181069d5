"""Probes, canaries and children against real sockets and real processes, on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance, ProbeResult
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.signals.child import OUTPUT_MOST_BYTES, Children, LostChild, Order
from everup.signals.host import create_host_sense
from everup.signals.probes import LiveProber, create_prober

pytestmark = pytest.mark.system

PASS, FAIL = ProbeVerdict.PASS, ProbeVerdict.FAIL
RECOVERING, UNKNOWN = ProbeVerdict.RECOVERING, ProbeVerdict.UNKNOWN
PATIENT_S = 30.0
"""A deadline that only a defect reaches."""
BRIEF_S = 0.3
"""A deadline that is meant to be reached."""
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds; only differences matter here."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@asynccontextmanager
async def prober(**environ: str) -> AsyncIterator[LiveProber]:
    made = create_prober(SystemClock(), Settings(), environ={"PATH": os.defpath, **environ})
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """A server on a free port; its visits end with it."""
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        visits.add(task)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            visits.discard(task)

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        left = tuple(visits)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def page(content: bytes) -> Handler:
    """A handler that reads one request and answers so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        writer.close()
        await writer.wait_closed()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in plain HTTP whatever comes, as a server does that was greeted in TLS."""
    await reader.read(1)
    writer.write(answer("400 Bad Request"))
    writer.close()
    await writer.wait_closed()


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def instance(port: int | None = None, name: str = "api-1") -> Instance:
    return Instance("api", name, "identity", InstanceState.RUNNING, port=port)


async def ask(
    asker: LiveProber, spec: ProbeSpec, port: int | None = None, timeout_s: float = PATIENT_S
) -> ProbeResult:
    return await asker.probe(spec, ServiceSpec("api"), instance(port), timeout_s)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not condition():
            await asyncio.sleep(0.01)


def once(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


class TestHttp:
    """Over HTTP."""

    SPEC = ProbeSpec(http="http://127.0.0.1:{port}/health")

    @pytest.mark.parametrize(
        ("content", "verdict", "words"),
        [
            (answer("200 OK", b"fine"), PASS, "200 OK"),
            (answer("302 Found", Location="http://127.0.0.1:1/"), PASS, "302 Found"),
            (answer("500 Oh No", b"no disk"), FAIL, "answered 500 Oh No: no disk"),
            (answer("503 Busy", b"", **{"Retry-After": "5"}), FAIL, "answered 503 Busy"),
            (answer("503 Wait", b'{"status": "loading"}'), RECOVERING, "says that it is loading"),
            (b"+PONG\r\n", FAIL, "no whole HTTP answer"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", FAIL, "no whole HTTP answer"),
            (b"", FAIL, "no whole HTTP answer"),
        ],
    )
    def test_what_is_answered(self, content: bytes, verdict: ProbeVerdict, words: str) -> None:
        async def test() -> None:
            async with prober() as asker, served(page(content)) as port:
                result = await ask(asker, self.SPEC, port)
                assert (result.verdict, words in result.detail) == (verdict, True), result
                assert result.latency_s >= 0

        once(test())

    def test_silence_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker, served(silent) as port:
                result = await ask(asker, self.SPEC, port, BRIEF_S)
                # A host too busy to keep time may say that its silence proves nothing.
                assert result.verdict in (FAIL, UNKNOWN)
                assert result.detail.startswith("no answer within 0.3 s")

        once(test())

    def test_a_drip_that_never_ends_does_not_outlast_the_deadline(self) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

        async def test() -> None:
            async with prober() as asker, served(drip) as port:
                result = await ask(asker, self.SPEC, port, BRIEF_S)
                assert result.detail.startswith("no answer within")

        once(test())

    def test_a_long_page_is_read_no_further_than_needed(self) -> None:
        async def test() -> None:
            content = answer("200 OK", b"x" * 1_000_000)
            async with prober() as asker, served(page(content)) as port:
                assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())

    def test_nobody_there_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.SPEC, free_port())
                assert result.verdict is FAIL
                assert result.detail == "connection refused: nothing listens there"

        once(test())

    def test_every_question_has_a_connection_of_its_own(self) -> None:
        visits = 0

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal visits
            visits += 1
            while await reader.readline():
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        async def test() -> None:
            async with prober() as asker, served(keep) as port:
                for _ in range(3):
                    assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())
        assert visits == 3

    def test_a_proxy_of_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

        async def test() -> None:
            async with prober() as asker, served(page(answer("200 OK"))) as port:
                assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())

    def test_a_name_that_cannot_be_resolved_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve = socket.getaddrinfo

        def lost(host: Any, *rest: Any, **named: Any) -> Any:
            if "service" in str(host):
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return resolve(host, *rest, **named)

        monkeypatch.setattr(socket, "getaddrinfo", lost)

        async def test() -> None:
            async with prober() as asker:
                for spec in (ProbeSpec(http="http://service/"), ProbeSpec(tcp="service:80")):
                    result = await ask(asker, spec)
                    assert result.verdict is UNKNOWN
                    assert "cannot be resolved here: Temporary failure" in result.detail

        once(test())

    def test_plain_http_where_tls_is_asked_for_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker, served(plain) as port:
                spec = ProbeSpec(http="https://127.0.0.1:{port}/")
                assert (await ask(asker, spec, port)).verdict is FAIL

        once(test())

    def test_without_the_port_that_it_needs_nothing_is_asked(self) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.SPEC, None)
                assert result.verdict is UNKNOWN
                assert "no known port" in result.detail

        once(test())


class TestTcp:
    """By connecting."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_a_listener_passes_and_the_answer_says_how_little_that_proves(self, host: str) -> None:
        async def test() -> None:
            async with prober() as asker, served(silent) as port:
                result = await ask(asker, ProbeSpec(tcp=f"{host}:{{port}}"), port)
                assert result.verdict is PASS
                assert "proves only" in result.detail
                result = await ask(asker, ProbeSpec(tcp=f"{host}:{free_port()}"))
                assert result.verdict is FAIL
                assert "refused" in result.detail

        once(test())


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
