"""Caches are cleared of what their owner named, on real servers, and of nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.demo.stack.servers.redis import installed
from everup.model.errors import GiveUp, HookFailed
from everup.model.recipes import parse_recipe
from everup.runtimes import recipes
from everup.runtimes.recipes import nginx
from tests.ports import free_port
from tests.system.database_servers import RedisClient

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("real_servers")]

MANY = 1200
PATH = "/var/cache/pages"


class Server(RedisClient):
    """A real Redis, empty."""

    def clear(self, text: str) -> str:
        recipe = parse_recipe(text)
        host = "127.0.0.1"
        return asyncio.run(recipes.run(recipe, "cache_clear", 20.0, host=host, port=self.port))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    binary = installed()
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
    try:
        made = Server(port, binary.with_name("redis-cli"))
        ends_s = time.monotonic() + 20
        while True:
            try:
                made.do("ping")
                break
            except subprocess.CalledProcessError:
                assert time.monotonic() < ends_s
                time.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_the_named_prefix_goes_and_nothing_else(server: Server) -> None:
    fill = f"for i=1,{MANY} do redis.call('SET','page:'..i,'x','EX',900) end"
    server.do("eval", fill, "0")
    server.do("set", "pages", "no prefix of it is meant")
    server.do("set", "order:1", "kept", "EX", "900")
    server.do("rpush", "jobs", "one")
    said = server.clear("redis:prefix=page:")
    assert f"{MANY} of {MANY} keys" in said
    assert server.do("dbsize") == "3"
    assert server.do("get", "order:1") == "kept"
    assert server.do("llen", "jobs") == "1"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("set", "page:for-ever", "x"), "has no TTL"),
        (("rpush", "page:jobs", "x"), "serves as a queue"),
        (("xadd", "page:log", "*", "a", "1"), "serves as a queue"),
    ],
)
def test_what_is_no_cache_is_left_whole(
    server: Server, words: tuple[str, ...], reason: str
) -> None:
    server.do("set", "page:1", "x", "EX", "900")
    server.do(*words)
    if words[0] != "set":
        server.do("expire", words[1], "900")
    with pytest.raises(GiveUp, match=reason):
        server.clear("redis:prefix=page:")
    assert server.do("dbsize") == "2", "nothing was freed"


def test_purging_gives_memory_back_and_keeps_every_key(server: Server) -> None:
    server.do("set", "a", "x")
    assert "memory purged" in server.clear("redis:purge")
    assert server.do("dbsize") == "1"


def test_a_server_with_a_password_is_left_alone(server: Server) -> None:
    server.do("set", "page:1", "x", "EX", "900")
    server.do("config", "set", "requirepass", "secret")
    with pytest.raises(GiveUp, match="password"):
        server.clear("redis:prefix=page:")


class Container:
    """Answers of a container with nginx; `find` runs on a real folder."""

    def __init__(self, folder: Path, *, declares: str = PATH, mounts: str = "/proc") -> None:
        self.folder, self.declares, self.mounts = folder, declares, mounts
        self.ran: list[str] = []

    async def __call__(self, words: object) -> str:
        command = [str(word) for word in words]  # type: ignore[attr-defined]
        self.ran.append(command[0])
        if command[0] == "nginx":
            return f"http {{\n    proxy_cache_path {self.declares} keys_zone=a:1m;\n}}\n"
        if command[0] == "cat":
            return f"1 2 0:3 / {self.mounts} rw - ext4 /dev/sda rw\n"
        if command[0] == "sh":
            return "overlay 1 1 1 1% /\n"
        command[1] = str(self.folder)
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=20, check=False
        )
        if done.returncode:
            raise HookFailed(done.stderr, done.returncode)
        return done.stdout


def test_only_files_that_nginx_names_go(tmp_path: Path) -> None:
    (tmp_path / "a" / "bc").mkdir(parents=True)
    cached, other = tmp_path / "a" / "bc" / ("0f" * 16), tmp_path / "a" / "notes.txt"
    cached.write_text("x")
    other.write_text("x")
    said = asyncio.run(nginx.clear(PATH, "cache_clear", Container(tmp_path)))
    assert said == f"1 files of {PATH} are gone"
    assert not cached.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("declares", "mounts", "reason"),
    [("/var/cache/other", "/proc", "no cache in"), (PATH, PATH, "is a volume")],
)
def test_a_folder_that_is_no_cache_of_its_own_is_left_alone(
    tmp_path: Path, declares: str, mounts: str, reason: str
) -> None:
    cached = tmp_path / ("0f" * 16)
    cached.write_text("x")
    container = Container(tmp_path, declares=declares, mounts=mounts)
    with pytest.raises(GiveUp, match=reason):
        asyncio.run(nginx.clear(PATH, "cache_clear", container))
    assert cached.exists()
    assert "find" not in container.ran


@pytest.mark.parametrize(
    "text",
    [
        *("redis:prefix=", "redis:prefix=a", "redis:prefix=a*", "redis:flushall", "redis"),
        *("nginx:path=/", "nginx:path=/var/cache", "nginx:path=/var/cache/../lib", "nginx:path=x"),
        *("http:PURGE http://:80/", "http:GET http://:80/x", "http:PURGE http://other:80/x/"),
        *("redis:99999:purge", ""),
    ],
)
def test_a_recipe_that_could_free_everything_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|name"):
        parse_recipe(text)


@pytest.mark.parametrize(
    "text",
    [
        *("redis:prefix=session:", "redis:6380:prefix=a:b c", "redis:purge"),
        *("nginx:path=/var/cache/nginx/pages", "http:PURGE http://:8080/assets/"),
    ],
)
def test_a_recipe_is_read_as_it_is_written(text: str) -> None:
    assert parse_recipe(text).text == text
