"""House rules that a tool can hold: sizes, docstrings, what no file may say, what must exist."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "everup"
FILE_LINES_MOST = 500
FILE_LINES_P90_MOST = 350
FILE_LINES_MEDIAN_MOST = 150
FUNCTION_LINES_MOST = 70

# Pure rooms may use what computes, and nothing that reads the world.
COMPUTING = frozenset(
    [
        *("__future__", "abc", "bisect", "collections", "dataclasses", "datetime", "enum"),
        *(
            "fractions",
            "functools",
            "hashlib",
            "heapq",
            "hmac",
            "itertools",
            "json",
            "math",
            "operator",
        ),
        *("re", "statistics", "string", "types", "typing", "zlib", "zoneinfo"),
    ]
)
PURE = {
    "model": {"numpy"},
    "safety": {"numpy"},
    "predictive_monitor": {"numpy"},
    "automated_recovery": {"numpy"},
    "dependency_monitor": {"numpy"},
}
EFFECTS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint"})

# Put together here, so that this file does not say what it looks for.
FORBIDDEN = {
    "something left open": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|Not" + r"ImplementedError",
    "a registry": r"--(extra-)?ind" + r'ex-url|"resolved": *"http',
    "a test left out": r"\b(mark|pytest)\.(sk[i]p|xf[a]il|importorsk[i]p)",
    "somebody's folder": r"(?<![\w.-])/(root|ho" + r"me|Users|wo" + r"rk)/\w",
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every text file that is, or is about to be, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout.decode()
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes())


def sources() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_are_short() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in sources()}
    assert {name: n for name, n in lines.items() if n > FILE_LINES_MOST} == {}
    counts = sorted(lines.values())
    assert statistics.median(counts) <= FILE_LINES_MEDIAN_MOST
    assert counts[int(len(counts) * 0.9)] <= FILE_LINES_P90_MOST


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_are_short() -> None:
    long = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sources()
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MOST
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(p) for p in sources() if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in sources()}
    assert [name_of(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import, at whatever depth it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_only_what_computes(room: str) -> None:
    allowed = COMPUTING | PURE[room] | {"everup"}  # which of our rooms: see the floors
    foreign = [
        f"{name_of(path)}:{line} {module}"
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for line, module in imported(path)
        if module.partition(".")[0] not in allowed
    ]
    assert foreign == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_call_nothing_with_an_effect(room: str) -> None:
    calls = [
        f"{name_of(path)}:{node.lineno} {node.func.id}"
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in EFFECTS
    ]
    assert calls == []


def test_computing_modules_are_of_the_standard_library() -> None:
    assert COMPUTING - {"__future__"} <= sys.stdlib_module_names


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_says(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    said = [
        f"{name_of(path)}:{number} {match.group()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert said == []


SCRIPTS = [path for path in tracked() if path.read_text(errors="replace")[:2] == "#!"]


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_can_be_run_and_read_by_its_shell(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    shell = path.read_text().splitlines()[0].split()[-1].rpartition("/")[2]
    if shell in {"sh", "bash"}:
        subprocess.run([shell, "-n", str(path)], check=True, capture_output=True, timeout=30)


def test_the_locks_are_complete() -> None:
    for lock in ("runtime", "build", "demo", "dev"):
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        pinned = re.findall(r"^[a-z0-9._-]+==\S+", text, re.MULTILINE)
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert len(blocks) == len(pinned) > 0
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in text, "no address of an index"


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "CHANGELOG.md", "ARCHITECTURE.md", "LICENSE", "Makefile", "pyproject.toml"),
        *(".ci/run", "docs/README.md", "docs/limits.md", "docs/decisions/README.md"),
    ],
)
def test_the_frame_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
