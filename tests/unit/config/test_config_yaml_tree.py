"""YAML into nodes with lines, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config.errors import Problem, Problems
from everup.config.yaml_tree import Node, parse


def read(text: str) -> tuple[Node | None, tuple[Problem, ...]]:
    problems = Problems()
    node = parse(text, "everup.yaml", problems)
    return node, problems.error().problems


def only_problem(text: str) -> str:
    node, problems = read(text)
    assert node is None
    (problem,) = problems
    return str(problem)


def test_scalars_stay_what_was_written() -> None:
    node, problems = read("a: 12:30\nb: on\nc: 1.10\nd: 2020-01-01\ne: 0x10\n")
    assert node is not None
    assert not problems
    assert [entry.node.raw for entry in node.entries] == [
        "12:30",
        "on",
        "1.10",
        "2020-01-01",
        "0x10",
    ]


def test_lines_are_those_of_the_file() -> None:
    node, _ = read("# a comment\na: 1\n\nb:\n  - x\n  - y\n")
    assert node is not None
    assert [(entry.key, entry.line) for entry in node.entries] == [("a", 2), ("b", 4)]
    assert [item.line for item in node.entries[1].node.items] == [5, 6]


@pytest.mark.parametrize("text", ["a:", "a: ~", "a: null"])
def test_nothing_is_empty(text: str) -> None:
    node, _ = read(text)
    assert node is not None
    assert node.entries[0].node.is_empty


def test_a_quoted_empty_text_is_not_nothing() -> None:
    node, _ = read('a: ""')
    assert node is not None
    assert not node.entries[0].node.is_empty


def test_merge_keys_give_defaults_that_own_keys_override() -> None:
    node, problems = read("d: &d {x: 1, y: 2}\na:\n  <<: *d\n  y: 3\n")
    assert node is not None
    assert not problems
    merged = {entry.key: entry.node.raw for entry in node.entries[1].node.entries}
    assert merged == {"x": "1", "y": "3"}


def test_duplicate_keys_name_both_lines() -> None:
    node, (problem,) = read("a: 1\nb: 2\na: 3\n")
    assert node is not None
    assert str(problem) == "everup.yaml:3: a: stands twice, first in line 1; keep one of them"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\nb: 2", "everup.yaml:2: not valid YAML"),
        ("a: b\n\tc: d", "indent with spaces, not with tabs"),
        ("a: \x00", "not valid YAML"),
        ("--- 1\n--- 2", "everup.yaml:2: a second document"),
        ("a: *b", "the alias *b has no anchor before it"),
        ("a: &a [*a]", "the alias *a has no anchor before it"),
        ("a: !!python/object:os.system x", "is not allowed"),
        ("a: !!python/object/apply:os.system [x]", "is not allowed"),
        ("? [a]\n: 1", "a name stands before each colon"),
        ("<<: 3", "<< takes a mapping"),
        ("[" * 100_000, "nested deeper than 24 levels"),
        ("{a: " * 100_000, "nested deeper than 24 levels"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text: str, words: str) -> None:
    assert words in only_problem(text)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    levels = ["l0: &l0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "aliases written out" in only_problem("\n".join(levels))


def test_a_bomb_of_merges_is_refused_too() -> None:
    levels = ["l0: &l0 {a: 1, b: 2, c: [1, 2, 3, 4, 5, 6, 7, 8]}"]
    for n in range(1, 14):
        inner = ", ".join(f"k{i}: {{<<: *l{n - 1}}}" for i in range(6))
        levels.append(f"l{n}: &l{n} {{{inner}}}")
    assert "aliases written out" in only_problem("\n".join(levels))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_never_raises(text: str) -> None:
    node, problems = read(text)
    assert node is None or isinstance(node, Node)
    assert all(problem.message for problem in problems)
