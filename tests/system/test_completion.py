"""Completion as the shells ask for it: bash runs its script, zsh and fish speak their protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
STACK = """\
stack: shop
services:
  redis: tcp://127.0.0.1:6379
  reports: http://127.0.0.1:8080/health
  api:
"""
ASK = """
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_everup_completion everup
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "everup.yaml").write_text(STACK)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """Nobody answers at port 9, whatever else runs on this machine."""
    nobody = {"EVERUP_URL": "http://127.0.0.1:9"}
    return {**os.environ, **nobody, "PATH": f"{BIN}:{os.environ['PATH']}", **more}


def run(command: list[str], folder: Path, text: str = "", **more: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**more),
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def in_bash(folder: Path, *words: str, **more: str) -> set[str]:
    """What bash offers for the last of these words."""
    script = run(["everup", "completion", "bash"], folder)
    told = run(["bash", "--norc", "-c", ASK, "bash", "everup", *words], folder, script, **more)
    return set(told.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["st"], {"start", "stop", "status"}),
        (["heal", "--t"], {"--type"}),
        (["heal", "--type", "scale_"], {"scale_out", "scale_up"}),
        (["up", "--mode", "a"], {"approve", "auto"}),
        (["stop", "--override", "fre"], {"freeze"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["stop", "re"], {"redis", "reports"}),
        (["freeze", ""], {"redis", "reports", "api"}),
        (["stop", "redis", "no"], set()),
    ],
)
def test_bash_completes(folder: Path, words: list[str], offered: set[str]) -> None:
    assert in_bash(folder, *words) == offered


def test_the_file_that_was_named_is_asked(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert in_bash(elsewhere, "stop", "--file", str(folder), "a") == {"api"}
    assert in_bash(elsewhere, "stop", "") == set()


def test_a_broken_configuration_says_nothing(folder: Path) -> None:
    (folder / "everup.yaml").write_text("stack: [")
    assert in_bash(folder, "stop", "") == set()


class Everup(BaseHTTPRequestHandler):
    """Watches two services, and says a third name that no shell should see."""

    def do_GET(self) -> None:
        names = ["live", "lively", "$(touch owned)"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"services": dict.fromkeys(names)}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Everup) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_running_everup_knows_best(folder: Path, url: str) -> None:
    assert in_bash(folder, "stop", "", EVERUP_URL=url) == {"live", "lively"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_asks_everup_itself(folder: Path, shell: str) -> None:
    script = run(["everup", "completion", shell], folder)
    assert f"_EVERUP_COMPLETE=complete_{shell}" in script
    assert "http" not in script


def test_zsh_and_fish_are_answered(folder: Path) -> None:
    asked = {"_TYPER_COMPLETE_ARGS": "everup stop re"}
    told = run(["everup"], folder, _EVERUP_COMPLETE="complete_zsh", **asked)
    assert '"redis"' in told
    assert '"reports"' in told
    fish = {**asked, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    told = run(["everup"], folder, _EVERUP_COMPLETE="complete_fish", **fish)
    assert told.split() == ["redis", "reports"]
