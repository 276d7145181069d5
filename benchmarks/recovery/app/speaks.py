"""Just enough of two databases' languages to say *I am recovering*, and later *I am here*."""

import socket
import struct
import threading

PORTS = {"postgres": 5432, "redis": 6379}
SSL_REQUEST = 80877103


def _postgres(line, is_ready):
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


def _redis(line, is_ready):
    line.recv(4096)
    line.sendall(
        b"+PONG\r\n" if is_ready() else b"-LOADING Redis is loading the dataset in memory\r\n"
    )


SERVERS = {"postgres": _postgres, "redis": _redis}


def serve(language, is_ready):
    """For ever."""
    with socket.create_server(("0.0.0.0", PORTS[language]), backlog=64) as door:
        while True:
            line, _ = door.accept()
            threading.Thread(target=_one, args=(line, language, is_ready), daemon=True).start()


def _one(line, language, is_ready):
    with line:
        line.settimeout(2)
        try:
            SERVERS[language](line, is_ready)
        except OSError:
            return
