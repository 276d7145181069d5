"""When a certificate ends is read off an answer over TLS, and of nothing else."""

from __future__ import annotations

import asyncio
import math
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.signals.probes.http import certificate_ends_s
from everup.signals.probes.prober import create_prober
from tests.unit.clocks import StepClock

ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
PAGE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(PAGE)
    await writer.drain()
    writer.close()


async def _ask(secured: ssl.SSLContext | None) -> float:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=secured) as server:
        port = server.sockets[0].getsockname()[1]
        scheme = "http" if secured is None else "https"
        spec = ProbeSpec(http=f"{scheme}://127.0.0.1:{port}/")
        prober = create_prober(StepClock(), Settings(), environ={})
        asked = Instance("a", "a-0", "a!1", InstanceState.RUNNING)
        result = await prober.probe(spec, ServiceSpec("a", probe=spec), asked, 20.0)
        await prober.close()
        assert result.verdict is ProbeVerdict.PASS, result.detail
        return result.certificate_ends_s


def _signed_by_itself(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ENDS - timedelta(days=10))
        .not_valid_after(ENDS)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "shown.pem", folder / "secret.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return shown, secret


def test_of_a_server_that_speaks_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, secret = _signed_by_itself(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)
    assert asyncio.run(_ask(context)) == ENDS.timestamp()


def test_plain_answers_have_none() -> None:
    assert math.isnan(asyncio.run(_ask(None)))


@pytest.mark.parametrize("shown", [None, {}, {"notAfter": "no date"}])
def test_what_cannot_be_read_is_unknown(shown: dict[str, str] | None) -> None:
    class Stream:
        def get_extra_info(self, name: str) -> object:
            return self if name == "ssl_object" else None

        def getpeercert(self) -> dict[str, str] | None:
            return shown

    response = httpx2.Response(200, extensions={"network_stream": Stream()})
    assert math.isnan(certificate_ends_s(response))
