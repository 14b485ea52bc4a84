"""The provider with the real SDK, against the double of the service."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from scoring.audio.recording import Recording
from scoring.domain.metering import skip_metering
from scoring.errors import (
    AuthenticationFailed,
    InvalidProviderResponse,
    NotAssessable,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from scoring.providers.azure.provider import AzureProvider
from scoring.providers.azure.results import SCORER
from scoring.providers.azure.service_breaker import ServiceBreaker
from structlog.testing import capture_logs
from tests.azure_double import AzureDouble
from tests.azure_double.scripts import Script, refuses, scores
from tests.azure_double.situations import SITUATIONS
from tests.azure_provider import Provide
from tests.waiting import wait_until

TEXT = "The train leaves at 7 in the morning."
SPOKEN = "the train leaves at seven in the morning"


def is_shown_open() -> bool:
    return REGISTRY.get_sample_value("provider_breaker_open", {"provider": "azure"}) == 1


async def assess(provider: AzureProvider, recording: Recording, *, language: str = "en-US") -> str:
    return (await provider.assess(recording, text=TEXT, language=language)).recognized_text


async def assess_for(learner_id: UUID, provider: AzureProvider, recording: Recording) -> str:
    call = provider.assess_metered(
        recording, text=TEXT, language="en-US", learner_id=learner_id, meter=skip_metering
    )
    return (await call).recognized_text


async def test_a_reading_is_scored(double: AzureDouble, provide: Provide, recording: Recording) -> None:
    double.play(scores(weak={"train"}))
    async with provide() as provider:
        result = await provider.assess(recording, text=TEXT, language="en-US")
    assert result.recognized_text == SPOKEN
    assert [word.word for word in result.words] == SPOKEN.split()
    assert [word.word for word in result.words if word.error_type == "mispronunciation"] == ["train"]
    assert result.words[0].phonemes
    assert result.prosody_score is not None
    assert result.audio == recording.source


async def test_the_scorer_names_the_version_of_the_interface(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    async with provide() as provider:
        result = await provider.assess(recording, text=TEXT, language="en-US")
    (connection,) = double.connections
    assert result.scorer == SCORER == f"azure-{connection.path.rpartition('/')[2]}"


async def test_the_samples_arrive_once_and_whole(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    async with provide() as provider:
        await assess(provider, recording)
    (connection,) = double.connections
    (turn,) = connection.turns
    assert turn.audio == recording.pcm
    assert "telemetry" not in connection.messages
    assert list(turn.request.reference_words) == SPOKEN.split()


async def test_recordings_over_30_s_are_compared_with_the_text_by_the_provider(
    double: AzureDouble, provide: Provide, long_recording: Recording
) -> None:
    double.play(scores(transcript="The ferry leaves at seven in the morning.", phrases=3))
    async with provide() as provider:
        result = await provider.assess(long_recording, text=TEXT, language="en-US")
    assert bytes(double.turns[0].audio) == bytes(long_recording.pcm)
    assert double.connected == 1
    words = {word.word: word.error_type for word in result.words if word.error_type != "none"}
    assert words == {"ferry": "insertion", "train": "omission"}
    assert result.completeness_score == 87.5


async def test_only_american_english_has_prosody(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    async with provide() as provider:
        result = await provider.assess(recording, text=TEXT, language="en-GB")
    assert result.prosody_score is None
    assert double.turns[0].request.language == "en-GB"


async def test_a_busy_service_is_called_again(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(refuses(429), refuses(503), scores())
    started = time.perf_counter()
    async with provide() as provider:
        assert await assess(provider, recording) == SPOKEN
    assert double.connected == 3
    assert time.perf_counter() - started >= 0.6


async def test_after_three_attempts_the_failure_is_reported(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(refuses(429))
    async with provide() as provider:
        with pytest.raises(ProviderThrottled):
            await assess(provider, recording)
    assert double.connected == 3


@pytest.mark.parametrize(
    ("situation", "error_type"),
    [
        ("http_401", AuthenticationFailed),
        ("no_nbest", InvalidProviderResponse),
        ("not_json", InvalidProviderResponse),
    ],
)
async def test_permanent_failures_are_not_retried(
    situation: str,
    error_type: type[Exception],
    double: AzureDouble,
    provide: Provide,
    recording: Recording,
) -> None:
    double.play(*SITUATIONS[situation])
    async with provide() as provider:
        with pytest.raises(error_type):
            await assess(provider, recording)
    assert double.connected == 1


@pytest.mark.timed
@pytest.mark.parametrize("situation", ["no_reply", "no_turn_start", "handshake_never_answered", "slow"])
async def test_the_caller_is_answered_at_the_deadline_and_the_slot_freed_later(
    situation: str, double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS[situation], scores())
    async with provide(concurrency=1, timeout_seconds=1.5) as provider:
        started = time.perf_counter()
        # The second one waits for the slot until its deadline, without a request to the service.
        first, second = await asyncio.gather(
            *(assess(provider, recording) for _ in range(2)), return_exceptions=True
        )
        assert time.perf_counter() - started == pytest.approx(1.5, abs=0.4)
        assert [type(first), type(second)] == [ProviderTimeout, ProviderUnavailable]
        assert provider.slots_taken == 1
        assert double.connected == 1
        await wait_for_slots(provider)
        assert await assess(provider, recording) == SPOKEN


async def wait_for_slots(provider: AzureProvider) -> None:
    await wait_until(lambda: provider.slots_taken == 0)


@pytest.mark.timed
@pytest.mark.parametrize("is_long", [False, True])
async def test_a_cancelled_request_ends_when_its_slot_is_free(
    is_long: bool, double: AzureDouble, provide: Provide, recording: Recording, long_recording: Recording
) -> None:
    double.play(Script(), scores())
    async with provide(concurrency=1) as provider:
        task = asyncio.create_task(assess(provider, long_recording if is_long else recording))
        await wait_until(lambda: double.turns)
        started = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert provider.slots_taken == 0
        # The SDK takes up to three seconds.
        assert time.perf_counter() - started < 4
        assert await assess(provider, recording) == SPOKEN
        await wait_for_slots(provider)
    assert double.open_connections == 0


async def test_a_waiting_request_that_is_cancelled_takes_no_slot(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(scores(delay_seconds=0.5))
    async with provide(concurrency=1) as provider:
        first, second = (asyncio.create_task(assess(provider, recording)) for _ in range(2))
        await wait_until(lambda: double.connected)
        second.cancel()
        assert await first == SPOKEN
        assert await assess(provider, recording) == SPOKEN
    assert double.connected == 2


async def test_no_more_recognitions_run_than_there_are_slots(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    # Longer than the half second by which the SDK begins some recognitions late.
    double.play(scores(delay_seconds=1))
    most = 0
    async with provide(concurrency=3) as provider:
        tasks = [asyncio.create_task(assess(provider, recording)) for _ in range(9)]
        while not all(task.done() for task in tasks):
            most = max(most, double.in_work)
            await asyncio.sleep(0.01)
        assert {task.result() for task in tasks} == {SPOKEN}
    assert most == 3
    assert double.connected == 9


async def test_the_event_loop_runs_while_the_sdk_blocks(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    """The SDK blocks for seconds when it drops a recognition without an answer."""
    double.play(Script())
    longest, before = 0.0, time.perf_counter()
    async with provide(timeout_seconds=1) as provider:
        task = asyncio.create_task(assess(provider, recording))
        while provider.slots_taken or not task.done():
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        with pytest.raises(ProviderTimeout):
            await task
    assert longest < 0.5


async def test_closing_ends_running_recognitions(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(Script())
    async with provide(timeout_seconds=30) as provider:
        task = asyncio.create_task(assess(provider, recording))
        await wait_until(lambda: double.turns)
    with pytest.raises(ProviderUnavailable):
        await task


async def test_repeated_failures_open_the_breaker(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(refuses(401), refuses(401), scores())
    now = [0.0]
    breaker = ServiceBreaker(lambda: now[0], max_failures=2, reset_seconds=10)
    async with provide(breaker=breaker) as provider:
        await provider.ping()
        assert not is_shown_open()
        for _ in range(2):
            with pytest.raises(AuthenticationFailed):
                await assess(provider, recording)
        assert is_shown_open()
        with pytest.raises(ProviderUnavailable):
            await provider.ping()
        with pytest.raises(ProviderUnavailable) as caught:
            await assess(provider, recording)
        assert caught.value.headers["Retry-After"] == "10"
        assert double.connected == 2
        now[0] = 10.0
        # Unready processes get no requests, and would never find out that the service works again.
        await provider.ping()
        assert await assess(provider, recording) == SPOKEN
        assert breaker.state == "closed"
        assert not is_shown_open()


async def test_one_learners_failing_recordings_do_not_open_the_breaker_for_others(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    failing, other = uuid4(), uuid4()
    double.play(*[*SITUATIONS["no_nbest"]] * 5, scores())
    async with provide() as provider:
        for _ in range(5):
            with pytest.raises(InvalidProviderResponse):
                await assess_for(failing, provider, recording)
        with pytest.raises(ProviderUnavailable, match="repeatedly"):
            await assess_for(failing, provider, recording)
        assert await assess_for(other, provider, recording) == SPOKEN
        await provider.ping()


async def test_failing_recordings_of_a_minority_do_not_open_the_breaker_for_others(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    failing, others = [uuid4() for _ in range(3)], [uuid4() for _ in range(4)]
    async with provide() as provider:
        await asyncio.gather(*(assess_for(other, provider, recording) for other in others))
        double.play(*SITUATIONS["no_nbest"])
        attacks = (assess_for(learner, provider, recording) for learner in failing * 4)
        failures = await asyncio.gather(*attacks, return_exceptions=True)
        assert {type(failure) for failure in failures} == {InvalidProviderResponse}
        double.play(scores())
        assert await assess_for(others[0], provider, recording) == SPOKEN
        # The recordings of most learners fail: the service is down.
        double.play(*SITUATIONS["no_nbest"])
        failing += [uuid4(), uuid4()]
        await asyncio.gather(
            *(assess_for(learner, provider, recording) for learner in failing), return_exceptions=True
        )
        with pytest.raises(ProviderUnavailable):
            await provider.ping()


@pytest.mark.parametrize("situation", ["phrase_NoMatch", "http_400"])
async def test_recordings_that_cannot_be_scored_do_not_open_the_breaker(
    situation: str, double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS[situation])
    breaker = ServiceBreaker(time.monotonic, max_failures=2)
    async with provide(breaker=breaker) as provider:
        for _ in range(3):
            with pytest.raises((NotAssessable, ProviderUnavailable)):
                await assess(provider, recording)
        await provider.ping()
    assert double.connected == 3


@pytest.mark.parametrize(
    ("situation", "event"),
    [
        ("http_403", "refused"),
        ("phrase_BadRequest", "refused"),
        ("not_json", "failed"),
        ("no_words", "failed"),
        ("cut_once", "failed"),
    ],
)
async def test_the_log_names_the_failure_and_nothing_of_the_learner(
    situation: str, event: str, double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS[situation])
    with capture_logs() as logs:
        async with provide() as provider:
            await asyncio.gather(assess(provider, recording), return_exceptions=True)
    (line, *_) = logs
    assert line["event"] == f"azure_recognition_{event}"
    assert line["session_id"] == double.connections[0].session_id
    for word in ("train", "morning", double.connections[0].key, double.url):
        assert word not in str(logs)
