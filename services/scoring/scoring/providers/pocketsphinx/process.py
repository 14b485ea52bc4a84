"""The worker process: scores one recording after another and does nothing else.

Here, decoders written in C meet hostile input, isolated from keys and from the requests of other learners.
The process cannot write to files or dump core, so that no library can bring a recording to a disk.

    python -m scoring.providers.pocketsphinx.process <descriptor of a connected socket>
"""

import gc
import json
import resource
import signal
import socket
import sys
from dataclasses import asdict
from typing import Any

from scoring.errors import ASSESSMENT_ERRORS
from scoring.providers.pocketsphinx.engine import Engine
from scoring.providers.pocketsphinx.wire import LENGTHS, encode_error, pack

MAX_MEMORY_BYTES = 1 << 30
"""A minute of speech takes a quarter of it, but a forged header can request any amount."""


def main(descriptor: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the API stops and closes the connection
    engine = Engine()
    _confine()
    gc.freeze()
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(pack({"ready": True}))
        while (request := _receive(connection)) is not None:
            connection.sendall(pack(_answer(engine, *request)))


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def _answer(engine: Engine, head: dict[str, Any], audio: bytearray) -> dict[str, Any]:
    """Return scores, an error, or the class of an unforeseen exception: nothing of the recording."""
    try:
        with memoryview(audio) as view:
            return {"assessment": asdict(engine.assess(view, head["words"]))}
    except ASSESSMENT_ERRORS as error:
        return {"error": encode_error(error)}
    except Exception as error:
        return {"failure": type(error).__name__}
    finally:
        audio[:] = bytes(len(audio))


def _receive(connection: socket.socket) -> tuple[dict[str, Any], bytearray] | None:
    lengths = _receive_exactly(connection, LENGTHS.size)
    if lengths is None:
        return None
    head_length, body_length = LENGTHS.unpack(lengths)
    head, body = _receive_exactly(connection, head_length), _receive_exactly(connection, body_length)
    return None if head is None or body is None else (json.loads(head), body)


def _receive_exactly(connection: socket.socket, length: int) -> bytearray | None:
    """Return that many bytes, or None when the connection ends first."""
    data = bytearray(length)
    with memoryview(data) as view:
        got = 0
        while got < length:
            received = connection.recv_into(view[got:])
            if not received:
                return None
            got += received
    return data


if __name__ == "__main__":
    main(int(sys.argv[1]))
