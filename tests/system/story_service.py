"""One service of the stack whose explanations are recorded: well while what it needs is well.

    python -S -E story_service.py NAME [NEEDED_PORT]

It listens on $PORT. `GET /health` answers 200, or 503 when what it needs does not answer PING or
`/health`; `GET /break` ends it with 1. Without the file NAME.conf in its folder it ends with 3.
What it says at its end has a terminal's colours and markup in it, as services' words may.
"""

import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEEDED_WITHIN_S = 0.3
PING = b"PING\r\n"
ASK = b"GET /health HTTP/1.0\r\n\r\n"
GOOD = (b"+PONG", b"HTTP/1.0 200")
NAME = sys.argv[1]


def is_needed_well() -> bool:
    if len(sys.argv) < 3:
        return True
    port = int(sys.argv[2])
    question = PING if NAME in ("api", "worker") else ASK
    try:
        with socket.create_connection(("127.0.0.1", port), NEEDED_WITHIN_S) as needed:
            needed.settimeout(NEEDED_WITHIN_S)
            needed.sendall(question)
            return needed.recv(64).startswith(GOOD)
    except OSError:
        return False


class Handler(BaseHTTPRequestHandler):
    """Asked by Everup's probe, by who needs it, and by who wants it broken."""

    def do_GET(self) -> None:
        if self.path == "/break":
            print(f"{NAME}: out of file handles \x1b[31mred\x1b[0m [bold]text[/bold]", flush=True)
            os._exit(1)
        is_well = is_needed_well()
        self.send_response(200 if is_well else 503)
        self.end_headers()
        self.wfile.write(b"fine" if is_well else b"what it needs does not answer")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""


class Server(ThreadingHTTPServer):
    """Bound at once after a death."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Until it is told to stop."""
    if not os.path.exists(f"{NAME}.conf"):
        print(f"{NAME}: cannot read its configuration: {NAME}.conf is not there", flush=True)
        sys.exit(3)
    with Server(("127.0.0.1", int(os.environ["PORT"])), Handler) as server:
        print(f"{NAME}: serves on {os.environ['PORT']}", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        threading.Event().wait()


if __name__ == "__main__":
    main()
