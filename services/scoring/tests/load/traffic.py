"""Load on scoring, with a provider of a known speed or any other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from scoring.audio.recording import BYTES_PER_SAMPLE, Recording
from scoring.budget import SpeechBudget
from scoring.domain.budgets import Limits
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import ProviderUnavailable
from scoring.providers import Capabilities
from scoring.providers.chain import ProviderChain
from shared.audio.measurement import SAMPLE_RATE


class TimedProvider:
    """Takes a known share of a recording's length to score it."""

    capabilities = Capabilities("timed", "timed-1", ("en-US",), "ipa", prosody=False, max_seconds=60)
    loops = ()

    def __init__(self, *, concurrency: int, seconds_per_second: float) -> None:
        self.concurrency, self._speed = concurrency, seconds_per_second
        self.in_work, self.peak = 0, 0

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        self.in_work += 1
        self.peak = max(self.peak, self.in_work)
        try:
            await asyncio.sleep(recording.seconds * self._speed)
        finally:
            self.in_work -= 1
        return ScoringResult(
            text, 90, 90, 90, 100, None, (), recording.source, provider="timed", scorer="timed-1"
        )


@dataclass(frozen=True)
class RequestOutcome:
    """The outcome of a request, and its duration in seconds."""

    seconds: float
    refusal: ProviderUnavailable | None = None

    @property
    def is_scored(self) -> bool:
        return self.refusal is None


class Scoring:
    """A chain with one timed provider, and learners who send recordings to it."""

    def __init__(
        self,
        *,
        concurrency: int,
        seconds_per_second: float,
        timeout_seconds: float = 12.0,
        max_waiting: int = 32,
    ) -> None:
        provider = TimedProvider(concurrency=concurrency, seconds_per_second=seconds_per_second)
        self.provider, self.timeout_seconds = provider, timeout_seconds
        budget = SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 0))
        self._chain = ProviderChain([provider], budget, max_waiting=max_waiting)

    async def send_request(self, learner: UUID | None = None, *, seconds: float = 1.0) -> RequestOutcome:
        """Request the score of a recording of some seconds."""
        loop = asyncio.get_running_loop()
        started, refusal = loop.time(), None
        pcm = memoryview(bytes(int(seconds * SAMPLE_RATE) * BYTES_PER_SAMPLE))
        recording = Recording(pcm, AudioInfo(int(seconds * 1000), SAMPLE_RATE, "wav"))
        ticket = Ticket(learner or uuid4(), started + self.timeout_seconds)
        try:
            await self._chain.assess(recording, ticket=ticket, text="Thank you.", language="en-US")
        except ProviderUnavailable as error:
            refusal = error
        return RequestOutcome(loop.time() - started, refusal)


@dataclass(frozen=True)
class Load:
    """The outcomes under a load, and the scored ones per second."""

    answers: Sequence[RequestOutcome]
    goodput: float

    @property
    def refused(self) -> list[RequestOutcome]:
        return [response for response in self.answers if not response.is_scored]


type Record = Callable[[str, object], None]
"""Keeps a figure in the report of the tests."""
type SendRequest = Callable[[], Awaitable[RequestOutcome]]


async def keep_busy(send_request: SendRequest, *, clients: int, requests: int) -> Load:
    """Let each client send its next request after the response to the last one."""
    loop, responses = asyncio.get_running_loop(), list[RequestOutcome]()
    started = loop.time()

    async def ask_repeatedly() -> None:
        while len(responses) < requests:
            responses.append(await send_request())

    await asyncio.gather(*(ask_repeatedly() for _ in range(clients)))
    return Load(responses, sum(response.is_scored for response in responses) / (loop.time() - started))


async def send(send_request: SendRequest, *, per_second: float, seconds: float) -> Load:
    """Send requests at a constant rate, regardless of the responses."""
    loop = asyncio.get_running_loop()
    started, tasks = loop.time(), list[asyncio.Task[RequestOutcome]]()

    async def record_outcome() -> RequestOutcome:
        response = await send_request()
        if response.is_scored:
            scored_at.append(loop.time())
        return response

    scored_at = list[float]()
    while (elapsed := loop.time() - started) < seconds:
        tasks += [
            asyncio.ensure_future(record_outcome()) for _ in range(int(elapsed * per_second) - len(tasks))
        ]
        await asyncio.sleep(0.005)
    responses = await asyncio.gather(*tasks)
    # Work that is unfinished at the end would make a short run look better than it is.
    return Load(responses, sum(elapsed <= started + seconds for elapsed in scored_at) / seconds)
