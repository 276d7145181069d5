"""The service that is hurt. GET / is the user's question; GET /health says how it is by itself.

Environment: BACKENDS (hosts that it needs), CONFIG (a JSON file), DATA (a folder to write to), BAD
(a broken build), RECOVER_S (works for so long after its start before it is ready), SPEAKS (http,
postgres, redis; migration is http that listens only once it is ready), END_S (ends then with 0).
"""

import ctypes
import hashlib
import http.client
import http.server
import json
import os
import signal
import socket
import socketserver
import struct
import threading
import time

BEGAN_S = time.monotonic()
RECOVER_S = float(os.environ.get("RECOVER_S", "0"))
BACKENDS = [name for name in os.environ.get("BACKENDS", "").split(",") if name]
CONFIG, DATA, BAD = (os.environ.get(name, "") for name in ("CONFIG", "DATA", "BAD"))
SPEAKS = os.environ.get("SPEAKS", "http")
CHUNK_BYTES = 64 * 1024
KEPT: list[bytearray] = []


def is_ready() -> bool:
    return time.monotonic() - BEGAN_S >= RECOVER_S


def wrong() -> str:
    """Why this service is not well by itself; empty when it is."""
    if BAD:
        return "bad build"
    if not is_ready():
        return "loading the model"
    try:
        if CONFIG:
            with open(CONFIG) as file:
                json.load(file)["greeting"]
        if DATA:
            path = f"{DATA}/.probe-{threading.get_ident()}"
            with open(path, "wb") as file:
                file.write(b"x" * 8192)
                file.flush()
                os.fsync(file.fileno())
            os.unlink(path)
    except Exception as error:
        return repr(error)
    return ""


def first_that_fails() -> str:
    """The backend that does not answer well, with what it said."""
    for name in BACKENDS:
        line = http.client.HTTPConnection(name, 8000, timeout=1)
        try:
            line.request("GET", "/")
            status = line.getresponse().status
            if status != 200:
                return f"{name}: {status}"
        except Exception as error:
            return f"{name}: {error!r}"
        finally:
            line.close()
    return ""


def leak() -> None:
    while True:
        KEPT.append(bytearray(b"\1" * (4 << 20)))
        time.sleep(0.05)


def fill() -> None:
    try:
        with open(f"{DATA}/cache.bin", "ab") as file:
            while True:
                file.write(b"x" * CHUNK_BYTES)
                file.flush()
    except OSError:
        return


def work() -> None:
    """What a replay or a migration does: reads, computes, writes; about a twentieth of a core."""
    while not is_ready():
        with open("/tmp/work.bin", "wb") as file:
            file.write(hashlib.sha256(os.urandom(1 << 20)).digest() * 4096)
            file.flush()
            os.fsync(file.fileno())
        time.sleep(0.1)


PORTS = {"postgres": 5432, "redis": 6379}
SSL_REQUEST = 80877103


def _postgres(line: socket.socket) -> None:
    head = line.recv(8)
    if len(head) == 8 and struct.unpack("!ii", head)[1] == SSL_REQUEST:
        line.sendall(b"N")
        head = line.recv(8)
    line.recv(4096)
    if is_ready():
        line.sendall(b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I")
        return
    text = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    line.sendall(b"E" + struct.pack("!i", len(text) + 4) + text)


def _redis(line: socket.socket) -> None:
    line.recv(4096)
    line.sendall(
        b"+PONG\r\n" if is_ready() else b"-LOADING Redis is loading the dataset in memory\r\n"
    )


SERVERS = {"postgres": _postgres, "redis": _redis}


def serve(language: str) -> None:
    """For ever."""
    with socket.create_server(("0.0.0.0", PORTS[language]), backlog=64) as door:
        while True:
            line, _ = door.accept()
            threading.Thread(target=_one, args=(line, language), daemon=True).start()


def _one(line: socket.socket, language: str) -> None:
    with line:
        line.settimeout(2)
        try:
            SERVERS[language](line)
        except OSError:
            return


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        if self.path == "/crash":
            os._exit(3)
        if self.path == "/end":
            os._exit(0)
        if self.path == "/leak":
            threading.Thread(target=leak, daemon=True).start()
        elif self.path == "/fill":
            fill()
        elif self.path == "/collect":  # six seconds in which no thread of this program runs
            self.say(200, "collecting")
            self.wfile.flush()
            ctypes.PyDLL(None).sleep(6)
            return
        else:
            why = wrong() or ("" if self.path == "/health" else first_that_fails())
            self.say(503 if why else 200, why or "hello")
            return
        self.say(200, "begun")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("started", SPEAKS, flush=True)
    if "END_S" in os.environ:
        time.sleep(float(os.environ["END_S"]))
        os._exit(0)
    if SPEAKS == "migration":
        work()
    elif RECOVER_S:
        threading.Thread(target=work, daemon=True).start()
    if SPEAKS in SERVERS:
        serve(SPEAKS)
    Server(("0.0.0.0", 8000), Handler).serve_forever()


main()
