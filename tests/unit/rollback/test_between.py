"""What changed between two snapshots, whose hand it was, and that no secret is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.comparison import Aspect, Change, Deed
from everup.model.kinds import ActionKind
from everup.model.runtime import Captured, KeptFile
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason
from everup.rollback_manager import Held, changes
from everup.rollback_manager.file_diff import (
    CHARS_MOST,
    LINES_MOST,
    SINCE,
    file_differences,
    is_secret,
)

CONTENT = {
    "image": "app:1",
    "env": {"TOKEN": "hunter2", "OLD": "x"},
    "host": {"Memory": 512, "CapAdd": []},
    "config": {"Labels": {"com.docker.compose.config-hash": "1", "team": "a"}},
}
FILE = KeptFile("/etc/app.conf", "1", b"port = 80\n")


def file_lines(path: str, before: bytes, after: bytes) -> tuple[str, ...]:
    one, other = (KeptFile(path, sha256(text).hexdigest(), text) for text in (before, after))
    return tuple(file_differences([one], [other], SINCE))


CAPTURED = Captured("a", CONTENT, "1:a", "sha256:1", "app:1 (1)", (FILE,))
PART = ServiceSnapshot("a", "1:a", "app:1 (1)", instances=1, memory_bytes=512.0 * 2**20)


def held(
    part: ServiceSnapshot | None = PART,
    captured: Captured | None = CAPTURED,
    at_s: float = 10.0,
    files: Mapping[str, bytes] | None = None,
) -> Held:
    services = {} if part is None else {"a": part}
    snapshot = Snapshot(f"s{at_s}", "s", at_s, SnapshotReason.BY_HAND, "x", services)
    return Held(snapshot, {} if captured is None else {"a": captured}, files or {})


def between(second: Held, *deeds: Deed, first: Held | None = None) -> dict[Aspect, Change]:
    later = replace(second, snapshot=replace(second.snapshot, at_s=20.0))
    found = changes(first or held(), later, deeds)
    assert len({(c.service, c.aspect) for c in found}) == len(found)
    return {change.aspect: change for change in found}


def with_content(**parts: object) -> Captured:
    return replace(CAPTURED, content={**CONTENT, **parts})


def test_what_is_the_same_says_nothing() -> None:
    assert between(held()) == {}
    noise = {"config": {"Labels": {"com.docker.compose.config-hash": "2", "team": "a"}}}
    assert between(held(captured=with_content(**noise))) == {}


def test_each_aspect_is_told_apart() -> None:
    other = replace(
        CAPTURED,
        content={
            **CONTENT,
            "env": {"TOKEN": "hunter3", "NEW": "y"},
            "host": {"Memory": 256, "CapAdd": ["NET_ADMIN"]},
        },
        image="sha256:2",
        title="app:2 (2)",
        files=(replace(FILE, digest="2", content=b"port = 81\n", mode=0o600),),
    )
    found = between(held(replace(PART, instances=3, memory_bytes=256.0 * 2**20), other))
    assert {aspect: change.lines for aspect, change in found.items()} == {
        Aspect.IMAGE: ("app:1 (1) → app:2 (2)",),
        Aspect.CONFIGURATION: (
            "env.NEW: is new",
            "env.OLD: is gone",
            "env.TOKEN: another value",
            'host.CapAdd: nothing → ["NET_ADMIN"]',
        ),
        Aspect.LIMIT: ("memory: 512 MiB → 256 MiB",),
        Aspect.REPLICAS: ("1 → 3",),
        Aspect.FILE: (
            "/etc/app.conf: changed, 10 → 10 bytes",
            "  @@ -1 +1 @@",
            "  -port = 80",
            "  +port = 81",
            "/etc/app.conf: mode 0644 → 0600",
        ),
    }
    assert all((c.is_ours, c.by) == (False, "somebody else") for c in found.values())
    assert "hunter" not in repr([change.lines for change in found.values()])


@pytest.mark.parametrize(
    ("kind", "at_s", "by", "said"),
    [
        (ActionKind.SCALE_OUT, 15.0, "everup", "Everup"),
        (ActionKind.SCALE_IN, 15.0, "ann", "Everup, asked by ann"),
        (ActionKind.SCALE_OUT, 9.0, "everup", "somebody else"),
        (ActionKind.SCALE_OUT, 21.0, "everup", "somebody else"),
        (ActionKind.GRACEFUL_RESTART, 15.0, "everup", "somebody else"),
    ],
)
def test_a_change_is_ours_only_where_an_action_of_ours_does_this(
    kind: ActionKind, at_s: float, by: str, said: str
) -> None:
    deeds = (
        Deed("a", kind, at_s, by, "act-1", 2),
        Deed("a", kind, at_s, "bob", "act-3", 4),
        Deed("b", ActionKind.SCALE_OUT, 15.0, by, "act-2"),
    )
    change = between(held(replace(PART, instances=2)), *deeds)[Aspect.REPLICAS]
    is_ours = said != "somebody else"
    assert (change.by, change.is_ours) == (said, is_ours)
    assert change.action_ids == (("act-1",) if is_ours else ())


def test_a_service_that_came_went_or_was_not_read_is_said() -> None:
    assert between(held(None, None))[Aspect.SERVICE].lines == ("is gone",)
    assert between(held(), first=held(None, None))[Aspect.SERVICE].lines == ("is new",)
    missing = held(ServiceSnapshot("a", missing="no container"), None)
    assert "no container" in between(missing)[Aspect.SERVICE].lines[0]
    lost = replace(held(), damaged={"a": "object ab is damaged"})
    assert "object ab is damaged" in between(lost)[Aspect.SERVICE].lines[0]


def test_a_file_that_is_mounted_as_a_secret_is_not_shown() -> None:
    texts = (b"hunter1", b"hunter2")
    sides = [
        replace(CAPTURED, files=(KeptFile("/db.txt", str(n), text, is_secret=True),))
        for n, text in enumerate(texts, 1)
    ]
    change = between(held(captured=sides[1]), first=held(captured=sides[0]))[Aspect.FILE]
    assert change.lines == ("/db.txt: changed; it looks like a secret, so nothing of it is shown",)


def test_a_file_of_the_stack_that_is_damaged_is_said() -> None:
    one = held(files={"compose.yml": b"a: 1\n"})
    lost = replace(held(), damaged={"compose.yml": "object ab is damaged"})
    line = "compose.yml: is not kept: object ab is damaged"
    assert between(lost, first=one)[Aspect.STACK_FILE].lines == (line,)
    line = "compose.yml: was not kept: object ab is damaged"
    assert between(one, first=lost)[Aspect.STACK_FILE].lines == (line,)


def test_files_of_the_stack_are_compared() -> None:
    first, second = (held(files={"compose.yml": content}) for content in (b"a: 1\n", b"a: 2\n"))
    change = between(second, first=first)[Aspect.STACK_FILE]
    assert change.service == ""
    assert change.lines[2:] == ("  -a: 1", "  +a: 2")
    gone = between(held(), first=first)[Aspect.STACK_FILE]
    assert gone.lines == ("compose.yml: is gone",)


@pytest.mark.parametrize(
    "path",
    [
        "/run/secrets/db",
        "/etc/tls/server.key",
        "/a/.env",
        "/a/prod.env",
        "/a/DB_PASSWORD",
        "/x.pem",
    ],
)
def test_what_looks_like_a_secret_is_shown_only_as_changed(path: str) -> None:
    assert is_secret(path)
    (line,) = file_lines(path, b"hunter2", b"hunter3")
    assert "hunter" not in line
    assert not is_secret("/etc/app.conf")


COMPOSE = """
services:
  web:
    image: app:{tag}
    environment:
      PLAIN: {plain}
      NESTED: |
        {nested}
    command: serve --password={password} --verbose
    labels: {{db: "postgres://ann:{url}@db/x"}}
  list:
    environment:
    - KEY={listed}
    - OTHER={same}
    ports: ["80:80"]
  flow:
    environment: {{A: {flow}}}
