"""What is wrong with a configuration, said so that it can be put right without a manual.

Every other file of `config` adds to a `Problems` list and goes on, so that a person sees all of
their mistakes at once; `load` raises one `ConfigError` with all of them at the end.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from everup.model.errors import GiveUp

PROBLEMS_MOST = 100
"""More than this are counted, not kept: nobody reads the hundredth before mending the first."""

VALUE_LENGTH_MOST = 60

_SECRET_NAME = re.compile(
    r"pass|secret|token|api_?key|credential|private|authorization", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)\S*@", re.IGNORECASE)
_URL_TOKEN = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/:@]+@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right.

    `where` is `file:line`, the name of a variable or of a flag; `path` the field with dots
    (`services.api.port`), empty when there is none; `value` what stands there, already masked.
    """

    where: str
    path: str
    message: str
    value: str = ""
    fix: str = ""

    def __str__(self) -> str:
        start = f"{self.where}: {self.path}" if self.path else self.where
        value = f" (it says {self.value})" if self.value else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{start}: {self.message}{value}{fix}"


class ConfigError(GiveUp):
    """The configuration cannot be used. `problems` holds every one that was found."""

    def __init__(self, problems: tuple[Problem, ...], uncounted: int = 0) -> None:
        count = len(problems) + uncounted
        lines = [f"{count} problem{'' if count == 1 else 's'} in the configuration:"]
        lines += [f"  {problem}" for problem in problems]
        if uncounted:
            lines.append(f"  … and {uncounted} more")
        super().__init__("\n".join(lines))
        self.problems = problems


class Problems:
    """A bounded list of problems, in the order in which they were found."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._uncounted = 0

    def add(
        self, where: str, path: str, message: str, *, value: object = None, fix: str = ""
    ) -> None:
        """Note one problem. `value` is shortened, and masked when it could be a secret."""
        if len(self._kept) >= PROBLEMS_MOST:
            self._uncounted += 1
            return
        shown = "" if value is None else show(value, path or where)
        self._kept.append(Problem(where, path, message, shown, fix))

    def __len__(self) -> int:
        return len(self._kept) + self._uncounted

    def error(self) -> ConfigError:
        """All of them as one error, to be raised: variables and flags first, then by line."""
        return ConfigError(tuple(sorted(self._kept, key=_line)), self._uncounted)


def _line(problem: Problem) -> int:
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isascii() and line.isdigit() else 0


def show(value: object, path: str) -> str:
    """The value as a person may see it: quoted, short, and without passwords."""
    parts = path.split(".")
    if "env" in parts[:-1] or _SECRET_NAME.search(parts[-1]):
        return "'…' (not shown: it may be a secret)"
    text = mask(str(value))
    if len(text) > VALUE_LENGTH_MOST:
        text = text[: VALUE_LENGTH_MOST - 1] + "…"
    return repr(text) if isinstance(value, str) else text


def is_secret_name(name: str) -> bool:
    """Does this name of a variable, field or option say that its value is a secret?"""
    return _SECRET_NAME.search(name.replace("-", "_")) is not None


def mask(text: str) -> str:
    """The text with the password, or the lone token, of every URL in it replaced."""
    return _URL_PASSWORD.sub(r"\1•••@", _URL_TOKEN.sub(r"\1•••@", text))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix that names the nearest known word, or the known words when none is near."""
    words = list(known)
    folded = {known_word.lower(): known_word for known_word in words}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{folded[near[0]]}'?"
    listed = ", ".join(sorted(words)[:12]) + (", …" if len(words) > 12 else "")
    return f"known are: {listed}" if words else ""
