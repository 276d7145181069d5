"""regressions.toml: what it may say, and how it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.regressions import Case, cases, suggest

ONE = 'class = "mixed"\nseed = 1\nfound = "x"'
LONG = Case("loops", 7, 24.0, 'said "no"\nand more')


def test_the_real_file_can_be_read() -> None:
    assert all(case.found for case in cases())


def test_what_is_added_is_read_again_and_added_once(tmp_path: Path) -> None:
    file = tmp_path / "regressions.toml"
    file.write_text("# kept\n")
    assert suggest([Case("mixed", 2, found="x"), LONG, LONG], file) == (
        Case("mixed", 2, found="x"),
        LONG,
    )
    assert suggest([LONG, Case("mixed", 2, found="y")], file) == ()
    assert cases(file) == (Case("mixed", 2, found="x"), LONG)
    assert file.read_text().startswith("# kept\n")
    assert [str(case) for case in cases(file)] == ["mixed-2", "loops-7-24h"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('class = "mixed"\nfound = "x"', "has class, seed and found"),
        ('class = "mixed"\nseed = 1\nfound = "x"\nwhy = "y"', "has class, seed and found"),
        ('class = "muddled"\nseed = 1\nfound = "x"', "is no class"),
        (f"{ONE}\n[[case]]\n{ONE}", "stands twice"),
    ],
)
def test_what_is_no_case_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "regressions.toml"
    file.write_text(f"[[case]]\n{text}\n")
    with pytest.raises(ValueError, match=words):
        cases(file)
