import asyncio
import os
import signal

import httpx
from fastapi import FastAPI

TEXT = "The train leaves at seven in the morning."


async def post(client: httpx.AsyncClient, audio: bytes) -> httpx.Response:
    return await client.post(
        "/api/v1/speech/score", files={"audio": ("speech", audio)}, data={"reference_text": TEXT}
    )


async def test_killed_workers_make_the_api_unready_until_they_are_replaced(
    app: FastAPI, client: httpx.AsyncClient, reading: bytes
) -> None:
    workers = app.state.provider._workers
    while len(workers._alive) < 2:  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(0.01)
    assert (await client.get("/ready")).json()["checks"]["provider"] == "ok"
    dying = {worker.process for worker in workers._alive}
    for process in dying:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    assert (await client.get("/ready")).status_code == 503
    assert (await post(client, reading)).status_code == 200
    assert (await client.get("/ready")).json()["checks"]["provider"] == "ok"
