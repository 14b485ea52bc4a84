"""Scoring creates no file, and overwrites every buffer of a recording."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio import process as decoding
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.providers.offline.engine import Engine
from scoring.providers.offline.process import handle_request
from shared.confined import process as confined

TEXT = "The train leaves at seven in the morning."
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watches: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches:
        return
    # A number is a descriptor that is open already: the pipe to a process.
    if event == "open" and arguments[2] & WRITING and not isinstance(arguments[0], int):
        _watches[-1].append(str(arguments[0]))
    elif event.startswith(("tempfile.", "os.mkdir", "os.rename", "os.link", "os.symlink", "shutil.")):
        _watches[-1].append(event)


sys.addaudithook(_watch)  # it cannot be removed again, so it does nothing unless a test watches


@contextmanager
def watch_files() -> Iterator[list[str]]:
    """Record all files that Python creates or opens for writing inside the block."""
    _watches.append([])
    try:
        yield _watches[-1]
    finally:
        _watches.pop()


def test_created_files_are_detected(tmp_path: "os.PathLike[str]") -> None:
    with watch_files() as created, open(f"{tmp_path}/x", "wb"):
        pass
    assert created == [f"{tmp_path}/x"]


def test_scoring_creates_no_file(
    engine: Engine, encode: Callable[..., bytes], voice: NDArray[np.float32], tmp_path: "os.PathLike[str]"
) -> None:
    recordings = [encode(voice, kind) for kind in ("wav", "mp3", "m4a", "webm")]
    with watch_files() as created:
        for recording in recordings:
            engine.assess(decode_recording(memoryview(recording)), f"{TEXT} And another word.")
    assert [path for path in created if path != os.devnull] == []


async def test_a_request_creates_no_file(client: httpx.AsyncClient, encode: Callable[..., bytes]) -> None:
    large = encode(np.zeros(55 * 16_000, np.float32), codec="pcm_f32le")
    assert len(large) > 3_000_000
    with watch_files() as created:
        response = await client.post(
            "/api/v1/speech/score", files={"audio": ("a.wav", large)}, data={"reference_text": TEXT}
        )
    assert response.json()["reason"] == "no_speech"
    # A worker process that starts has no standard input.
    assert [path for path in created if path != os.devnull] == []


@pytest.mark.parametrize("head", [{"text": TEXT}, {"text": "поезд"}, {}])
def test_a_worker_overwrites_its_input(engine: Engine, head: dict[str, Any], recording: Recording) -> None:
    source = asdict(recording.source)
    pcm = bytearray(recording.pcm)
    confined._handle_request(partial(handle_request, engine), {"source": source} | head, pcm)
    assert len(pcm) == len(recording.pcm)
    assert not any(pcm)


def test_a_decode_process_overwrites_its_input_and_output(reading: bytes) -> None:
    parent_socket, child_socket = socket.socketpair()
    upload = bytearray(reading)
    with parent_socket, child_socket:
        reply = confined._handle_request(decoding.handle_request, {}, upload)
        assert any(reply.body)
        reading_all = Thread(target=parent_socket.makefile("rb").read)
        reading_all.start()
        confined._send(child_socket, reply)
        child_socket.close()
        reading_all.join()
    assert not any(upload)
    assert not any(reply.body)
