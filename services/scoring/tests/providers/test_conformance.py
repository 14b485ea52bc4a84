"""Behaviour that all providers share. Azure's runs against the double."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any, get_args
from uuid import uuid4

import pytest
from contracts.receipt import MAX_SCORER_LENGTH
from pydantic import SecretStr
from scoring.audio.recording import Recording
from scoring.domain.languages import find_language
from scoring.domain.scores import ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import (
    NotAssessable,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechProcessingError,
)
from scoring.providers import SpeechProvider, create_provider
from scoring.providers.chain import ProviderChain
from scoring.schemas.scores import ScoreRead
from scoring.settings import ApiSettings
from scoring.text.words import to_spoken_words
from scoring.types import MAX_AUDIO_SECONDS, ErrorType, PhonemeAlphabet
from shared.audio.measurement import SAMPLE_RATE
from tests.azure_double import KEY, AzureDouble
from tests.azure_double.scripts import refuses, scores

TEXT = "The train leaves at seven in the morning."
WORDS = to_spoken_words(TEXT)
NAMES = ("offline", "azure")
READING_SCORES = {"offline-2": 93.5, "azure-v2": 88.4}
"""Overall scores of `reading`. A provider that scores it otherwise has another scorer, and an entry here."""

type CreateChain = Callable[..., ProviderChain]
type Create = Callable[..., SpeechProvider]


@pytest.fixture(scope="module")
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble(keeps_audio=False).listen() as double:
        yield double


@pytest.fixture(autouse=True)
def _service_says_what_was_read(double: AzureDouble) -> None:
    """Azure's double cannot recognise speech: it gets the words of `reading`."""
    double.play(scores(transcript=TEXT))


@pytest.fixture(scope="module", params=NAMES)
def create_chain(request: pytest.FixtureRequest, settings: ApiSettings, double: AzureDouble) -> CreateChain:
    """Make the provider under test and its queue, with different settings."""
    azure = {"azure_speech_key": SecretStr(KEY), "azure_speech_endpoint": double.url}
    defaults = {"speech_provider": (request.param,), **azure}
    return lambda **recording_copy: create_provider(
        settings.model_copy(update={**defaults, **recording_copy})
    )


@pytest.fixture(scope="module")
def create(create_chain: CreateChain) -> Create:
    return lambda **recording_copy: create_chain(**recording_copy).providers[0]


@pytest.fixture(scope="module")
async def provider(create: Create) -> AsyncIterator[SpeechProvider]:
    async with start(create()) as provider:
        yield provider


@asynccontextmanager
async def start[P: SpeechProvider | ProviderChain](provider: P) -> AsyncIterator[P]:
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


def copy_recording(recording: Recording) -> tuple[bytearray, Recording]:
    """Copy a recording to separate memory."""
    samples = bytearray(recording.pcm)
    return samples, replace(recording, pcm=memoryview(samples))


def repeat(recording: Recording, times: int) -> Recording:
    return Recording(
        memoryview(bytes(recording.pcm) * times),
        replace(recording.source, duration_ms=recording.source.duration_ms * times),
    )


async def assess(provider: SpeechProvider, recording: Recording, text: str = TEXT) -> ScoringResult:
    return await provider.assess(recording, text=text, language="en-US")


async def find_outcome(
    provider: SpeechProvider, recording: Recording, text: str = TEXT
) -> ScoringResult | BaseException:
    [outcome] = await asyncio.gather(assess(provider, recording, text), return_exceptions=True)
    return outcome


def list_scores(result: ScoringResult) -> list[float]:
    overall = [value for name, value in asdict(result).items() if name.endswith("_score")]
    words = [word.score for word in result.words]
    phonemes = [phoneme.score for word in result.words for phoneme in word.phonemes]
    return [score for score in (*overall, *words, *phonemes) if score is not None]


def list_reference_words(result: ScoringResult) -> tuple[str, ...]:
    return tuple(word.word for word in result.words if word.error_type != "insertion")


async def test_its_capabilities_are_complete(provider: SpeechProvider) -> None:
    capabilities = provider.capabilities
    assert capabilities.provider in NAMES
    assert capabilities.scorer in READING_SCORES
    assert len(capabilities.scorer) <= MAX_SCORER_LENGTH
    assert find_language("en", capabilities.languages) == "en-US"
    assert capabilities.phoneme_alphabet in get_args(PhonemeAlphabet.__value__)
    assert capabilities.max_seconds == MAX_AUDIO_SECONDS


