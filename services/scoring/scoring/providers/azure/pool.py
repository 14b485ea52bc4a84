"""Runs a limited number of concurrent recognitions, in threads of the Speech SDK."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from scoring.domain.metering import SendAttempt
from scoring.providers.azure.configuration import Connection, RecognitionRequest
from scoring.providers.azure.outcomes import Outcome
from scoring.providers.azure.recognition import Recognition

MAX_CLEANUP_SECONDS = 5.0
"""The SDK needs three seconds."""


class NoFreeSlot(Exception):
    """No slot became free before the deadline, or the pool is closed. The service was not called."""


class RecognitionPool:
    """A slot is free when the SDK has cleaned up. The caller gets the response earlier."""

    def __init__(self, connection: Connection, *, concurrency: int) -> None:
        self._connection = connection
        self._slots = asyncio.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="azure")
        self._running = set[Recognition]()
        self._is_closed = False

    @property
    def taken(self) -> int:
        return len(self._running)

    async def close(self) -> None:
        self._is_closed = True
        for recognition in self._running:
            recognition.stop()
        await asyncio.to_thread(self._threads.shutdown)

    async def recognize(
        self, request: RecognitionRequest, pcm: memoryview, *, deadline: float, send_attempt: SendAttempt
    ) -> Outcome:
        """Recognise in the next free slot, until a deadline by the event loop's clock.

        Raises NoFreeSlot, or TimeoutError if the service takes too long. When cancelled, it waits until its
        slot is free.
        """
        send_attempt.is_sent = False
        await self._acquire_slot(deadline)
        response: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        recognition, freed = self._start(request, pcm, response)
        send_attempt.slot_freed = freed
        try:
            async with asyncio.timeout_at(deadline):
                return await response
        except asyncio.CancelledError:
            recognition.stop()
            # The learner's share must not be released earlier: otherwise one learner whose clients disconnect
            # could take all slots.
            await asyncio.wait([freed], timeout=MAX_CLEANUP_SECONDS)
            raise
        finally:
            # An outage without a connection must not consume a budget.
            send_attempt.is_sent = recognition.is_sent
            recognition.stop()

    async def _acquire_slot(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise NoFreeSlot from None
        if self._is_closed:
            self._slots.release()
            raise NoFreeSlot

    def _start(
        self, request: RecognitionRequest, pcm: memoryview, response: asyncio.Future[Outcome]
    ) -> tuple[Recognition, asyncio.Future[None]]:
        """Return a recognition, and a future that is done when its slot is free."""
        loop = asyncio.get_running_loop()
        recognition = Recognition(self._connection, request, pcm)
        self._running.add(recognition)

        def deliver(outcome: Outcome) -> None:
            loop.call_soon_threadsafe(_deliver, response, outcome)

        freed = asyncio.wrap_future(self._threads.submit(recognition.run, deliver))
        freed.add_done_callback(lambda _: self._release_slot(recognition))
        return recognition, freed

    def _release_slot(self, recognition: Recognition) -> None:
        self._running.discard(recognition)
        self._slots.release()


def _deliver(response: asyncio.Future[Outcome], outcome: Outcome) -> None:
    # The caller may have been cancelled.
    if not response.done():
        response.set_result(outcome)
