"""Requests at a steady rate, timed from their scheduled start."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

PER_SECOND = 20


class Request(NamedTuple):
    """A request to send repeatedly."""

    method: str
    path: str
    body: dict[str, str] | None = None


type Seconds = dict[str, list[float]]
"""Latencies by the name of the request."""


@asynccontextmanager
async def send_requests(client: httpx.AsyncClient, requests: Mapping[str, Request]) -> AsyncIterator[Seconds]:
    """Send the requests while the block runs. Raises AssertionError on any status but 200."""
    seconds: Seconds = {name: [] for name in requests}
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_send(client, request, seconds[name])) for name, request in requests.items()
        ]
        yield seconds
        for task in tasks:
            task.cancel()


async def _send(client: httpx.AsyncClient, request: Request, seconds: list[float]) -> None:
    due = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while True:
            # In a separate task, so that a slow request does not delay the next.
            group.create_task(_time(client, request, seconds, due))
            due += 1 / PER_SECOND
            await asyncio.sleep(due - time.perf_counter())


async def _time(client: httpx.AsyncClient, request: Request, seconds: list[float], due: float) -> None:
    response = await client.request(request.method, request.path, json=request.body)
    assert response.status_code == 200, response.text
    seconds.append(time.perf_counter() - due)


def compute_p99(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000
