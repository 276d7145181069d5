"""Configuration files: another version by them alone, asked about, shown without secrets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.observe import _changed_at_s
from everup.model.decision import Allowed, Check, Delayed, Proposal
from everup.model.kinds import UNKNOWN, ActionKind
from everup.model.observation import Instance, Observation, ServiceObservation
from everup.model.runtime import Captured, KeptFile
from everup.model.safe_point import FILES, FROM, TO, SafePoint
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState, StackState
from everup.model.version import EMPTY, files_of, made_of, only_files_differ, with_files
from everup.rollback_manager import NoWayBack, differences, way_back
from everup.rollback_manager.file_diff import LINES_MOST
from tests.unit.builders import NOW_S, SETTINGS, service, up
from tests.unit.rollback.test_bad_deploy import LOOPS, ask, changed
from tests.unit.rollback.test_bad_deploy import made_of as is_made_of
from tests.unit.rollback.test_choose import keep, remembered, well

BEFORE, NOW = "1:old.a+good", "1:old.a+bad"


def by_file() -> StackState:
    point = SafePoint("a", BEFORE, "app:1 (old)", NOW_S - 900)
    return changed(version=NOW, safe_points=(point,))


def loops(version: str = NOW) -> Observation:
    seen = LOOPS.services["a"]
    instances = tuple(is_made_of(one, version) for one in seen.instances)
    return replace(LOOPS, services={"a": replace(seen, instances=instances)})


class TestVersions:
    def test_their_parts(self) -> None:
        assert with_files("1:a.b", "c") == "1:a.b+c"
        assert with_files("1:a.b", "") == "1:a.b"
        assert with_files("", "c") == "", "what is unknown stays so"
        assert (made_of("1:a.b+c"), files_of("1:a.b+c")) == ("1:a.b", "c")
        assert (made_of("1:a.b"), files_of("1:a.b")) == ("1:a.b", "")

    @pytest.mark.parametrize(
        ("one", "other", "is_so"),
        [
            ("1:a+x", "1:a+y", True),
            ("1:a+x", "1:a", True),
            ("1:a+x", "1:b+x", False),
            ("1:a+x", "1:a+x", False),
            ("", "1:a", False),
        ],
    )
    def test_do_only_files_differ(self, one: str, other: str, is_so: bool) -> None:
        assert only_files_differ(one, other) is is_so


class TestAsked:
    def test_a_person_is_asked_before_files_are_written(self) -> None:
        found, verdict = ask(loops(), by_file())
        assert isinstance(found, Proposal)
        step = found.steps[0]
        assert (step.parameters[FROM], step.parameters[TO]) == (NOW, BEFORE)
        assert step.parameters[FILES] is True
        assert "its configuration files as they were" in found.reason
        assert "everup.restore_files=true" in found.must_ask
        assert isinstance(verdict, Delayed)
        assert (verdict.check, verdict.needs_approval) == (Check.APPROVAL, True)

    def test_unless_their_owner_allowed_it(self) -> None:
        spec = service("a", restores_files=True)
        found, verdict = ask(loops(), by_file(), spec)
        assert isinstance(found, Proposal)
        assert found.must_ask == ""
        assert isinstance(verdict, Allowed)

    def test_nobody_is_asked_where_no_file_is_written(self) -> None:
        point = SafePoint("a", "1:old.a+same", "app:1 (old)", NOW_S - 900)
        state = changed(version="1:new.a+same", safe_points=(point,))
        found, verdict = ask(loops("1:new.a+same"), state)
        assert isinstance(found, Proposal)
        assert FILES not in found.steps[0].parameters
        assert isinstance(verdict, Allowed)

    def test_what_came_into_an_empty_folder_goes_with_a_word(self) -> None:
        point = SafePoint("a", with_files("1:old.a", EMPTY), "app:1 (old)", NOW_S - 900)
        found, verdict = ask(loops(), changed(version=NOW, safe_points=(point,)))
        assert isinstance(found, Proposal)
        assert found.steps[0].parameters[FILES] is True
        assert isinstance(verdict, Delayed)

    def test_files_of_which_nothing_was_kept_are_no_way_back_and_no_bad_deploy(self) -> None:
        point = SafePoint("a", "1:old.a", "app:1 (old)", NOW_S - 900)
        state = changed(version=NOW, safe_points=(point,))
        found, _ = ask(loops(), state)
        assert isinstance(found, Proposal)
        assert found.steps[0].kind is not ActionKind.EMERGENCY_ROLLBACK
        back = way_back(service("a"), state.service("a"), SETTINGS)
        assert isinstance(back, NoWayBack)
        assert "was not kept" in back.reason

    def test_the_files_of_what_keeps_data_go_back_with_a_persons_word_alone(self) -> None:
        spec = service("a", is_stateful=True, restores_files=True)
        found, verdict = ask(loops(), by_file(), spec)
        assert isinstance(found, Proposal)
        assert "keeps data" in found.must_ask
        assert isinstance(verdict, Delayed)
        assert verdict.needs_approval

    def test_but_never_its_image(self) -> None:
        known = remembered("1:new.a+x", SafePoint("a", "1:old.a+x", "old", NOW_S - 9))
        assert isinstance(way_back(service("a", is_stateful=True), known, SETTINGS), NoWayBack)


class TestKept:
    def test_what_was_changed_under_it_is_not_proven(self) -> None:
        known = remembered(NOW, SafePoint("a", BEFORE, "old", NOW_S - 900))
        one = well(NOW)
        younger = replace(one, instance=replace(one.instance, files_changed_at_s=NOW_S - 30))
        assert keep(younger, known=known) == []
        older = replace(one, instance=replace(one.instance, files_changed_at_s=NOW_S - 90))
        assert keep(older, known=known) == [("a", NOW)]

    def test_but_the_first_one_is_kept_in_any_case(self) -> None:
        one = well(NOW)
        one = replace(one, instance=replace(one.instance, files_changed_at_s=NOW_S - 30))
        assert keep(one, known=ServiceState(version=NOW)) == [("a", NOW)]


class TestWhen:
    def at(self, known: str, before: Instance | None = None, **now: object) -> float:
        look = None
        if before is not None:
            one = replace(up("a"), instance=before)
            seen = Observation(NOW_S - 5, {"a": ServiceObservation("a", (one,))})
            look = SimpleNamespace(observation=seen)
        instance = replace(up("a").instance, started_at_s=NOW_S - 900, **now)  # type: ignore[arg-type]
        return _changed_at_s(SimpleNamespace(look=look), instance, known, NOW_S)  # type: ignore[arg-type]

    def test_its_files_when_they_became_others(self) -> None:
        assert self.at(BEFORE, version=NOW, files_changed_at_s=NOW_S - 7) == NOW_S - 7
        assert self.at(BEFORE, version=NOW, files_changed_at_s=UNKNOWN) == NOW_S

    def test_something_else_when_it_began(self) -> None:
        assert self.at("1:older.a+x", version=NOW, files_changed_at_s=NOW_S - 7) == NOW_S - 900

    def test_a_limit_lowered_while_it_runs_when_that_was_seen(self) -> None:
        before = replace(up("a").instance, version="1:old.a+bad")
        assert self.at("1:old.a+bad", before, version="1:new.a+bad") == NOW_S
        other = replace(before, identity="another life")
        assert self.at("1:old.a+bad", other, version="1:new.a+bad") == NOW_S - 900


def file(path: str, text: bytes, **more: object) -> KeptFile:
    found = KeptFile(path, hashlib.sha256(text).hexdigest(), text)
    return replace(found, **more)  # type: ignore[arg-type]


def differ(now: KeptFile | None, then: KeptFile | None) -> list[str]:
    sides = [Captured("a", {}, files=() if f is None else (f,)) for f in (then, now)]
    return list(differences(*sides))


class TestShown:
    def test_text_as_a_diff(self) -> None:
        lines = differ(
            file("/c/app.conf", b"a\nport = 2\nz\n"), file("/c/app.conf", b"a\nport = 1\nz\n")
        )
        assert lines[0] == "file /c/app.conf: changed, 13 → 13 bytes"
        assert "  -port = 2" in lines
        assert "  +port = 1" in lines

    def test_it_is_bounded(self) -> None:
        many = b"\n".join(b"%d" % n for n in range(500))
        lines = differ(file("/a", many), file("/a", b""))
        assert len(lines) == LINES_MOST + 2
        assert lines[-1].endswith("more lines")
        assert all(len(line) < 200 for line in differ(file("/a", b"x y" * 9000), file("/a", b"")))

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/run/db_password.txt", b"hunter2"),
            ("/etc/tls/server.key", b"hunter2"),
            ("/srv/.env", b"A=hunter2"),
            ("/etc/x", b"-----BEGIN RSA PRIVATE KEY-----\nhunter2\n"),
        ],
    )
    def test_a_secret_only_as_changed(self, path: str, text: bytes) -> None:
        assert differ(file(path, text), file(path, b"other")) == [
            f"file {path}: changed; it looks like a secret, so nothing of it is shown"
        ]

    @pytest.mark.parametrize("text", [b"\0hunter2", b"\xff\xfehunter2"])
    def test_what_is_no_text_by_its_size(self, text: bytes) -> None:
        lines = differ(file("/etc/y", text), file("/etc/y", b"other"))
        assert lines == [f"file /etc/y: changed, {len(text)} → 5 bytes"]

    def test_what_is_mounted_as_one(self) -> None:
        lines = differ(file("/x", b"hunter2", is_secret=True), file("/x", b"o", is_secret=True))
        assert lines == ["file /x: changed; it looks like a secret, so nothing of it is shown"]

    @pytest.mark.parametrize(
        "line",
        [
            "password = hunter2",
            "DB_PASSWORD: 'hunter2'",
            '  "apiKey": "hunter2",',
            "auth_token=hunter2",
            "requirepass hunter2",
            "url = postgres://shop:hunter2@db/shop",
            "key = " + "hunter2" * 6,
        ],
    )
    def test_of_a_line_the_part_before_its_value(self, line: str) -> None:
        lines = differ(file("/c/a.conf", b"a = 1\n" + line.encode()), file("/c/a.conf", b"a = 1\n"))
        assert len(lines) > 1
        assert "hunter2" not in "\n".join(lines)

    @given(st.text(alphabet="abcdefgh0123456789", min_size=4), st.sampled_from(["=", ": ", " "]))
    def test_no_password_is_ever_shown(self, value: str, sign: str) -> None:
        lines = differ(file("/c/a.conf", f"password{sign}{value}".encode()), file("/c/a.conf", b""))
        assert value not in "\n".join(lines).replace("/c/a.conf", "").replace("password", "")

    def test_files_that_come_go_or_change_hands(self) -> None:
        assert differ(None, file("/a", b"x")) == ["file /a: comes back"]
        assert differ(file("/a", b"x"), None) == ["file /a: goes away, and is kept aside"]
        assert differ(file("/a", b"x", mode=0), file("/a", b"x")) == ["file /a: mode 0000 → 0644"]
        assert differ(file("/a", b"x", uid=7), file("/a", b"x")) == ["file /a: owner 7:0 → 0:0"]
        assert differ(None, KeptFile("/a", why_not="too large")) == [
            "file /a: is not kept: too large"
        ]


def test_what_is_declared_is_no_word_of_the_gates() -> None:
    assert ServiceSpec("a").config_files is None
    assert not ServiceSpec("a").restores_files
