"""The HAProxy that is suggested: for whom, and that its files are what their readers take."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from everup.app.suggest import router_files
from tests.unit.app.suggest.test_suggest import container, found_by

EXPOSED: dict[str, dict[str, str]] = {"8080/tcp": {}}


def web(number: int, **more: object) -> dict[str, object]:
    found = container("web", **more)  # type: ignore[arg-type]
    found["Id"] = f"{number:064x}"
    found["Name"] = f"/shop-web-{number}"
    found["Config"]["ExposedPorts"] = EXPOSED
    found["Config"]["Labels"]["com.docker.compose.container-number"] = str(number)
    return found


def test_for_services_of_several_copies() -> None:
    files = router_files(found_by(web(1), web(2), container("other")))
    assert files.services == ("web",)
    assert files.left_out == ()
    assert "server-template web 1-10 web:8080" in files.configuration
    assert "option redispatch 1" in files.configuration
    assert "level admin" in files.configuration
    compose = yaml.safe_load(files.compose)
    assert compose["services"]["router"]["ports"] == ["127.0.0.1:8080:8080"]
    (network,) = compose["networks"].values()
    assert network["external"] is True
    assert set(compose["services"]["router"]["networks"]) == set(compose["networks"])


def test_for_one_that_is_named() -> None:
    assert router_files(found_by(web(1))).services == ()
    assert router_files(found_by(web(1)), ["web"]).services == ("web",)


def test_who_cannot_be_behind_it_is_said() -> None:
    database = container("db", "postgres:16", ("docker-entrypoint.sh", "postgres"))
    silent = container("silent")
    files = router_files(found_by(database, silent), ["db", "silent"])
    assert files.services == ()
    assert [line.partition(":")[0] for line in files.left_out] == ["db", "silent"]
    assert "keeps data" in files.left_out[0]
    assert "no port" in files.left_out[1]


def test_a_name_that_says_more_than_a_name_is_left_out() -> None:
    evil = "web 1-1 web:80\n  http-request deny"
    found = web(1)
    found["Config"]["Labels"]["com.docker.compose.service"] = evil  # type: ignore[index]
    files = router_files(found_by(found, web(2)), [evil, "web"])
    assert files.services == ("web",)
    assert "deny" not in files.configuration + files.compose
    assert "its name is none" in files.left_out[0]


@pytest.mark.system
def test_haproxy_takes_it(tmp_path: Path) -> None:
    program = shutil.which("haproxy")
    assert program, "no haproxy: scripts/engine start installs one"
    file = tmp_path / "haproxy.cfg"
    text = router_files(found_by(web(1), web(2))).configuration
    file.write_text(text.replace("/var/lib/haproxy", str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        [program, "-c", "-f", str(file)], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
