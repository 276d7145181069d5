"""Query parameters that a route does not know are refused, and so are repeated ones.

`POST /freeze?servce=redis` must not freeze the whole stack because of a missing letter.
"""

from __future__ import annotations

import difflib

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from everup.api.problems import ApiProblem, FieldProblem, shorten

REPEATABLE = frozenset({"override", "services"})


async def strict_query(request: Request) -> None:
    """Dependency of every router.

    Raises:
        ApiProblem: 422 with the parameter, its value and the nearest known name.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {
        param.alias
        for param in get_flat_params(route.dependant)
        if isinstance(param.field_info, Query)
    }
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise _refused(name, value, "is no parameter here", _near(name, known))
        if name in seen and name not in REPEATABLE:
            raise _refused(name, value, "is given more than once", "give it once")
        seen.add(name)


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are: {', '.join(sorted(known))}" if known else "leave it out"


def _refused(name: str, value: str, message: str, fix: str) -> ApiProblem:
    error = FieldProblem(field=shorten(name), value=shorten(value), message=message, fix=fix)
    detail = f"{error.field}: {message}"
    return ApiProblem(422, "invalid-request", detail, fix=fix, errors=[error])
