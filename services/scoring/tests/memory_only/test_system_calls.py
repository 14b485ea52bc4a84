"""No system call of the API, its workers or their libraries writes data to a file."""

import compileall
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from scoring.settings import ApiSettings
from shared.testing import TokenFor
from tests.api_process import COMMAND, Output, build_environment, wait_until_ready
from tests.azure_double import KEY, AzureDouble
from tests.azure_double import situations as azure_double
from tests.azure_double.scripts import scores
from tests.situations import (
    OFFLINE_SITUATIONS,
    SITUATIONS,
    Api,
    Recordings,
    run_situation,
)
from tests.system_calls import Tracer, trace

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")]

AZURE_SITUATIONS = (
    *("success", "throttled_once", "http_401", "http_429", "http_503", "close_1011", "phrase_BadRequest"),
    *("not_json", "no_nbest", "cut_mid_stream", "no_reply", "no_turn_end", "handshake_never_answered"),
)
KINDS = ("wav", "mp3", "m4a", "aac", "ogg", "flac", "webm")
PLANT = """
import sys
from scoring.audio.buffer import AudioBufferManager
from shared.cli import main

def wipe(buffer, usual=AudioBufferManager.wipe):
    with open(sys.argv[-1], "ab") as file:
        file.write(buffer.view())
    usual(buffer)

AudioBufferManager.wipe = wipe
main("scoring")
"""


@pytest.fixture(scope="module", autouse=True)
def find_compiled() -> None:
    """Compile the bytecode beforehand, like the build of the image."""
    for package in ("scoring", "shared", "contracts"):
        spec = find_spec(package)
        assert spec
        assert spec.submodule_search_locations
        compileall.compile_dir(spec.submodule_search_locations[0], quiet=2)


@dataclass
class Followed:
    """An API whose system calls and printed lines are all recorded."""

    api: Api
    tracer: Tracer
    output: Output

    def ensure_nothing_was_kept(self, *, programs: set[str]) -> None:
        trace, printed = self.tracer.read(), self.output.read()
        figures = dict(trace.calls.most_common(8))
        print(f"{len(trace.processes)} threads of {sorted(trace.programs)}: {figures}")  # noqa: T201 - figures
        assert trace.findings == []
        assert trace.programs <= programs
        assert self.api.process.pid in trace.processes
        assert printed.count(b"\n") > len(SITUATIONS)
        for secret in (self.api.recordings.canary, self.api.recordings.word.encode(), b"train leaves"):
            assert secret not in printed


type Follow = Callable[..., AbstractContextManager[Followed]]


@pytest.fixture
def follow(settings: ApiSettings, token_for: TokenFor, recordings: Recordings, tmp_path: Path) -> Follow:
    """Runs an API under strace: `with follow(SPEECH_PROVIDER="azure", …) as followed`."""

    @contextmanager
    def start(command: tuple[str | Path, ...] = COMMAND, **variables: str) -> Iterator[Followed]:
        environment = build_environment(settings, **variables)
        url = f"http://127.0.0.1:{environment['PORT']}"
        with trace(command, folder=tmp_path, environment=environment) as tracer:
            output = Output(tracer.strace)
            wait_until_ready(tracer.strace, url)
            yield Followed(Api(url, token_for(uuid4()), tracer.program, recordings), tracer, output)

    return start


async def test_no_recording_is_written_to_a_file_in_any_outcome(
    follow: Follow, encode: Callable[..., bytes], voice: NDArray[np.float32]
) -> None:
    with follow(SCORING_TIMEOUT_SECONDS="8") as followed:
        api = followed.api
        for situation in SITUATIONS:
            await run_situation(situation, api)
        for kind in KINDS:
            scored = await api.score(encode(voice, kind))
            assert scored.status_code == 200, scored.text
        workers = [worker.pid for worker in api.list_workers()]
        # 0 is a limit that was inherited and cannot be raised.
        limits = {process.rlimit(psutil.RLIMIT_CORE) for process in (api.process, *api.list_workers())}
        assert limits <= {(1, 1), (0, 0)}
    followed.ensure_nothing_was_kept(programs={"python"})
    assert set(workers) <= followed.tracer.read().processes


async def test_the_speech_sdk_opens_no_file(
    follow: Follow, encode: Callable[..., bytes], voice: NDArray[np.float32]
) -> None:
    async with AzureDouble().listen() as azure:
        variables = {"SPEECH_PROVIDER": "azure", "AZURE_SPEECH_KEY": KEY, "AZURE_TIMEOUT_SECONDS": "3"}
        with follow(**variables, AZURE_SPEECH_ENDPOINT=azure.url) as followed:
            for situation in SITUATIONS.keys() - OFFLINE_SITUATIONS:
                await run_situation(situation, followed.api)
            for name in AZURE_SITUATIONS:
                azure.play(*azure_double.SITUATIONS[name])
                response = await followed.api.score(followed.api.recordings.reading)
                assert response.status_code in {200, 422, 503, 504}, (name, response.text)
                # What follows is phrase by phrase. A success keeps the breaker closed.
                azure.play(scores())
                assert (await followed.api.score(encode(np.tile(voice, 18), "flac"))).status_code == 200
                assert azure.turns[-1].audio_bytes > 44 * 32_000
    followed.ensure_nothing_was_kept(programs={"python"})


async def test_a_simulated_leak_of_the_api_is_detected(follow: Follow, tmp_path: Path) -> None:
    leak = tmp_path / "leak"
    with follow((sys.executable, "-c", PLANT, "api", leak)) as followed:
        response = await followed.api.score(followed.api.recordings.no_audio)
        assert response.status_code == 400
    assert followed.api.recordings.canary in leak.read_bytes()
    findings = followed.tracer.read().findings
    assert {finding.split()[1].partition("(")[0] for finding in findings} == {"openat", "write"}
    assert all(str(leak) in finding for finding in findings)
