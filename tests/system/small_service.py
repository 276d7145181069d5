"""One service of the small stack: answers every request with 200, notes its starts, ends slowly.

    python -S -E small_service.py FOLDER NAME STOP_TAKES_S [ANSWER_COSTS_S]

It listens on $PORT. A line `pid time` goes into FOLDER/NAME.starts at each start, before it answers
anything. After SIGTERM it goes on answering for STOP_TAKES_S, as one does that finishes its work.
Each answer costs so many seconds of CPU, 0 unless told.
"""

import os
import select
import signal
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
ends_at_s = float("inf")


def _asked_to_stop(number: int, frame: object) -> None:
    global ends_at_s
    ends_at_s = min(ends_at_s, time.monotonic() + float(sys.argv[3]))


def main() -> None:
    """Until it is told to stop."""
    folder, name = sys.argv[1:3]
    signal.signal(signal.SIGTERM, _asked_to_stop)
    with open(os.path.join(folder, f"{name}.starts"), "a", encoding="ascii") as starts:
        starts.write(f"{os.getpid()} {time.time():.3f}\n")
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", int(os.environ["PORT"])))
        server.listen(64)
        while time.monotonic() < ends_at_s:
            if select.select([server], [], [], 0.05)[0]:
                _answer(server)


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(1.0)
        try:
            connection.recv(4096)
            until_s = time.process_time() + float((sys.argv[4:] or ["0"])[0])
            while time.process_time() < until_s:
                pass
            connection.sendall(ANSWER)
        except OSError:
            return


if __name__ == "__main__":
    main()
