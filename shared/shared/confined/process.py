"""The main loop of a confined process, which handles one request at a time. Decoders written in C
process hostile input here, isolated from keys and from other users' requests. The process cannot write files
or dump core, so no library can write a recording to disk.
"""

import gc
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from shared.confined.wire import LENGTHS, pack
from shared.memory import forbid_core_dumps, overwrite_freed_memory


class Reply(NamedTuple):
    """A response. Its body is overwritten after it is sent."""

    head: dict[str, Any]
    body: memoryview = memoryview(bytearray())


type RequestHandler = Callable[[dict[str, Any], memoryview], Reply]


def serve(
    descriptor: int, handle: RequestHandler, *, max_memory_bytes: int, max_cpu_seconds: int = 0
) -> None:
    """Handle the requests of a connected socket. The CPU time is per request; 0 means no limit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the API stops and closes the connection
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    forbid_core_dumps()
    overwrite_freed_memory()
    resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))
    gc.freeze()
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(pack({"ready": True}))
        while (request := _receive(connection)) is not None:
            if max_cpu_seconds:
                _limit_cpu_time(max_cpu_seconds)
            _send(connection, _handle_request(handle, *request))
            # An exception and its traceback frames may form a cycle that keeps samples alive.
            del request
            gc.collect()


def fork_on_request(descriptor: int, serve_forked: Callable[[int], None]) -> None:
    """Fork a process for each descriptor that arrives, and report its start and its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Garbage collection must not touch permanent objects, so that their pages stay shared.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as control:
        control.sendall(pack({"ready": True}))
        signal.signal(signal.SIGCHLD, lambda *_: _report_ends(control))
        while (connection := _receive_descriptor(control)) is not None:
            # A process's exit must not be reported while its start is being reported.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            pid = os.fork()
            if not pid:
                break
            os.close(connection)
            control.sendall(pack({"forked": pid}))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    if connection is not None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        serve_forked(connection)


def _receive_descriptor(control: socket.socket) -> int | None:
    _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return descriptors[0] if descriptors else None


def _report_ends(control: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (wait_result := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = wait_result
            control.sendall(pack({"ended": pid, "status": os.waitstatus_to_exitcode(status)}))


def _limit_cpu_time(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
    # The signal sent at the CPU limit ends the process.
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _send(connection: socket.socket, reply: Reply) -> None:
    try:
        connection.sendall(pack(reply.head, len(reply.body)))
        connection.sendall(reply.body)
    finally:
        reply.body[:] = bytes(len(reply.body))


def _handle_request(handle: RequestHandler, head: dict[str, Any], body: bytearray) -> Reply:
    """Return the reply, or the class of an unexpected exception, but nothing of the recording."""
    try:
        with memoryview(body) as view:
            return handle(head, view)
    except Exception as error:
        return Reply({"failure": type(error).__name__})
    finally:
        body[:] = bytes(len(body))


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
        received_bytes = 0
        while received_bytes < length:
            received = connection.recv_into(view[received_bytes:])
            if not received:
                return None
            received_bytes += received
    return data
