"""The image's first process, without a container: which socket, which group, and what it says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import entrypoint


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(where))
        yield where


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": ""}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, "/run/user/1000/docker.sock"),
        ({"DOCKER_HOST": "tcp://engine-door:2375"}, None),
    ],
)
def test_the_socket_is_where_docker_host_says(
    environ: dict[str, str], expected: str | None
) -> None:
    assert entrypoint.socket_of(environ) == expected


@pytest.mark.parametrize("mode", [0o660, 0o620, 0o666])
def test_the_group_of_a_socket_that_its_group_may_use(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert entrypoint.group_for(str(path)) == path.stat().st_gid


def test_a_socket_for_everybody_needs_no_group(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.chmod(0o606)
    assert entrypoint.group_for(str(path)) is None
    assert capsys.readouterr().err == ""


def test_a_socket_for_its_owner_alone_is_said(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.chmod(0o600)
    assert entrypoint.group_for(str(path)) is None
    assert "chmod g+rw" in capsys.readouterr().err


def test_no_socket_and_no_file_instead_of_one(tmp_path: Path) -> None:
    assert entrypoint.group_for(None) is None
    assert entrypoint.group_for(str(tmp_path / "none")) is None
    (tmp_path / "file").touch()
    assert entrypoint.group_for(str(tmp_path / "file")) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"DOCKER_SOCK": "/tmp/docker.sock"}, "unix:///tmp/docker.sock"),
        ({"DOCKER_SOCK": "tcp://proxy:2375"}, "tcp://proxy:2375"),
        ({"DOCKER_SOCK": "/tmp/docker.sock", "DOCKER_HOST": "tcp://engine-door:2375"}, None),
    ],
)
def test_the_socket_of_autoheals_variable(environ: dict[str, str], expected: str | None) -> None:
    assert entrypoint.address_of_autoheal(environ) == expected