api_token: {token}
"""
NAMES = ("plain", "nested", "password", "url", "listed", "same", "flow", "token")


def test_no_value_of_an_environment_or_a_password_is_shown() -> None:
    old = COMPOSE.format(tag=1, **{name: f"hunter-{name}-1" for name in NAMES})
    new = COMPOSE.format(tag=2, **{name: f"hunter-{name}-2" for name in NAMES})
    lines = file_lines("/srv/compose.yml", old.encode(), new.encode())
    text = "\n".join(lines)
    assert "hunter" not in text
    assert "  -    image: app:1" in lines
    assert "  +    image: app:2" in lines
    assert "PLAIN: (hidden value" in text
    assert '    ports: ["80:80"]' not in text or "hidden" not in '    ports: ["80:80"]'
    same = COMPOSE.format(tag=1, **{name: f"hunter-{name}-1" for name in NAMES})
    assert file_lines("/srv/compose.yml", old.encode(), same.encode()) == ()


def test_a_secret_of_several_lines_is_hidden_and_an_image_is_shown() -> None:
    address = "ab12" * 16
    old = f"a: 1\ndb_password: |\n  hunter1\n\n  hunter2\nimage: x@sha256:{address}\n"
    new = old.replace("hunter", "tiger").replace("x@", "y@").replace("a: 1", "a: 2")
    text = "\n".join(file_lines("/srv/app.yml", old.encode(), new.encode()))
    assert "hunter" not in text
    assert "tiger" not in text
    assert f"-image: x@sha256:{address}" in text


def test_a_line_without_an_end_is_read_in_no_time() -> None:
    line = b"auth" + b" " * 200_000
    begin_s = time.monotonic()
    lines = file_lines("/etc/app.conf", line, line + b"hunter2")
    assert time.monotonic() - begin_s < 2.0
    assert "hunter2" not in "".join(lines)
    assert len(lines) == 4, "that it differs is seen all the same"


@given(st.text(max_size=200), st.text(max_size=200))
def test_differing_text_is_always_seen_and_bounded(one: str, other: str) -> None:
    lines = file_lines("/etc/app.conf", one.encode(), other.encode())
    assert bool(lines) == (one != other)
    assert len(lines) <= LINES_MOST + 2
    assert all(len(line) <= CHARS_MOST + 3 for line in lines)


def test_binary_and_large_files_are_told_by_their_size() -> None:
    assert file_lines("/x", b"\0a", b"\0bc") == ("/x: changed, 2 → 3 bytes",)
    assert file_lines("/x", b"\xff", b"a")[0].startswith("/x: changed")
    assert len(file_lines("/x", b"a\n" * 200_000, b"b")) == 1
