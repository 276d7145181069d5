"""The real engine over the ways that lead to another machine: SSH through a real sshd, and TCP with
TLS in which both sides show a certificate. All of it stands on loopback: nothing leaves."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from everup.app.discover import look
from everup.model.errors import EverupError, GiveUp
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.nearness import Nearness
from tests.docker_engine import BUSYBOX, SOCKET, Docker, wait_until
from tests.ports import free_port
from tests.system.docker_stack import Shop, actions, all_healthy, resolved, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
AT_ONCE = 40  # more calls than sshd's ten sessions


def _made(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@contextmanager
def sshd(folder: Path, port: int) -> Iterator[Path]:
    """A server that knows one key; gives the home of who may come in."""
    program = shutil.which("sshd")
    assert program, "no sshd: scripts/engine tools installs one"
    Path("/run/sshd").mkdir(exist_ok=True)  # it drops its rights in there
    home = folder / "home"
    keys = home / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    for key in (folder / "host", keys / "id_ed25519"):
        _made("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    shutil.copy(keys / "id_ed25519.pub", folder / "may_enter")
    host = (folder / "host.pub").read_text()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    (folder / "sshd_config").write_text(
        f"""Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/may_enter
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
SetEnv DOCKER_HOST=unix://{SOCKET}
"""
    )
    log = (folder / "sshd.log").open("wb")
    server = subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
    )
    log.close()
    try:
        wait_until(lambda: _listens(port), what=(folder / "sshd.log").read_text() or "sshd")
        yield home
    finally:
        server.terminate()
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as asker:
        return asker.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def tls_door(folder: Path, port: int) -> Iterator[Path]:
    """Before the engine's socket, for whoever shows a certificate of ours; gives their folder."""
    certificates = folder / "certificates"
    certificates.mkdir()
    _authority(certificates)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server-key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_pass_on, "127.0.0.1", port, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield certificates
    finally:
        asyncio.run_coroutine_threadsafe(_closed(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(asyncio.sleep(0.1))  # what was closed ends in the passes after it
        loop.close()


async def _closed(server: asyncio.Server) -> None:
    server.close()
    own = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not own]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        from_engine, to_engine = await asyncio.open_unix_connection(SOCKET)
        try:
            await asyncio.gather(_copy(reader, to_engine), _copy(from_engine, writer))
        finally:
            to_engine.close()
    finally:
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()


def _authority(folder: Path) -> None:
    """ca.pem, cert.pem and key.pem as the client wants them, and the server's own."""

    def openssl(*arguments: str) -> None:
        _made("openssl", *arguments)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    ca, ca_key = str(folder / "ca.pem"), str(folder / "ca-key.pem")
    openssl("req", "-x509", *curve, "-subj", "/CN=ours", "-keyout", ca_key, "-out", ca)
    for name, key, out in (
        ("server", "server-key.pem", "server.pem"),
        ("client", "key.pem", "cert.pem"),
    ):
        asked = str(folder / f"{name}.csr")
        extra = folder / f"{name}.ext"
        extra.write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", str(folder / key), "-out", asked)
        openssl(
            *("x509", "-req", "-in", asked, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"),
            *("-extfile", str(extra), "-out", str(folder / out), "-days", "1"),
        )


@pytest.fixture
def container(docker: Docker) -> str:
    """Of a Compose project of its own, made over the socket."""
    labels = (f"com.docker.compose.project={docker.prefix}", "com.docker.compose.service=web")
    options = [word for label in labels for word in ("--label", label)]
    return docker.run(BUSYBOX, "sh", "-c", "echo said; sleep 1000", options=options)


@pytest.fixture(params=["ssh", "tls"])
def way(
    request: pytest.FixtureRequest,
    container: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """DOCKER_HOST of the engine over one of the ways, with what that needs."""
    port = free_port()
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    with ExitStack() as stack:
        if request.param == "ssh":
            home = stack.enter_context(sshd(tmp_path, port))
            monkeypatch.setenv("HOME", str(home))
            address = f"ssh://root@127.0.0.1:{port}"
        else:
            certificates = stack.enter_context(tls_door(tmp_path, port))
            monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
            monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
            address = f"tcp://127.0.0.1:{port}"
        monkeypatch.setenv("DOCKER_HOST", address)
        yield address


def test_an_engine_far_away_is_asked_acted_upon_and_listened_to(way: str, container: str) -> None:
    async def story() -> None:
        engine = Engine()
        await engine.open()
        try:
            assert engine.address == way
            assert not engine.is_socket, "it may be another machine's"
            near = Nearness(engine)
            await near.open()
            assert not near.is_here
            answers = await asyncio.gather(
                *(engine.get(f"containers/{container}/json") for _ in range(AT_ONCE))
            )
            assert all(answer["State"]["Running"] for answer in answers)
            log = {"stdout": True, "stderr": True}
            said = await engine.text(
                "GET", f"containers/{container}/logs", params=log, chars_most=100
            )
            assert said == "said\n"
            died = asyncio.create_task(_death(engine, container, time.time() - 60.0))
            await engine.call("POST", f"containers/{container}/kill")
            assert await asyncio.wait_for(died, 20) == "137"
        finally:
            await engine.close()

    asyncio.run(story())


async def _death(engine: Engine, container: str, since_s: float) -> str:
    async for event in engine.events(since_s):
        actor = event.get("Actor", {})
        if event.get("Action") == "die" and str(actor.get("ID", "")).startswith(container):
            return str(actor["Attributes"]["exitCode"])
    raise AssertionError("the stream of events ended")


def test_projects_are_found_far_away(way: str, docker: Docker) -> None:
    found = asyncio.run(look(os.environ))
    assert docker.prefix in {project.name for project in found.projects}
    assert found.address == way


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"far{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def test_what_died_far_away_is_healed(shop: Shop, way: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            shop.crash("db")
            await until(lambda: shop.state("db")["Running"], "db is started", 20)
            await resolved(engine, 1)
            assert [action.step.target for action in await actions(engine)] == ["db"]

    asyncio.run(story())


def test_whoever_shows_no_key_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with sshd(tmp_path, port) as home:
        (home / ".ssh" / "id_ed25519").unlink()
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        with pytest.raises(EverupError, match="Permission denied"):
            asyncio.run(Engine(f"ssh://root@127.0.0.1:{port}").open())


def test_a_host_that_nobody_knows_is_not_spoken_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(GiveUp, match=r"known_hosts"):
        asyncio.run(Engine("ssh://root@127.0.0.1:9").open())
