"""Whose fault is an error: the asked service's, or our own? Used by probes and canaries.

A wrong *fail* restarts a healthy service, a wrong *unknown* only looks again. So an error counts
against the service only when it is plainly the answer of its side of the wire.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator

import h11
import httpx2

from everup.model.kinds import ProbeVerdict

CHAIN_MOST = 32

_OUR_RESOURCES = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOBUFS,
    errno.EAGAIN,
    errno.ENOSPC,
}
_OUR_ROUTE = {
    errno.EADDRNOTAVAIL,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EAFNOSUPPORT,
    errno.EACCES,
    errno.EPERM,
}
_THEIRS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "connection reset before the answer was whole",
    errno.ECONNABORTED: "connection aborted before the answer was whole",
    errno.EPIPE: "connection closed while the question was sent",
    errno.ETIMEDOUT: "connection attempt timed out",
    errno.EHOSTUNREACH: "host unreachable",
    errno.EHOSTDOWN: "host is down",
}


def judge(error: BaseException) -> tuple[ProbeVerdict, str]:
    """The verdict that this error allows, and why in words.

    Where several addresses were tried, what we lack for any of them makes it unknown; a missing
    route (no IPv6 here, say) does not excuse an address that refused.
    """
    chain = list(_chain(error))
    system = [link for link in chain if isinstance(link, OSError)]
    for link in chain:
        if isinstance(link, MemoryError) or _errno(link) in _OUR_RESOURCES:
            return ProbeVerdict.UNKNOWN, f"our own trouble: {_said(link)}"
    for link in system:
        if isinstance(link, ssl.SSLCertVerificationError):
            return ProbeVerdict.FAIL, f"certificate not trusted: {link.verify_message}"
        if _errno(link) in _THEIRS:
            return ProbeVerdict.FAIL, _THEIRS[_errno(link)]
    for link in system:
        if isinstance(link, socket.gaierror):
            return ProbeVerdict.UNKNOWN, f"the name cannot be resolved here: {_said(link)}"
        if _errno(link) in _OUR_ROUTE:
            return ProbeVerdict.UNKNOWN, f"no way from here: {_said(link)}"
    return _by_type(error)


def _by_type(error: BaseException) -> tuple[ProbeVerdict, str]:
    if isinstance(error, httpx2.RemoteProtocolError | h11.RemoteProtocolError):
        return ProbeVerdict.FAIL, f"no whole HTTP answer: {_said(error)}"
    if isinstance(error, ssl.SSLError | httpx2.NetworkError | ConnectionError):
        return ProbeVerdict.FAIL, f"connection broke: {_said(error)}"
    return ProbeVerdict.UNKNOWN, f"the question could not be asked: {_said(error)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and the members of groups, nearest first."""
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < CHAIN_MOST:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions)
        waiting.extend(cause for cause in (link.__cause__, link.__context__) if cause is not None)


def _errno(error: BaseException) -> int:
    if not isinstance(error, OSError) or isinstance(error, socket.gaierror | ssl.SSLError):
        return 0
    return error.errno or 0


def _said(error: BaseException) -> str:
    code = _errno(error)
    if code:
        return os.strerror(code)
    if isinstance(error, socket.gaierror) and error.strerror:
        return str(error.strerror)
    return str(error) or type(error).__name__
