"""Records what docs/explanations.md shows, from a real stack under a real Everup; about 2 minutes.

    .venv/bin/python -m tests.system.record_stories

Four small services and a Redis at a fifth of the usual times: `web` crashes, `redis` hangs,
`mailer` loses its configuration, and in mode `observe` the process of `worker` is stopped four
times for some seconds. The answers of the API go into tests/unit/cli/stories, but for the names of
folders; what the pages make of them goes into the docs. Nothing is written before all of it has
succeeded.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from everup.demo.client import NoAnswer
from tests.ports import free_port
from tests.system.database_servers import redis_server
from tests.system.kill_world import World, until
from tests.unit.cli.shown import BLOCK, PAGE, SHOWN, STORIES, story, tidy

WITHIN_S = 120.0
BEFORE_THE_FIRST_S = 8.0
PLAN_AFTER_S = 2.0
STOPPED_FOR_S = 9.0
STOPS = 4
SCRIPT = str(Path(__file__).with_name("story_service.py"))

Answers = dict[str, Any]


def shop(folder: Path) -> World:
    """`web` ← `api` ← `redis` → `worker`, and `mailer`, which needs nobody."""
    ports = {name: free_port() for name in ("redis", "api", "worker", "web", "mailer")}
    needs = {"api": "redis", "worker": "redis", "web": "api"}
    redis = [*redis_server(), "--port", str(ports["redis"]), "--dir", str(folder)]
    services: dict[str, dict[str, Any]] = {
        "redis": {
            "command": redis,
            "port": ports["redis"],
            "probe": {"redis": "127.0.0.1:{port}"},
            "stateful": True,
        }
    }
    for name in ("api", "worker", "web", "mailer"):
        (folder / f"{name}.conf").touch()
        needed = needs.get(name)
        services[name] = {
            "command": [sys.executable, "-S", "-E", SCRIPT, name]
            + ([str(ports[needed])] if needed else []),
            "directory": str(folder),
            "port": ports[name],
            "probe": {"http": "http://127.0.0.1:{port}/health", "timeout_s": "5s"},
            **({"depends_on": [needed]} if needed else {}),
        }
    return World(folder, services, stack_name="shop")


def pid_of(world: World, name: str) -> int:
    """From the runtime's own record."""
    record = json.loads((world.state_dir / "instances" / f"{name}-0.json").read_text())
    return int(record["pid"])


def break_(world: World, name: str) -> None:
    """Have it end by itself."""
    port = yaml.safe_load(world.file.read_text())["services"][name]["port"]
    address = f"http://127.0.0.1:{port}/break"
    with suppress(OSError, HTTPException):
        urlopen(address, timeout=5).close()


def latest(world: World, name: str) -> Any:
    """The whole answer about the latest incident of the service, or None."""
    found = world.client.get(f"/incidents?limit=1&service={name}")["incidents"]
    return world.client.get(f"/incidents/{found[0]['id']}") if found else None


def wait(world: World, name: str, is_so: Callable[[Any], bool], what: str) -> Any:
    """The answer about the latest incident, once it is as wanted."""
    found: Any = None

    def look() -> bool:
        nonlocal found
        with suppress(NoAnswer):
            found = latest(world, name)
        return found is not None and is_so(found)

    until(look, WITHIN_S, f"{name}: {what}", world.story)
    return found


def has_ended(found: Any) -> bool:
    return bool(found["state"] != "open" and found["in_flight"] is None)


def healed(world: World) -> Answers:
    """A crash, a hang with its plan, and a crash loop, in mode auto."""
    answers: Answers = {}
    time.sleep(BEFORE_THE_FIRST_S)
    break_(world, "web")
    answers["crash"] = wait(world, "web", has_ended, "it is healed")
    world.until_calm()
    os.kill(pid_of(world, "redis"), signal.SIGSTOP)
    wait(world, "redis", lambda found: len(found["victims"]) == 3, "three suffer from it")
    time.sleep(PLAN_AFTER_S)
    answers["plan"] = world.client.get("/plan")
    answers["why"] = world.client.get("/services/redis/actions")
    wait(world, "redis", has_ended, "it is healed")
    world.until_calm()
    answers["hang"] = latest(world, "redis")
    (world.folder / "mailer.conf").unlink()
    break_(world, "mailer")
    answers["loop"] = wait(world, "mailer", lambda x: x["state"] == "escalated", "it is escalated")
    return answers


def watched(world: World) -> Answers:
    """Stops of `worker` that end by themselves, in mode observe; then the report."""
    for number in range(STOPS):
        seen = latest(world, "worker")
        pid = pid_of(world, "worker")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_FOR_S)
        os.kill(pid, signal.SIGCONT)
        known = None if seen is None else seen["id"]
        wait(
            world,
            "worker",
            lambda found, known=known: found["id"] != known and found["state"] == "resolved",  # type: ignore[misc]
            f"stop {number + 1} is over",
        )
    until(lambda: latest(world, "worker")["episode"] is not None, WITHIN_S, "judged", world.story)
    return {
        "observe": latest(world, "worker"),
        "report": world.client.get("/report?last_s=604800"),
    }


def record() -> Answers:
    """All answers."""
    with tempfile.TemporaryDirectory(prefix="everup-stories-") as name:
        world = shop(Path(name))
        try:
            world.up()
            world.until_calm()
            answers = healed(world)
            os.kill(world.pid, signal.SIGTERM)  # the services go on
            assert world.wait_until_gone() == 0, world.log()
            world.up(mode="observe")
            until(lambda: is_looking(world), WITHIN_S, "Everup looks again", world.story)
            answers |= watched(world)
            return placed(answers, {name: "/srv/shop", sys.prefix: "/opt/everup"})
        finally:
            world.close()


def placed(answers: Answers, folders: dict[str, str]) -> Answers:
    """The answers with folders of this machine named as on any other."""
    text = json.dumps(answers)
    for here, anywhere in folders.items():
        text = text.replace(here, anywhere)
    found: Answers = json.loads(text)
    return found


def is_looking(world: World) -> bool:
    with suppress(NoAnswer):
        return world.client.conditions()["worker"] == "healthy"
    return False


def write(answers: Answers) -> None:
    """The stories, and the page with what is printed of them."""
    for name, answer in answers.items():
        text = json.dumps(answer, indent=1)
        (STORIES / f"{name}.json").write_text(text + "\n")
    os.environ.update(TZ="UTC", COLUMNS="80")
    time.tzset()
    shown = {}
    for command, (name, show) in SHOWN.items():
        said = io.StringIO()
        with redirect_stdout(said):
            show(story(name))
        shown[command] = tidy(said.getvalue())
    page = BLOCK.sub(
        lambda block: f"```console\n$ {block[1]}\n{shown[block[1]]}\n```", PAGE.read_text()
    )
    PAGE.write_text(page)


if __name__ == "__main__":
    write(record())
