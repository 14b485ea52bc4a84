"""Requests the health of this container's process: `python -IS healthcheck.py 8001 /health`.

Only `socket` is imported, because this runs every few seconds in each container.
"""

import socket
import sys

TIMEOUT_SECONDS = 2
REQUEST = "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def main(port: str, path: str) -> str | None:
    """Return None if the response is 200, otherwise the status line or the error."""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(REQUEST.format(path=path).encode())
            status = connection.recv(512).partition(b"\r\n")[0].decode(errors="replace")
    except OSError as error:
        return f"{path} of port {port}: {error}"
    return None if status.split()[1:2] == ["200"] else f"{path} of port {port}: {status or 'no answer'}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
