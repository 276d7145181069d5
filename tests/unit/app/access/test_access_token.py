"""The token in the state folder."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from everup.app.access import keep_token, token_file
from everup.app.access.own import own_ids
from everup.app.access.token import hash_of
from everup.config.tokens import is_token
from everup.model.errors import AskAHuman


def test_it_is_made_once_for_us_alone(tmp_path: Path) -> None:
    first, again = keep_token(tmp_path / "state"), keep_token(tmp_path / "state")
    path = token_file(tmp_path / "state")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_token(first.fresh)
    assert path.read_text().strip() == first.fresh
    assert first.sha256 == again.sha256 == hash_of(first.fresh)
    assert again.fresh == ""
    assert first.fresh not in repr(first)
    assert [one.name for one in path.parent.iterdir()] == ["token"]


def test_a_given_one_is_taken_and_none_is_made(tmp_path: Path) -> None:
    kept = keep_token(tmp_path, "given-by-its-owner", "EVERUP_TOKEN")
    assert (kept.sha256, kept.fresh) == (hash_of("given-by-its-owner"), "")
    assert not token_file(tmp_path).exists()


def test_one_that_others_could_read_is_shut_and_said(tmp_path: Path) -> None:
    token_file(tmp_path).write_text("kept-since-last-year\n")
    token_file(tmp_path).chmod(0o644)
    kept = keep_token(tmp_path)
    assert kept.was_open
    assert stat.S_IMODE(token_file(tmp_path).stat().st_mode) == 0o600
    assert not keep_token(tmp_path).was_open


@pytest.mark.parametrize("content", ["", "short", "with a blank in its middle", "ä" * 30])
def test_what_is_none_says_what_to_do(tmp_path: Path, content: str) -> None:
    token_file(tmp_path).write_text(content)
    with pytest.raises(AskAHuman, match="remove it, and a new one is made"):
        keep_token(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("somebody-elses-secret")
    token_file(tmp_path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AskAHuman, match="EVERUP_TOKEN"):
        keep_token(tmp_path)


def test_who_we_are_is_told_by_the_kernel(tmp_path: Path) -> None:
    inside, proc = tmp_path / ".dockerenv", tmp_path
    (proc / "cgroup").write_text(f"12:memory:/docker/{'a' * 64}\n")
    (proc / "mountinfo").write_text(
        f"1 2 8:1 /var/lib/docker/containers/{'b' * 64}/hostname /etc/hostname rw - ext4 /dev rw\n"
    )
    assert own_ids(proc, inside) == ()
    inside.touch()
    found = own_ids(proc, inside)
    assert (found[0], found[-1]) == ("a" * 64, "b" * 64)
