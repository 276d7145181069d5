"""The verbs about who depends on whom; `verbs` takes them in. What they do lives in `graph`,
imported when they run."""

from __future__ import annotations

import typer

from everup.cli.options import Service, asks
from everup.cli.place import Place

graph = typer.Typer(
    name="graph",
    help="Who depends on whom, how that is known, what may spread.",
    no_args_is_help=True,
)


@graph.command(name="show")
@asks
def show_graph(*, place: Place) -> int:
    """Every edge: from where it is known, how sure, when it was last seen, what was learned."""
    from everup.cli.graph import put_edges

    return put_edges(place)


@graph.command(name="review")
@asks
def review_graph(*, place: Place) -> int:
    """For once a year: what is declared and was never seen, and seen and not declared."""
    from everup.cli.graph import put_review

    return put_review(place)


@graph.command(name="paths")
@asks
def paths_of_graph(*, place: Place) -> int:
    """Which way failures may spread, riskiest first, and the single points of failure."""
    from everup.cli.graph import put_paths

    return put_paths(place)


@graph.command(name="mitigations")
@asks
def mitigations_of_graph(*, place: Place) -> int:
    """What would keep the present failure from spreading, with its gain, and what is in force."""
    from everup.cli.graph import put_mitigations

    return put_mitigations(place)


@asks
def what_if(service: Service, *, place: Place) -> int:
    """Who suffers if this service fails: how likely, which way, how soon."""
    from everup.cli.graph import put_what_if

    return put_what_if(place, service)
