"""No process has any part of a recording in memory after its request, regardless of the outcome."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

import psutil
import pytest
from scoring.audio.decoder import decode_samples, prepare_recording
from scoring.audio.resolution import ResolutionMeter
from scoring.settings import ApiSettings
from shared.testing import TokenFor
from tests.api_process import build_environment, run_api
from tests.azure_double import KEY, AzureDouble
from tests.azure_double import situations as azure_double
from tests.process_memory import cut_needles, find_in_memory, wait_until_gone
from tests.situations import (
    OFFLINE_SITUATIONS,
    SCORERS,
    SITUATIONS,
    Api,
    Recordings,
    run_situation,
)

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="/proc is for Linux")]

AZURE_SITUATIONS = (
    "success",
    "throttled_once",
    "http_401",
    "cut_mid_stream",
    "no_reply",
    "phrase_BadRequest",
)
MAX_SECONDS_AFTER_ANSWER = 10
"""The Speech SDK erases its copy up to three seconds after the response."""

type Run = Callable[..., AbstractContextManager[Api]]


@pytest.fixture
def run(settings: ApiSettings, token_for: TokenFor, recordings: Recordings) -> Run:
    """Runs an API: `with run(SPEECH_PROVIDER="azure", …) as api`."""

    @contextmanager
    def start(**variables: str) -> Iterator[Api]:
        environment = build_environment(settings, LOG_LEVEL="INFO", **variables)
        with run_api(environment) as process:
            yield Api(f"http://127.0.0.1:{environment['PORT']}", token_for(uuid4()), process, recordings)

    return start


@pytest.fixture(scope="module")
def needles(recordings: Recordings) -> list[bytes]:
    """The canary of the upload, and pieces of the data made from it: samples, levelled samples, PCM."""
    meter = ResolutionMeter()
    samples, source = decode_samples(memoryview(recordings.reading), meter)
    decoded = cut_needles(memoryview(samples).cast("B"))
    recording = prepare_recording(samples, source, resolution_noise_db=meter.noise_db)
    return [
        recordings.canary,
        *decoded,
        *cut_needles(memoryview(samples).cast("B")),
        *cut_needles(recording.pcm),
    ]


def ensure_forgotten(api: Api, needles: list[bytes], *, after: str) -> None:
    def list_processes() -> list[psutil.Process]:
        return [api.process, *api.list_workers()]

    matches = wait_until_gone(list_processes, needles, seconds=MAX_SECONDS_AFTER_ANSWER)
    assert matches == {}, after


async def test_a_recording_being_scored_is_found_in_memory(run: Run, needles: list[bytes]) -> None:
    with run() as api:
        api.signal_workers(SCORERS, signal.SIGSTOP)
        request = asyncio.create_task(api.score(api.recordings.reading))
        await asyncio.sleep(2)
        # Its PCM; the upload is overwritten as soon as it is decoded.
        assert len(find_in_memory(api.process, needles)) >= 2
        assert find_in_memory(api.process, [api.recordings.canary]) == []
        api.signal_workers(SCORERS, signal.SIGCONT)
        assert (await request).status_code == 200
        ensure_forgotten(api, needles, after="scoring")


async def test_a_recording_is_erased_from_memory(run: Run, needles: list[bytes]) -> None:
    with run(SCORING_TIMEOUT_SECONDS="8") as api:
        for situation in SITUATIONS:
            await run_situation(situation, api)
            ensure_forgotten(api, needles, after=situation.__name__)


async def test_a_recording_is_erased_from_memory_by_the_speech_sdk(run: Run, needles: list[bytes]) -> None:
    async with AzureDouble().listen() as azure:
        variables = {"SPEECH_PROVIDER": "azure", "AZURE_SPEECH_KEY": KEY, "AZURE_TIMEOUT_SECONDS": "3"}
        with run(**variables, AZURE_SPEECH_ENDPOINT=azure.url) as api:
            for situation in SITUATIONS.keys() - OFFLINE_SITUATIONS:
                await run_situation(situation, api)
                ensure_forgotten(api, needles, after=situation.__name__)
            for name in AZURE_SITUATIONS:
                azure.play(*azure_double.SITUATIONS[name])
                await api.score(api.recordings.reading)
                ensure_forgotten(api, needles, after=name)
