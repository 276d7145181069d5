"""everup.yaml + environment + flags → a Stack and Settings, or every problem at once.

Flows in: a path, a mapping of variables, a mapping of flags. Flows out: `Loaded`, all at true pace;
`Loaded.scaled()` gives the pace to run at. Called by the CLI and by the wiring of the engine. That
commands exist and ports are free is left to the runtime. The text of the file is never evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from everup.config import environment
from everup.config.careful import Pace, with_pace
from everup.config.document import FIELDS, digest, read_document, settings_of
from everup.config.errors import Problems
from everup.config.found import FOUND, Refinement
from everup.config.options import Options, read_options, read_pace
from everup.config.reading import Field, plain
from everup.config.scale import scale_stack
from everup.config.settings_rules import NAMES
from everup.config.yaml_tree import FILE_BYTES_MOST, Node, parse
from everup.model.settings import Settings
from everup.model.stack import Stack

FILE_NAMES = ("everup.yaml", "everup.yml")
FLAGS = ("mode", "time_scale", "listen", "state_dir", *NAMES)
RUNTIMES = ("processes", FOUND)
WARNINGS_MOST = 100
_OWN_FIELD = "x-"
_SHORTEST = "the shortest is `stack: mine` and `services: {web: http://127.0.0.1:8080/health}`"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was declared, at true pace. Warnings and `unused` are whole sentences for a person.

    `refinement`: the stack is yet to be found on an engine, and this is what the file says of it.
    """

    stack: Stack
    settings: Settings
    options: Options
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    pace: Pace = Pace.OBSERVE
    refinement: Refinement | None = None

    def with_stack(self, stack: Stack) -> Loaded:
        """The same over a stack that was found rather than declared, at the pace that was asked
        for; what only observes stays so."""
        paced = with_pace(stack, self.pace)
        paced = replace(paced, digest=digest(paced))
        return replace(self, stack=paced)

    def scaled(self) -> Loaded:
        """Stack and settings at `options.time_scale`; scaling what is scaled changes nothing."""
        if self.settings.time_scale == self.options.time_scale:
            return self
        pace = self.options.time_scale / self.settings.time_scale
        stack, settings = scale_stack(self.stack, pace), self.settings.scaled(pace)
        return replace(self, stack=stack, settings=settings)


def load_stack(
    path: Path | str | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    *,
    runtimes: Collection[str] = RUNTIMES,
    is_found: bool = False,
) -> Loaded:
    """Read and check everything: the file, over it the environment, over both the flags.

    Args:
        path: the file or its folder; None means EVERUP_FILE, else everup.yaml in this folder.
        environ: the variables, usually `os.environ`.
        flags: `mode`, `time_scale`, `listen`, `state_dir`, or any field of Settings; a None counts
            as not given.
        runtimes: the names that `runtime:` may have.
        is_found: the file lays over a project of an engine, also where it does not say so.

    Raises:
        ConfigError: with every problem that was found, each with its place and its fix.
        ValueError: a flag that does not exist, which is the caller's mistake.
    """
    problems = Problems()
    file = find_file(path, environ)
    read = environment.read_environment(environ, problems)
    variables, misspelt = _variable_fields(environ, problems)
    root = _read_file(file, problems)
    top = {} if root is None else _top_fields(root)
    layers = [top, variables, _flag_fields(flags or {}, problems)]
    options = read_options(layers, file.absolute(), environ)
    if root is None:
        raise problems.error()
    document = read_document(root, layers, options, problems, runtimes, is_found=is_found)
    if problems:
        raise problems.error()
    warnings = [*misspelt, *document.warnings]
    if len(warnings) > WARNINGS_MOST:
        rest = len(warnings) - WARNINGS_MOST + 1
        warnings = [*warnings[: WARNINGS_MOST - 1], f"… and {rest} more warnings"]
    unused = environment.unused(environ)
    pace = read_pace(layers)
    return Loaded(
        document.stack,
        environment.switched(document.settings, read),
        options,
        tuple(warnings),
        unused,
        pace,
        document.refinement,
    )


def load_without_file(
    environ: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Loaded:
    """Environment and flags alone, for a stack that is yet to be found: it has no services.

    Raises:
        ConfigError, ValueError: as `load_stack`.
    """
    problems = Problems()
    read = environment.read_environment(environ, problems)
    variables, misspelt = _variable_fields(environ, problems)
    layers = [{}, variables, _flag_fields(flags or {}, problems)]
    options = read_options(layers, Path(FILE_NAMES[0]).absolute(), environ)
    settings = environment.switched(settings_of(layers, problems), read)
    pace = read_pace(layers)
    if problems:
        raise problems.error()
    stack = Stack(name="", services={})
    return Loaded(stack, settings, options, tuple(misspelt), environment.unused(environ), pace)


def find_file(path: Path | str | None, environ: Mapping[str, str]) -> Path:
    """The file to read, whether it exists or not; a folder stands for the everup.yaml in it."""
    named = path or environ.get("EVERUP_FILE", "").strip() or Path()
    chosen = Path(named)
    if not chosen.is_dir():
        return chosen
    candidates = [chosen / name for name in FILE_NAMES]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _read_file(file: Path, problems: Problems) -> Field | None:
    """The root of the file, or None with a problem."""
    where = str(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MOST + 1)
    except FileNotFoundError:
        fix = f"write one, or name it with --file or EVERUP_FILE; {_SHORTEST}"
        problems.add(where, "", "there is no such file", fix=fix)
        return None
    except OSError as error:
        problems.add(where, "", f"cannot be read: {error.strerror}")
        return None
    if len(content) > FILE_BYTES_MOST:
        problems.add(where, "", "is larger than 1 MiB", fix="is this the right file?")
        return None
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problems.add(f"{where}:{line}", "", "is not UTF-8", fix="save it as UTF-8 text")
        return None
    before = len(problems)
    node = parse(decoded, where, problems)
    if node is None and len(problems) == before:
        node = Node("mapping", 1)
    return None if node is None else Field(node, "", where, problems)


def _top_fields(root: Field) -> dict[str, Field]:
    """The file's own fields; those that begin with x- are the owner's, to keep anchors in."""
    entries = root.node.entries
    ours = tuple(entry for entry in entries if not entry.key.startswith(_OWN_FIELD))
    return replace(root, node=replace(root.node, entries=ours)).fields(FIELDS, "fields")


def _variable_fields(
    environ: Mapping[str, str], problems: Problems
) -> tuple[dict[str, Field], list[str]]:
    found, misspelt = environment.everup_variables(environ)
    fields = {
        name: plain(value, "", f"{environment.PREFIX}{name.upper()}", problems)
        for name, value in found.items()
    }
    for variable, name in environment.USUAL_NAMES.items():
        value = environ.get(variable, "")
        if value.strip():
            fields.setdefault(name, plain(value, "", variable, problems))
    return fields, misspelt


def _flag_fields(flags: Mapping[str, object], problems: Problems) -> dict[str, Field]:
    given = {name: value for name, value in flags.items() if value is not None}
    unknown = sorted(set(given) - set(FLAGS))
    if unknown:
        raise ValueError(f"not a flag: {', '.join(unknown)}")
    return {
        name: plain(str(value), "", f"--{name.replace('_', '-')}", problems)
        for name, value in given.items()
    }
