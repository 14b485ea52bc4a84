"""No system call of the API, its workers or their libraries brings anything to a file."""

import compileall
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from scoring.settings import ApiSettings
from shared.testing import TokenFor
from tests.api_process import COMMAND, Output, environment, wait_until_ready
from tests.situations import SITUATIONS, Api, Recordings, go_through
from tests.system_calls import Trace, Tracer, traced

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")

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


@pytest.fixture(scope="module")
def recordings(voice: NDArray[np.float32]) -> Recordings:
    return Recordings(voice, "The train leaves at seven in the morning.")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Write the bytecode of this clone before, as an image does when it is built."""
    for package in ("scoring", "shared", "contracts"):
        found = find_spec(package)
        assert found
        assert found.submodule_search_locations
        compileall.compile_dir(found.submodule_search_locations[0], quiet=2)


@contextmanager
def traced_api(
    variables: dict[str, str], folder: Path, *, command: tuple[str | Path, ...] = COMMAND
) -> Iterator[tuple[Tracer, Output]]:
    with traced(command, folder=folder, environment=variables) as tracer:
        output = Output(tracer.strace)
        wait_until_ready(tracer.strace, f"http://127.0.0.1:{variables['PORT']}")
        yield tracer, output


async def test_no_recording_reaches_a_file_whatever_happens_to_it(
    settings: ApiSettings,
    token_for: TokenFor,
    recordings: Recordings,
    encode: Callable[..., bytes],
    voice: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    variables = environment(settings, SCORING_TIMEOUT_SECONDS="8")
    with traced_api(variables, tmp_path) as (tracer, output):
        url = f"http://127.0.0.1:{variables['PORT']}"
        api = Api(url, token_for(uuid4()), tracer.program, recordings)
        for situation in SITUATIONS:
            await go_through(situation, api)
        for kind in KINDS:
            scored = await api.score(encode(voice, kind))
            assert scored.status_code == 200, scored.text
        processes = [api.process, *api.workers()]
        # 0 is a limit that was inherited and cannot be raised.
        assert {process.rlimit(psutil.RLIMIT_CORE) for process in processes} <= {(1, 1), (0, 0)}
    trace = tracer.read()
    show(trace)
    assert trace.findings == []
    assert {process.pid for process in processes} <= trace.processes
    assert trace.programs <= {"python", "espeak-ng"}
    printed = output.read()
    assert printed.count(b"\n") > len(SITUATIONS)
    assert recordings.canary not in printed
    assert recordings.word.encode() not in printed
    assert b"train leaves" not in printed


def show(trace: Trace) -> None:
    print(f"{len(trace.processes)} threads of {sorted(trace.programs)}: {dict(trace.calls.most_common(8))}")  # noqa: T201 - figures


async def test_a_planted_leak_of_the_api_is_found(
    settings: ApiSettings, token_for: TokenFor, recordings: Recordings, tmp_path: Path
) -> None:
    variables = environment(settings)
    leak = tmp_path / "leak"
    command = (sys.executable, "-c", PLANT, "api", leak)
    with traced_api(variables, tmp_path, command=command) as (tracer, _):
        url = f"http://127.0.0.1:{variables['PORT']}"
        api = Api(url, token_for(uuid4()), tracer.program, recordings)
        assert (await api.score(recordings.no_audio)).status_code == 400
    assert recordings.canary in leak.read_bytes()
    findings = tracer.read().findings
    assert {finding.split()[1].partition("(")[0] for finding in findings} == {"openat", "write"}
    assert all(str(leak) in finding for finding in findings)
