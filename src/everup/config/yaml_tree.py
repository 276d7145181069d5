"""YAML text → a tree of nodes that know their line. Called by `load`; read through `reading`.

A scalar stays the text that was written: what it means is for its field to say, so `on`, `1.10`
and `12:30` never turn into something else on the way. Tags that build objects are refused. The tree
is composed from the parser's events rather than by its loader, so that depth, size and aliases are
bounded while reading, not afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from everup.config.errors import Problems

FILE_BYTES_MOST = 1024 * 1024
NODES_MOST = 400_000
"""Counted with every alias written out, which is what a bomb of aliases multiplies."""
DEPTH_MOST = 24

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {_PREFIX + name for name in ("str", "int", "float", "bool", "null")} | {"!"}
_NULL = {"", "~", "null", "Null", "NULL"}
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping."""

    key: str
    line: int
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """One place in the file. `kind` is mapping, list or scalar; `raw` a scalar as it was written.

    `weight` counts the nodes below, aliases written out.
    """

    kind: str
    line: int
    raw: str = ""
    is_quoted: bool = False
    items: tuple[Node, ...] = ()
    entries: tuple[Entry, ...] = ()
    weight: int = 1

    @property
    def is_empty(self) -> bool:
        """Nothing stands there: `name:` alone, or YAML's null."""
        return self.kind == "scalar" and not self.is_quoted and self.raw in _NULL


class _Refused(Exception):
    """The file passes a bound, or uses what is not understood: reading stops there."""

    def __init__(self, line: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.line = line
        self.fix = fix


def parse(text: str, file: str, problems: Problems) -> Node | None:
    """The tree of the first and only document; None when there is none to go on with.

    Syntax errors, duplicate keys and passed bounds are added to `problems`.
    """
    try:
        return _Composer(text, file, problems).compose()
    except _Refused as refused:
        problems.add(f"{file}:{refused.line}", "", str(refused), fix=refused.fix)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        message = f"not valid YAML: {error.problem or error.context or 'cannot be read'}"
        problems.add(f"{file}:{line}", "", message, fix=_syntax_fix(text, line))
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        problems.add(file, "", f"not valid YAML: {reason}", fix="save it as plain UTF-8 text")
    return None


class _Composer:
    """Builds nodes from events, depth first."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_PARSER)
        self._file = file
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def compose(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _Refused(
                        _line(event), "a second document begins here", "keep one, without ---"
                    )
                root = self._node(next(self._events), 0)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > DEPTH_MOST:
            raise _Refused(_line(event), f"nested deeper than {DEPTH_MOST} levels", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._grow(1, event)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag:
            raise _Refused(_line(event), f"the tag {event.tag} is not allowed", "leave it out")
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, depth)
        else:
            node = self._mapping(event, depth)
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise _Refused(
                _line(event),
                f"the alias *{event.anchor} has no anchor before it",
                f"put &{event.anchor} at what is meant, further up",
            )
        self._grow(node.weight, event)
        return node

    def _grow(self, nodes: int, event: yaml.Event) -> None:
        self._count += nodes
        if self._count > NODES_MOST:
            raise _Refused(
                _line(event),
                f"more than {NODES_MOST} values, aliases written out",
                "use fewer aliases, or split the stack",
            )

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        if event.tag is not None and event.tag not in _PLAIN:
            raise _Refused(_line(event), f"the tag {event.tag} is not allowed", "leave it out")
        return Node("scalar", _line(event), event.value, bool(event.style))

    def _list(self, event: yaml.Event, depth: int) -> Node:
        items = []
        while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(following, depth + 1))
        weight = 1 + sum(item.weight for item in items)
        return Node("list", _line(event), items=tuple(items), weight=weight)

    def _mapping(self, event: yaml.Event, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        while not isinstance(following := next(self._events), yaml.MappingEndEvent):
            key = self._node(following, depth + 1)
            node = self._node(next(self._events), depth + 1)
            if key.kind != "scalar":
                raise _Refused(key.line, "a name stands before each colon, not a list", "quote it")
            if key.raw == "<<" and not key.is_quoted:
                for entry in self._merge(node):
                    merged.setdefault(entry.key, entry)
                continue
            before = entries.get(key.raw)
            if before is not None:
                self._problems.add(
                    f"{self._file}:{key.line}",
                    key.raw,
                    f"stands twice, first in line {before.line}",
                    fix="keep one of them",
                )
                continue
            entries[key.raw] = Entry(key.raw, key.line, node)
        everything = {**merged, **entries}
        weight = 1 + sum(1 + entry.node.weight for entry in everything.values())
        return Node("mapping", _line(event), entries=tuple(everything.values()), weight=weight)

    def _merge(self, node: Node) -> tuple[Entry, ...]:
        sources = node.items if node.kind == "list" else (node,)
        if not all(source.kind == "mapping" for source in sources):
            raise _Refused(node.line, "<< takes a mapping to copy", "write <<: *its-anchor")
        self._count += sum(source.weight for source in sources)
        return tuple(entry for source in sources for entry in source.entries)


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 1


def _syntax_fix(text: str, line: int) -> str:
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "indent with spaces, not with tabs"
    return "look at the indentation, quotes and brackets of this line and the one above it"