async def test_a_provider_is_ready_after_it_has_scored(
    provider: SpeechProvider, recording: Recording
) -> None:
    await assess(provider, recording)
    await provider.ping()


async def test_a_correct_reading_has_all_scores(provider: SpeechProvider, recording: Recording) -> None:
    result = await assess(provider, recording)
    assert result.pronunciation_score is not None
    assert result.pronunciation_score > 60
    assert (result.completeness_score, result.recognized_text) == (100, " ".join(WORDS))
    assert None not in (result.accuracy_score, result.fluency_score)
    assert (result.prosody_score is not None) == provider.capabilities.prosody
    assert result.audio == recording.source


async def test_a_result_names_its_scorer(provider: SpeechProvider, recording: Recording) -> None:
    result = await assess(provider, recording)
    assert (result.provider, result.scorer) == (provider.capabilities.provider, provider.capabilities.scorer)
    # Rounding may differ from one processor to another.
    assert result.pronunciation_score == pytest.approx(READING_SCORES[result.scorer], abs=0.2)


async def test_scores_are_numbers_from_0_to_100(provider: SpeechProvider, recording: Recording) -> None:
    scores = list_scores(await assess(provider, recording, f"{TEXT} Or later."))
    assert len(scores) > 20
    assert all(type(score) is float and math.isfinite(score) and 0 <= score <= 100 for score in scores)


async def test_a_result_fits_the_response(provider: SpeechProvider, recording: Recording) -> None:
    fields = asdict(await assess(provider, recording))
    words = fields.pop("words")
    ScoreRead.model_validate({**fields, "word_scores": words, "phoneme_alphabet": "ipa", "receipt": None})


async def test_words_are_those_of_the_text_in_order(provider: SpeechProvider, recording: Recording) -> None:
    result = await assess(provider, recording)
    assert list_reference_words(result) == WORDS
    assert {word.error_type for word in result.words} <= set(get_args(ErrorType.__value__))


async def test_words_and_phonemes_lie_in_order_inside_the_recording(
    provider: SpeechProvider, recording: Recording
) -> None:
    result = await assess(provider, recording)
    end = 0
    for word in result.words:
        assert word.offset_ms is not None
        assert word.duration_ms is not None
        assert word.offset_ms >= end - 1
        end = word.offset_ms + word.duration_ms
        for phoneme in word.phonemes:
            assert (
                word.offset_ms - 1 <= phoneme.offset_ms <= phoneme.offset_ms + phoneme.duration_ms <= end + 1
            )
    assert end <= recording.source.duration_ms + 1
    assert any(word.phonemes for word in result.words)


async def test_an_omission_has_no_score_and_no_position(
    provider: SpeechProvider, recording: Recording
) -> None:
    result = await assess(provider, recording, "The train always leaves at seven in the morning.")
    [omitted] = [word for word in result.words if word.error_type == "omission"]
    assert (omitted.word, omitted.score) == ("always", None)
    assert (omitted.offset_ms, omitted.duration_ms, omitted.phonemes) == (None, None, ())
    assert result.completeness_score is not None
    assert 80 < result.completeness_score < 100
    assert result.recognized_text == " ".join(WORDS)


async def test_a_reading_of_another_text_gets_few_points_or_none(
    provider: SpeechProvider, recording: Recording
) -> None:
    outcome = await find_outcome(provider, recording, "Could you tell me where museums are?")
    if isinstance(outcome, NotAssessable):
        assert outcome.extra["reason"] == "other_text"
    else:
        assert isinstance(outcome, ScoringResult)
        assert outcome.pronunciation_score is None or outcome.pronunciation_score < 40


@pytest.mark.parametrize(
    "text",
    [
        "The train leaves at 7 in the morning",
        "THE TRAIN LEAVES AT SEVEN IN THE MORNING!!!",
        "“The train” — leaves, at seven… in the morning?",
        "\tThe train\nleaves at seven in the\N{NO-BREAK SPACE}morning. 🚆",
        'The "train" \\ leaves {at} <seven> & in the morning',
    ],
)
async def test_a_written_text_is_scored_as_its_spoken_words(
    provider: SpeechProvider, recording: Recording, double: AzureDouble, text: str
) -> None:
    double.play(scores(transcript=" ".join(to_spoken_words(text))))
    assert list_reference_words(await assess(provider, recording, text)) == to_spoken_words(text)


