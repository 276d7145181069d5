"""A loader that writes the file first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from everup.config import ConfigError, Loaded, load_stack


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    """Load this text as everup.yaml, with these variables and flags."""

    def run(
        text: str,
        environ: dict[str, str] | None = None,
        *,
        is_found: bool = False,
        **flags: object,
    ) -> Loaded:
        file = tmp_path / "everup.yaml"
        file.write_text(dedent(text), encoding="utf-8")
        return load_stack(file, environ or {}, flags, is_found=is_found)

    return run


@pytest.fixture
def refused(load: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """The problems of this text, each as `line: path: message…` without the folder."""

    def run(text: str, environ: dict[str, str] | None = None, **flags: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, environ, **flags)
        return [
            str(problem).removeprefix(str(Path(problem.where).parent) + "/")
            for problem in caught.value.problems
        ]

    return run


@pytest.fixture
def refused_service(refused: Callable[..., list[str]]) -> Callable[[str], list[str]]:
    """The problems of one service `api` with this body in flow style."""

    def run(body: str) -> list[str]:
        return refused(f"stack: s\nservices:\n  api: {{{body}}}\n")

    return run
