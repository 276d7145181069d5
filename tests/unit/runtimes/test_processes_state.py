"""What is kept on disk: written whole, read back the same, refused when it makes no sense."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config.scale import scale_stack
from everup.model.errors import AskAHuman, GiveUp
from everup.model.kinds import UNKNOWN
from everup.model.observation import Exit
from everup.model.stack import Limits, ServiceSpec, Stack, StopSpec
from everup.runtimes import files
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.declared import Declarations
from everup.runtimes.processes.identity import Identity, Mark, home_of
from everup.runtimes.processes.lock import FolderLock
from everup.runtimes.processes.records import Record, Registry, Stage, from_content, to_content

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NAME = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)
SERVICE = st.one_of(NAME, st.sampled_from(["a/b", "a.b", "..", "a-0", "ü", "a b"]))
AMOUNT = st.one_of(st.just(UNKNOWN), st.floats(1, 1e15))

CONFIGURATIONS = st.builds(
    Configuration,
    command=st.lists(TEXT, min_size=1, max_size=4).map(tuple),
    directory=st.one_of(st.none(), TEXT),
    env=st.dictionaries(NAME, TEXT, max_size=3),
    user=st.one_of(st.none(), TEXT),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    instances=st.integers(1, 100),
    memory_bytes=AMOUNT,
    stop_signal=st.sampled_from(["SIGTERM", "SIGINT", "SIGQUIT"]),
    stop_grace_s=st.floats(0, 1e6),
)
EXITS = st.builds(
    Exit,
    at_s=st.floats(0, 2e9),
    code=st.one_of(st.none(), st.integers(-64, 255)),
    is_out_of_memory=st.booleans(),
    was_witnessed=st.booleans(),
    ran_s=AMOUNT,
)
RECORDS = st.builds(
    Record,
    service=SERVICE,
    index=st.integers(0, 99),
    nonce=NAME,
    boot_id=NAME,
    written_ticks=st.integers(0, 2**40),
    configuration=st.one_of(st.none(), CONFIGURATIONS),
    stage=st.sampled_from(Stage),
    pid=st.integers(0, 2**22),
    start_ticks=st.integers(0, 2**40),
    started_at_s=AMOUNT,
    memory_limit_bytes=AMOUNT,
    exit=st.one_of(st.none(), EXITS),
)


def _same(left: object, right: object) -> bool:
    """Equal, with unknown numbers taken for equal."""
    return repr(left) == repr(right)


@given(CONFIGURATIONS)
def test_a_configuration_survives_its_content(configuration: Configuration) -> None:
    content = json.loads(json.dumps(configuration.content(), allow_nan=False))
    parsed = Configuration.parse(content)
    assert _same(parsed, configuration)
    assert parsed.digest == configuration.digest


def test_a_configuration_is_what_the_owner_declared() -> None:
    spec = ServiceSpec(
        "it",
        ("run",),
        directory="/d",
        env={"A": "b"},
        user="u",
        port=80,
        instances=3,
        limits=Limits(memory_bytes=5.0),
        stop=StopSpec("SIGINT", 7.0),
    )
    assert Configuration.of(spec) == Configuration(
        ("run",), "/d", {"A": "b"}, "u", 80, 3, 5.0, "SIGINT", 7.0
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command", []),
        ("command", "run"),
        ("command", ["a\0b"]),
        ("directory", 7),
        ("env", {"A": 1}),
        ("env", {"A=B": "c"}),
        ("env", ["A"]),
        ("user", True),
        ("port", 0),
        ("port", "80"),
        ("instances", 0),
        ("instances", True),
        ("instances", 101),
        ("memory_bytes", 0),
        ("memory_bytes", math.inf),
        ("memory_bytes", "much"),
        ("stop_signal", "SIGNOTHING"),
        ("stop_signal", 15),
        ("stop_grace_s", -1),
        ("image", "latest"),
    ],
)
def test_senseless_content_is_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(GiveUp, match=field):
        Configuration.parse({field: value})


@given(RECORDS)
def test_a_record_survives_its_content(record: Record) -> None:
    content = json.loads(json.dumps(to_content(record), allow_nan=False))
    assert _same(from_content(content), record)


@given(stack=NAME, service=SERVICE, index=st.integers(0, 99), home=NAME, nonce=NAME)
def test_a_mark_is_read_as_it_was_written(
    stack: str, service: str, index: int, home: str, nonce: str
) -> None:
    mark = Mark(stack, service, index, home, nonce)
    assert Mark.parse(str(mark), stack) == mark
    assert Mark.parse(str(mark), stack + "x") is None


@given(st.text(max_size=40))
def test_any_other_text_is_no_mark(text: str) -> None:
    mark = Mark.parse(text, "stack")
    assert mark is None or str(mark) == text


def test_the_registry_keeps_one_file_an_instance(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "instances")
    odd = [Record(name, 0, "n", "boot", 1) for name in ("a", "../b", "c/d", "e.f")]
    for record in odd:
        registry.save(record)
    again = Registry(tmp_path / "instances")
    assert sorted(again.load(), key=lambda r: r.service) == sorted(odd, key=lambda r: r.service)
    assert [p.name for p in tmp_path.iterdir()] == ["instances"], "no name leaves the folder"
    registry.remove(("a", 0))
    registry.remove(("a", 0))
    assert {r.service for r in registry.load()} == {"../b", "c/d", "e.f"}


def test_a_file_that_is_no_record_is_set_aside(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(Record("a", 0, "n", "boot", 1))
    for name, text in (("b-0", "{"), ("c-0", "{}"), ("d-0", "[1]"), ("e-0", "null")):
        (tmp_path / f"{name}.json").write_text(text)
    assert [r.service for r in registry.load()] == ["a"]
    assert {p.stem for p in tmp_path.glob("*.bad")} >= {"b-0", "c-0", "d-0"}


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = files.make_folder(tmp_path / "state")
    files.save(folder / "a.json", {"secret": 1})
    assert (folder / "a.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == [folder / "a.json"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.save(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.save(path, {"new": math.nan})
    assert files.load(path) == {"old": 1}


SPEC = ServiceSpec("it", ("run",), env={"COLOUR": "green"})
BLUE = Configuration(("run",), env={"COLOUR": "blue"}, instances=2)


def _declared(folder: Path, **changes: Any) -> Declarations:
    values = {"name": "it", "command": ("run",), "env": {"COLOUR": "green"}, **changes}
    declarations = Declarations(Stack("s", {"it": ServiceSpec(**values)}), folder)
    declarations.load()
    return declarations


def test_what_was_put_holds_over_the_declaration_it_was_made_for(tmp_path: Path) -> None:
    _declared(tmp_path).put("it", BLUE)
    assert _same(_declared(tmp_path).of("it"), BLUE)
    newer = _declared(tmp_path, env={"COLOUR": "red"})
    assert newer.of("it").env == {"COLOUR": "red"}
    assert _declared(tmp_path).of("it").env == {"COLOUR": "green"}, "the owner's edit ended it"


def test_putting_back_what_is_declared_leaves_nothing_behind(tmp_path: Path) -> None:
    declarations = _declared(tmp_path)
    declarations.put("it", BLUE)
    declarations.put("it", Configuration.of(SPEC))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"over": "x"}', '{"content": {}}', "7"])
def test_what_was_put_and_cannot_be_read_is_not_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "it.json").write_text(text)
    assert _same(_declared(tmp_path).of("it"), Configuration.of(SPEC))


def test_an_unknown_service_is_named_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(GiveUp, match=r"'other'.*known: it"):
        _declared(tmp_path).of("other")


def test_a_folder_has_one_controller_and_it_is_named(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    first.take()
    with pytest.raises(AskAHuman, match=str(os.getpid())):
        second.take()
    first.give_back()
    first.give_back()
    second.take()
    second.give_back()


def test_homes_differ_by_folder(tmp_path: Path) -> None:
    assert home_of(tmp_path / "a") != home_of(tmp_path / "b")
    assert home_of(tmp_path / "a") == home_of(tmp_path / "b" / ".." / "a")


def test_an_identity_of_another_boot_is_nobody_here() -> None:
    assert Identity("an-earlier-boot", os.getpid(), 1).stat() is None


def test_durations_are_kept_at_true_pace_whatever_the_pace_of_the_stack(tmp_path: Path) -> None:
    true = Stack("s", {"a": ServiceSpec("a", command=("x",), stop=StopSpec(grace_s=7.3))})
    for time_scale in (0.07, 0.2, 1.0, 3.0):
        kept = Declarations(scale_stack(true, time_scale), tmp_path, time_scale)
        kept.load()
        assert kept.of("a").stop_grace_s == 7.3
        expected = 1 if time_scale == 0.07 else 3
        assert kept.of("a").instances == expected, "what was stored at one pace holds at another"
        kept.put("a", replace(kept.of("a"), instances=3))