async def test_a_long_recording_is_scored_to_its_end(
    provider: SpeechProvider, recording: Recording, double: AzureDouble
) -> None:
    times = int(45 // recording.seconds)
    double.play(scores(transcript=TEXT * times, phrases=3))
    result = await assess(provider, repeat(recording, times), TEXT * times)
    assert list_reference_words(result) == WORDS * times
    assert result.completeness_score is not None
    assert result.completeness_score > 90
    last = max(word.offset_ms or 0 for word in result.words)
    assert last > (times - 1) * recording.source.duration_ms


async def test_the_same_recording_has_the_same_scores(provider: SpeechProvider, recording: Recording) -> None:
    first = await assess(provider, recording)
    assert await asyncio.gather(*(assess(provider, recording) for _ in range(4))) == [first] * 4


async def test_a_provider_neither_changes_nor_keeps_the_recording(
    provider: SpeechProvider, recording: Recording
) -> None:
    samples, recording_copy = copy_recording(recording)
    await assess(provider, recording_copy)
    assert samples == recording.pcm
    recording_copy.pcm.release()
    samples.clear()  # A BufferError here would mean that something still reads it.


async def test_a_cancelled_request_releases_its_place(create: Create, recording: Recording) -> None:
    async with start(create(scoring_workers=1, azure_concurrency=1)) as provider:
        first = await assess(provider, recording)
        for _ in range(3):
            samples, recording_copy = copy_recording(recording)
            task = asyncio.create_task(assess(provider, recording_copy))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            recording_copy.pcm.release()
            samples.clear()
        assert await assess(provider, recording) == first


async def test_a_provider_reports_a_timeout(
    create: Create, recording: Recording, double: AzureDouble
) -> None:
    double.play(scores(delay_seconds=2))
    async with start(create(scoring_timeout_seconds=0.02, azure_timeout_seconds=0.5)) as provider:
        with pytest.raises(ProviderTimeout) as excinfo:
            await assess(provider, recording)
    assert (excinfo.value.status, excinfo.value.code) == (504, "provider_timeout")
    assert excinfo.value.retryable


async def test_a_provider_reports_a_full_queue(
    create_chain: CreateChain, recording: Recording, double: AzureDouble
) -> None:
    double.play(refuses(429))
    few: dict[str, Any] = {"scoring_workers": 1, "azure_concurrency": 1, "scoring_queue_size": 0}
    async with start(create_chain(**few, azure_timeout_seconds=1)) as chain:
        tickets = [Ticket(uuid4(), asyncio.get_running_loop().time() + 10) for _ in range(5)]
        requests = (chain.assess(recording, ticket=ticket, text=TEXT, language="en-US") for ticket in tickets)
        responses = await asyncio.gather(*requests, return_exceptions=True)
    refusals = [response for response in responses if isinstance(response, BaseException)]
    assert len(refusals) >= 4
    for refusal in refusals:
        assert isinstance(refusal, ProviderUnavailable)
        assert (refusal.status, refusal.code) == (503, "provider_unavailable")
        assert refusal.retryable
        assert int(refusal.headers["Retry-After"]) >= 1


async def test_errors_contain_neither_text_nor_provider(
    create: Create, recording: Recording, double: AzureDouble
) -> None:
    double.play(refuses(500))
    async with start(create(scoring_timeout_seconds=0.02, azure_timeout_seconds=1)) as provider:
        with pytest.raises(SpeechProcessingError) as excinfo:
            await assess(provider, recording)
    message = f"{excinfo.value.detail} {excinfo.value.extra}".lower()
    assert not [word for word in (*WORDS[1:3], "azure", "offline", "127.0.0.1", KEY) if word in message]


async def test_silence_gets_no_score(provider: SpeechProvider, recording: Recording) -> None:
    silent = replace(recording, pcm=memoryview(bytes(3 * SAMPLE_RATE * 2)))
    outcome = await find_outcome(provider, silent)
    if isinstance(outcome, NotAssessable):
        assert outcome.extra["reason"] == "no_speech"
    else:
        assert isinstance(outcome, ScoringResult)
        assert outcome.pronunciation_score is None or outcome.pronunciation_score < 40


async def test_a_provider_can_be_closed_while_it_scores(create: Create, recording: Recording) -> None:
    provider = create(scoring_timeout_seconds=2)
    await provider.start()
    running = asyncio.create_task(find_outcome(provider, recording))
    await asyncio.sleep(0.05)
    await provider.close()
    async with asyncio.timeout(5):
        outcome = await running
    assert isinstance(outcome, ScoringResult | SpeechProcessingError)
