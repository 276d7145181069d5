"""The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), which PostgreSQL asks for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ITERATIONS_MAX = 100_000


class ScramClient:
    """One log-in: ``first``, ``final``, ``verify``, in this order.

    PostgreSQL takes the user name from the start-up packet and wants none here.
    """

    def __init__(self, password: str, *, user: str = "", nonce: str | None = None) -> None:
        self._password = password.encode()
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._bare = f"n={user},r={self._nonce}"
        self._server_signature = b""

    def first(self) -> str:
        """The opening message."""
        return "n,," + self._bare

    def final(self, challenge: str) -> str:
        """The proof that answers the server's challenge."""
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        if not fields["r"].startswith(self._nonce) or int(fields["i"]) > ITERATIONS_MAX:
            raise ConnectionError("the server's SCRAM challenge is not an answer to ours")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(fields["s"]), int(fields["i"])
        )
        unproven = f"c=biws,r={fields['r']}"
        exchange = f"{self._bare},{challenge},{unproven}".encode()
        client_key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(client_key).digest(), exchange)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._server_signature = _mac(_mac(salted, b"Server Key"), exchange)
        return f"{unproven},p={base64.b64encode(proof).decode()}"

    def verify(self, outcome: str) -> None:
        """Raises if the other side does not know the password either."""
        if not hmac.compare_digest(
            outcome, "v=" + base64.b64encode(self._server_signature).decode()
        ):
            raise ConnectionError("the server could not prove that it knows the password")


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
