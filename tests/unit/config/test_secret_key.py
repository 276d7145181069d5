"""The key that seals what is kept: by a variable or a file, checked, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from everup.config import ConfigError, load_stack

KEY = "correct horse battery"
FILE = "stack: s\nservices: {a: http://127.0.0.1:1/}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "everup.yaml"
    path.write_text(FILE)
    return path


def test_a_value_wins_over_a_file_and_is_never_shown(file: Path) -> None:
    (file.parent / "key").write_text(f"{KEY} of a file\n")
    options = load_stack(file, {"EVERUP_SECRET_KEY_FILE": "key"}).options
    assert options.secret_key == f"{KEY} of a file"
    assert options.secret_key_source == str(file.parent / "key")
    both = {"EVERUP_SECRET_KEY_FILE": "key", "EVERUP_SECRET_KEY": KEY}
    options = load_stack(file, both).options
    assert (options.secret_key, options.secret_key_source) == (KEY, "EVERUP_SECRET_KEY")
    assert KEY not in repr(options)
    assert load_stack(file, {}).options.secret_key == ""


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EVERUP_SECRET_KEY", "hunter2-hunter2", "holds 15 characters"),
        ("EVERUP_SECRET_KEY", "hunter2-hunter2\nhunter2", "more than one line"),
        ("EVERUP_SECRET_KEY_FILE", "missing", "cannot be read"),
        ("EVERUP_SECRET_KEY_FILE", "short", "holds 7 characters"),
    ],
)
def test_what_is_no_key_is_a_problem_that_does_not_show_it(
    file: Path, variable: str, value: str, said: str
) -> None:
    (file.parent / "short").write_text("hunter2\n")
    with pytest.raises(ConfigError) as error:
        load_stack(file, {variable: value})
    text = str(error.value)
    assert variable in text
    assert said in text
    assert "hunter2" not in text


def test_the_file_of_the_stack_has_no_such_field(file: Path) -> None:
    file.write_text(f"secret_key: {KEY}\n{FILE}")
    with pytest.raises(ConfigError, match="secret_key"):
        load_stack(file, {})
