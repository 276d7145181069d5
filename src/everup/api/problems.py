"""Every error as a problem document (RFC 9457), whoever found it: router, guard, gate or journal.

Flows in: exceptions and refusals. Flows out: `application/problem+json` with a type, what is wrong
in words, and where one can say so the field, its value and the way to put it right.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from everup.model.errors import EverupError, FenceLost, JournalUnavailable, TryAgain

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:everup:problem:"
VALUE_LENGTH_MOST = 100
ERRORS_MOST = 20
RETRY_AFTER_S = 2.0

_log = logging.getLogger("everup.api")


class FieldProblem(BaseModel):
    """One part of a request that cannot be used."""

    field: str
    value: str | None = None
    message: str
    fix: str = ""


class Problem(BaseModel):
    """What is wrong, in words and in fields for scripts."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field("", description="the path that was asked for")
    fix: str = Field("", description="what to do about it")
    check: str = Field("", description="the gate's check that said no")
    retry_after_s: float | None = None
    errors: tuple[FieldProblem, ...] = ()


class ApiProblem(Exception):
    """Raised by a route or a dependency; becomes a problem document."""

    def __init__(self, status: int, kind: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.extra = extra


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """The response. `extra` are further fields of `Problem`; empty ones are left out."""
    retry = extra.get("retry_after_s")
    sent = dict(headers or {})
    if retry is not None:
        if math.isfinite(retry):
            sent.setdefault("Retry-After", str(max(1, math.ceil(retry))))
        else:
            extra["retry_after_s"] = None
    body = Problem(
        type=TYPE_PREFIX + kind,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        **extra,
    )
    content = {name: value for name, value in body.model_dump().items() if value not in ("", ())}
    if content["retry_after_s"] is None:
        del content["retry_after_s"]
    return JSONResponse(content, status_code=status, headers=sent, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every exception of this application end as a problem document."""
    app.add_exception_handler(ApiProblem, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(EverupError, _everup)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)
    extra = {"instance": request.url.path, **error.extra}
    return problem(error.status, error.kind, str(error), **extra)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, method = request.url.path, request.method
    if error.status_code == 404:
        fix = "GET /openapi.json lists what there is"
        detail = f"there is nothing at {path}"
        return problem(404, "not-found", detail, instance=path, fix=fix)
    if error.status_code == 405:
        allow = ", ".join(sorted(_methods(request)))
        detail = f"{path} does not understand {method}"
        fix = f"it understands {allow}"
        headers = {"Allow": allow}
        return problem(405, "method-not-allowed", detail, instance=path, fix=fix, headers=headers)
    return problem(
        error.status_code, "http", str(error.detail), instance=path, headers=error.headers
    )


def _methods(request: Request) -> set[str]:
    """All methods that some route offers at this path: one path may have several routes."""
    found: set[str] = set()
    for route in request.app.state.routes:
        match, _ = route.matches({**request.scope, "root_path": "", "app_root_path": ""})
        if match is not Match.NONE:
            found |= route.methods or set()
    return found


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_field(detail) for detail in error.errors()[:ERRORS_MOST]]
    first = errors[0]
    detail = f"{first.field}: {first.message}"
    return problem(
        422, "invalid-request", detail, instance=request.url.path, fix=first.fix, errors=errors
    )


def _field(detail: Mapping[str, Any]) -> FieldProblem:
    place, *rest = [str(part) for part in detail["loc"]]
    name = ".".join(rest) or place
    value = detail.get("input")
    shown = None if value is None or detail["type"] == "missing" else shorten(str(value))
    return FieldProblem(
        field=name, value=shown, message=str(detail["msg"]), fix=_fix(place, name, detail)
    )


def _fix(place: str, name: str, detail: Mapping[str, Any]) -> str:
    context = detail.get("ctx") or {}
    if detail["type"] == "missing":
        return f"add ?{name}=…" if place == "query" else f"give {name}"
    if "expected" in context:
        return f"write one of {context['expected']}"
    if "ge" in context or "gt" in context:
        least = context.get("ge", context.get("gt"))
        return f"write a number {'from' if 'ge' in context else 'above'} {least}"
    if "le" in context:
        return f"write a number up to {context['le']}"
    if "max_length" in context:
        return f"use at most {context['max_length']} characters"
    if str(detail["type"]).startswith(("float", "int", "finite")):
        return "write a plain number, in seconds where it is a time"
    return "see /openapi.json"


def shorten(text: str) -> str:
    """A value as it may be shown again."""
    if len(text) <= VALUE_LENGTH_MOST:
        return text
    return text[: VALUE_LENGTH_MOST - 1] + "…"


async def _everup(request: Request, error: Exception) -> Response:
    path = request.url.path
    if isinstance(error, JournalUnavailable):
        fix = "free space or unlock the journal in the state folder; Everup goes on by itself"
        return problem(
            503,
            "journal-unavailable",
            f"the journal cannot be read or written now: {error}",
            instance=path,
            fix=fix,
            retry_after_s=RETRY_AFTER_S,
        )
    if isinstance(error, TryAgain):
        return problem(
            503, "try-again", str(error), instance=path, retry_after_s=error.retry_after_s
        )
    if isinstance(error, FenceLost):
        fix = "ask the controller that holds this stack"
        return problem(409, "not-the-leader", str(error), instance=path, fix=fix)
    return problem(409, "cannot", str(error), instance=path)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(
        500,
        "unexpected",
        "Everup failed to answer; nothing is known to have changed",
        instance=request.url.path,
        fix="the reason is in Everup's own output",
    )
