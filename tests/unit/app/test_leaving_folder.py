"""Of a state folder goes what Everup makes, by name; what else is there stays, and is named."""

from __future__ import annotations

from pathlib import Path

from everup.app.leaving import folder as files


def filled(folder: Path) -> Path:
    ours = ["journal.sqlite3", "journal.sqlite3-wal", "everup.pid", "everup.log", "lock", "token"]
    ours += ["version.key", "version.key.damaged", "version.key.0a1b2c3d.new"]
    for name in ours:
        (folder / name).write_text("x")
    for name in (
        "history/1795632685934.history",
        "logs/everup.log.1",
        "docker/watched/shop.json",
        "docker/limits-left/abc.json",
        "output/web-0.log",
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x")
    return folder


def test_all_of_ours_goes_and_the_folder_with_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    assert files.remove(filled(state), ()) == []
    assert not state.exists()
    assert files.remove(state, ()) == []  # twice is fine


def test_what_is_a_strangers_stays_and_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "thesis.txt").write_text("precious")
    (tmp_path / "history" / "of-rome.txt").write_text("precious")
    (tmp_path / "logs" / "everup.log.1").unlink()
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").symlink_to("/etc")
    lock, token, key, stays = files.remove(tmp_path, ())
    assert "token: whether it is Everup's cannot be seen" in token
    assert "lock: whether it is Everup's cannot be seen" in lock
    assert "version.key: whether it is Everup's cannot be seen" in key
    assert "thesis.txt" in stays
    assert "history/of-rome.txt" in stays
    kept = ["history", "lock", "logs", "thesis.txt", "token", "version.key"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    assert [path.name for path in (tmp_path / "history").iterdir()] == ["of-rome.txt"]


def test_evidence_is_kept_when_asked_for(tmp_path: Path) -> None:
    ours, _ = files.found(filled(tmp_path))
    kept = [entry.name for entry in ours if files.is_evidence(entry)]
    assert files.remove(tmp_path, kept) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "everup.log",
        "history",
        "journal.sqlite3",
        "journal.sqlite3-wal",
        "logs",
    ]
