"""A client of the application that can close its connection in the middle of a request."""

import asyncio

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message, Scope

SCORE = "/api/v1/speech/score"
LEAVES: Message = {"type": "http.disconnect"}


class LeavingClient:
    """Sends its messages, then waits until it disconnects."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.left = asyncio.Event()
        self.status: int | None = None
        """Status of the response."""

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self.left.wait()
        return LEAVES

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]

    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, self.receive)

    async def score(self, app: FastAPI, *, audio: bytes, text: str, token: str) -> None:
        """Request scores until they arrive or the client has disconnected."""
        files = {"audio": ("speech", audio), "reference_text": (None, text.encode())}
        form = httpx.Request("POST", f"http://test{SCORE}", files=files)
        self._messages.append({"type": "http.request", "body": form.read(), "more_body": False})
        headers = {**form.headers, "authorization": f"Bearer {token}"}
        scope: Scope = {
            **{"type": "http", "method": "POST", "scheme": "http", "path": SCORE, "raw_path": b""},
            **{"query_string": b"", "client": ("127.0.0.1", 1), "server": ("test", 80), "app": app},
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await app(scope, self.receive, self.send)
