"""Whose fault is an error?"""

from __future__ import annotations

import errno
import os
import socket
import ssl

import httpx2
import pytest

from everup.model.kinds import ProbeVerdict
from everup.signals.trouble import judge


def os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def wrapped(cause: BaseException) -> httpx2.ConnectError:
    """As the HTTP client raises it: two layers above what happened."""
    inner = OSError("All connection attempts failed")
    inner.__cause__ = ExceptionGroup("attempts", [cause]) if isinstance(cause, Exception) else cause
    outer = httpx2.ConnectError("All connection attempts failed")
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    "code",
    [
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.EAGAIN,
        errno.EADDRNOTAVAIL,
        errno.ENETUNREACH,
        errno.EPERM,
    ],
)
def test_what_we_lack_is_never_the_services_fault(code: int) -> None:
    for error in (os_error(code), wrapped(os_error(code))):
        verdict, detail = judge(error)
        assert verdict is ProbeVerdict.UNKNOWN
        assert os.strerror(code) in detail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ECONNREFUSED, "refused"),
        (errno.ECONNRESET, "reset"),
        (errno.ETIMEDOUT, "timed out"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.EPIPE, "closed"),
    ],
)
def test_what_the_other_side_answers_counts_against_it(code: int, words: str) -> None:
    for error in (os_error(code), wrapped(os_error(code))):
        verdict, detail = judge(error)
        assert verdict is ProbeVerdict.FAIL
        assert words in detail


def test_a_missing_route_does_not_excuse_an_address_that_refused() -> None:
    both = ExceptionGroup("", [os_error(errno.EADDRNOTAVAIL), os_error(errno.ECONNREFUSED)])
    assert judge(both)[0] is ProbeVerdict.FAIL


def test_missing_resources_excuse_everything() -> None:
    both = ExceptionGroup("", [os_error(errno.ECONNREFUSED), os_error(errno.EMFILE)])
    assert judge(both)[0] is ProbeVerdict.UNKNOWN
    assert judge(MemoryError())[0] is ProbeVerdict.UNKNOWN


def test_a_name_that_we_cannot_resolve_is_our_trouble() -> None:
    verdict, detail = judge(wrapped(socket.gaierror(socket.EAI_AGAIN, "Temporary failure")))
    assert verdict is ProbeVerdict.UNKNOWN
    assert "cannot be resolved here: Temporary failure" in detail


def test_a_certificate_that_nobody_trusts_is_a_failure() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    assert judge(wrapped(error)) == (
        ProbeVerdict.FAIL,
        "certificate not trusted: self-signed certificate",
    )


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (httpx2.RemoteProtocolError("illegal status line"), ProbeVerdict.FAIL),
        (httpx2.ReadError(""), ProbeVerdict.FAIL),
        (ssl.SSLError("wrong version number"), ProbeVerdict.FAIL),
        (httpx2.UnsupportedProtocol("x"), ProbeVerdict.UNKNOWN),
        (httpx2.LocalProtocolError("x"), ProbeVerdict.UNKNOWN),
        (RuntimeError("a defect of ours"), ProbeVerdict.UNKNOWN),
        (OSError("without a number"), ProbeVerdict.UNKNOWN),
    ],
)
def test_without_a_number_the_type_decides_and_doubt_is_unknown(
    error: Exception, verdict: ProbeVerdict
) -> None:
    found, detail = judge(error)
    assert found is verdict
    assert detail


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert judge(one)[0] is ProbeVerdict.UNKNOWN
