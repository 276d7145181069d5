"""Names of ours on images: which are left over, and which somebody may hold."""

from __future__ import annotations

from pathlib import Path

from everup.app.doctor.kept import judge_kept, noted
from everup.loop.pins import reference_of
from everup.runtimes.docker.store import PINNED
from everup.runtimes.docker.traces import store_of

GONE = reference_of("gone", "web", "1:a")
SHOP = reference_of("shop", "web", "1:a")


def test_what_is_noted_or_of_a_project_that_is_here_is_somebodys() -> None:
    assert not judge_kept([SHOP, GONE, "app:1"], {GONE}, {"shop", ""})
    assert not judge_kept([], set(), set())
    assert not judge_kept(["everup-kept:latest"], set(), set()), "not one of ours"


def test_the_rest_is_named_and_nothing_is_done() -> None:
    (found,) = judge_kept([SHOP, GONE], {SHOP}, {"other"})
    assert "1 image name " in found.text
    assert "for gone" in found.text
    assert f"docker rmi {GONE}" in found.fix


def test_notes_are_read_in_every_state_folder(tmp_path: Path) -> None:
    one, other, base = tmp_path / "one", tmp_path / "base" / "shop", tmp_path / "base"
    store_of(one).put(PINNED, GONE, {"service": "web", "image": "sha256:1"})
    store_of(other).put(PINNED, SHOP, {"service": "web", "image": "sha256:1"})
    assert noted(one, base) == {GONE, SHOP}
    assert noted(tmp_path / "none", None) == frozenset()
