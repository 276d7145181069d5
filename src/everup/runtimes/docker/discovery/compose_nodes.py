"""YAML text of a Compose file → plain mappings of nodes, with bounds. Called by `compose_file`.

Works on the graph that the parser composes rather than on built objects: aliases stay shared, so
that a bomb of them costs nothing, and the tags of Compose (`!reset`, `!override`) are just names.
"""

from __future__ import annotations

from itertools import islice

import yaml

DEPTH_MOST = 40
EVENTS_MOST = 200_000
MERGES_MOST = 32
ENTRIES_MOST = 500
"""How many mappings `<<` may bring into one, one after another, and how much of each."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str) -> yaml.Node | None:
    """The first document; None when it is no YAML or passes a bound."""
    try:
        if not _is_bounded(text):
            return None
        # SafeLoader only resolves here, it builds nothing; both loaders refuse what is no YAML.
        return yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """What a mapping holds by name, with what its `<<` brings in; empty for anything else."""
    own = _own(node)
    merged: dict[str, yaml.Node] = {}
    waiting = _merges(own.pop("<<", None))
    for _ in range(MERGES_MOST):
        if not waiting or len(merged) > ENTRIES_MOST:
            break
        brought = _own(waiting.pop(0))
        waiting = _merges(brought.pop("<<", None)) + waiting
        for name, found in islice(brought.items(), ENTRIES_MOST):
            merged.setdefault(name, found)
    return {**merged, **own}


def _own(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _merges(node: yaml.Node | None) -> list[yaml.Node]:
    if node is None:
        return []
    return node.value[:MERGES_MOST] if isinstance(node, yaml.SequenceNode) else [node]


def scalars(node: yaml.Node | None) -> tuple[str, ...]:
    """The texts of a list, or the one text that stands in its place."""
    if isinstance(node, yaml.ScalarNode):
        return (node.value,) if node.value else ()
    if isinstance(node, yaml.SequenceNode):
        return tuple(item.value for item in node.value if isinstance(item, yaml.ScalarNode))
    return ()


def _is_bounded(text: str) -> bool:
    """Neither deeper nor longer than people write: checked before anything recurses."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MOST or count > EVENTS_MOST:
            return False
        if isinstance(event, yaml.DocumentEndEvent):
            return True
    return True
