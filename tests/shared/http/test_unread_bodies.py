"""Clients that send before they read get the response to a refused body, and occupy little memory."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, FastAPI
from shared.errors import TooManyRequests
from shared.http.app import create_api
from shared.http.unread_bodies import MAX_DROPPED_BYTES, MAX_PER_CLIENT, UnreadBodies
from shared.security.current_user import CurrentUser
from shared.testing import TokenFor
from starlette.types import Message, Receive, Scope, Send

from tests.shared.http.demo import router

pytestmark = pytest.mark.timed

FORM = b"multipart/form-data; boundary=x"
PIECE = bytes(65_536)
forms = APIRouter()


@forms.post("/form", openapi_extra={"requestBody": {"content": {"multipart/form-data": {}}}})
async def take_form() -> None:
    """Take a form."""


@forms.post("/my-form")
async def refuse_form(_: CurrentUser) -> None:
    raise TooManyRequests("At most none a minute are allowed here.")


class Upload:
    """A request whose body arrives in pieces until it has its size, or without end."""

    def __init__(self, path: str, *, size: int | None = None, kind: bytes = FORM, token: str = "") -> None:
        self.sent, self.status = 0, 0
        self._size = size
        self.answered = asyncio.Event()
        headers = [(b"content-type", kind), (b"authorization", f"Bearer {token}".encode())]
        length = (b"transfer-encoding", b"chunked") if size is None else (b"content-length", b"%d" % size)
        self.scope: Scope = {
            **{"type": "http", "method": "POST", "scheme": "http", "path": path, "raw_path": b""},
            **{"query_string": b"", "client": ("192.0.2.1", 1), "server": ("test", 80)},
            "headers": [*headers, length],
        }

    async def receive(self) -> Message:
        await asyncio.sleep(0.001)
        self.sent += len(PIECE)
        has_more = self._size is None or self.sent < self._size
        return {"type": "http.request", "body": PIECE, "more_body": has_more}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answered.set()


@pytest.fixture
def app(settings: Any) -> FastAPI:
    return create_api(settings.model_copy(update={"max_form_bytes": 1 << 40}), router, forms, title="Test")


async def send(app: FastAPI, upload: Upload) -> Upload:
    await app(upload.scope, upload.receive, upload.send)
    return upload


async def test_a_refused_form_gets_its_response_when_it_has_arrived(app: FastAPI) -> None:
    upload = await send(app, Upload("/nothing", size=3_000_000))
    assert upload.status == 404
    assert upload.sent >= 3_000_000


async def test_a_slow_refused_form_gets_its_response_before_its_end(app: FastAPI) -> None:
    upload = await send(app, Upload("/nothing", size=MAX_DROPPED_BYTES + 1))
    assert (upload.status, upload.sent) == (404, 0)


async def test_a_refused_form_of_unknown_size_is_read_up_to_a_limit(app: FastAPI) -> None:
    upload = await send(app, Upload("/nothing"))
    assert upload.status == 404
    assert MAX_DROPPED_BYTES < upload.sent < MAX_DROPPED_BYTES + 2 * len(PIECE)


async def test_other_refused_bodies_get_an_immediate_response(app: FastAPI) -> None:
    upload = await send(app, Upload("/raw", size=3_000_000, kind=b"application/json"))
    assert (upload.status, upload.sent) == (413, 0)


@pytest.mark.parametrize("size", [3_000_000, None])
async def test_a_file_that_is_not_in_a_form_is_read_and_refused(size: int | None, app: FastAPI) -> None:
    upload = await send(app, Upload("/form", size=size, kind=b"audio/wav"))
    assert upload.status == 400
    assert upload.sent >= 3_000_000


class Slow(Upload):
    async def receive(self) -> Message:
        await asyncio.sleep(60)
        raise AssertionError("The body is no longer waited for.")


def build_refusing(user_id: UUID) -> UnreadBodies:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["user_id"] = user_id
        await send({"type": "http.response.start", "status": 429, "headers": []})
        await send({"type": "http.response.body"})

    return UnreadBodies(refuse, max_seconds=0.5)


async def test_a_user_can_send_few_refused_bodies_at_a_time_and_only_briefly() -> None:
    user = uuid4()
    middleware = build_refusing(user)
    uploads = [Slow("/form", size=1_000_000) for _ in range(10)]

    async def run(upload: Upload) -> None:
        await middleware({**upload.scope, "state": {}}, upload.receive, upload.send)

    tasks = [asyncio.create_task(run(upload)) for upload in uploads]
    await asyncio.sleep(0.1)
    assert sum(upload.answered.is_set() for upload in uploads) == len(uploads) - MAX_PER_CLIENT
    async with asyncio.timeout(2):
        await asyncio.gather(*tasks)
    assert {upload.status for upload in uploads} == {429}


async def test_users_behind_one_address_are_counted_separately(app: FastAPI, token_for: TokenFor) -> None:
    first, other = token_for(uuid4()), token_for(uuid4())
    holding = [
        asyncio.create_task(send(app, Slow("/my-form", size=1, token=first))) for _ in range(MAX_PER_CLIENT)
    ]
    await asyncio.sleep(0.2)
    refused = [await send(app, Upload("/my-form", size=len(PIECE), token=token)) for token in (first, other)]
    for task in holding:
        task.cancel()
    await asyncio.gather(*holding, return_exceptions=True)
    assert [(upload.status, upload.sent) for upload in refused] == [(429, 0), (429, len(PIECE))]
