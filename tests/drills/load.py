"""Learners and editors who use the system continuously and count the responses."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bench.lean_client import Answer, Connection
from tests.importing import AUDIO, ENDED, IMPORT
from tests.journey import RECORDINGS, REFERENCE, Learner, build_session

LEARNERS = 10
PASSWORD = "Correct4Horse"
PAUSE_SECONDS = 0.4
"""Seconds between two rounds of a learner."""
GOOD = {200, 201, 202}
RESET = 0
"""The status of a request whose connection ended without a response."""
BOUNDARY = "a-boundary-of-a-form"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Site": "same-origin"}
PIECES = 8
"""Pieces in which a recording is uploaded, one in each third of a second."""


@dataclass
class Traffic:
    """The responses to clients so far, and the sessions that they have saved."""

    port: int
    is_responding: Counter[tuple[str, int]] = field(default_factory=Counter)
    results: int = 0
    """Results of the sessions that were saved."""
    imports: list[dict[str, Any]] = field(default_factory=list)
    slowest_seconds: float = 0.0
    stop_event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sessions(self) -> int:
        return self.is_responding["save", 201]

    async def count(self, _: None) -> int:
        return self.is_responding.total()

    def note(self, kind: str, status: int, text: str) -> bool:
        """Count a response, and return whether it is a good one."""
        self.is_responding[kind, status] += 1
        if status in GOOD:
            return True
        print(f"{datetime.now(UTC):%H:%M:%S.%f} {kind} {status} {text}")  # noqa: T201 - of a failure
        return False

    @property
    def failures(self) -> dict[tuple[str, int], int]:
        return {response: count for response, count in self.is_responding.items() if response[1] not in GOOD}


class Client:
    """A client that reuses its connection, as apps and browsers do."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic, self._connection = traffic, Connection(traffic.port)
        self._is_open = False

    async def send(
        self, kind: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer | None:
        """Send a request and count its response. Return None without one, or if it is a failure."""
        try:
            if not self._is_open:
                await self._connection.__aenter__()
                self._is_open = True
            response = await self._connection.request(method, path, body, **headers)
        except (OSError, EOFError) as error:
            await self.close()
            self.traffic.note(kind, RESET, repr(error))
            return None
        self.traffic.slowest_seconds = max(self.traffic.slowest_seconds, response.seconds)
        return response if self.traffic.note(kind, response.status, repr(response.body[:300])) else None

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            await self._connection.__aexit__(None, None, None)


class Player(Client):
    """A learner who plays, saves games and reads them again."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__(traffic)
        self._account = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        self._tokens: dict[str, Any] = {}

    async def register(self) -> None:
        await self._sign_in("register", {**self._account, "name": "Ada"})

    async def play(self) -> None:
        """Send every kind of request that an app sends during a game."""
        await self._call("tags", "GET", "/tags")
        drawn = await self._call("draw", "POST", "/game/speeches/random", {"level": "A2", "limit": 3})
        if drawn is not None:
            speeches = json.loads(drawn.body)["speeches"]
            saved = await self._call("save", "POST", "/game/sessions", build_session(speeches))
            self.traffic.results += len(speeches) if saved else 0
        await self._call("list", "GET", "/game/sessions?limit=5")
        await self._call("statistics", "GET", "/game/stats")
        await self._call("profile", "GET", "/users/me")
        await self._sign_in("refresh", {"refresh_token": self._tokens["refresh_token"]})

    async def log_in(self) -> None:
        await self._sign_in("login", self._account)

    async def score(self) -> None:
        await self._call("score", "POST", "/speech/score", FORM, Content_Type=FORM_TYPE)

    async def _sign_in(self, kind: str, body: dict[str, str]) -> None:
        response = await self.send(kind, "POST", f"/api/v1/auth/{kind}", body)
        if response is not None:
            self._tokens = json.loads(response.body)

    async def _call(
        self, kind: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer | None:
        token = f"Bearer {self._tokens['access_token']}"
        return await self.send(kind, method, f"/api/v1{path}", body, Authorization=token, **headers)


def _make_form(field_name: str, path: Path, **fields: str) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    file = f'{head}"{field_name}"; filename="{path.name}"\r\n\r\n'
    return "".join([*parts, file]).encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


FORM = _make_form("audio", RECORDINGS / "wrong-word.mp3", reference_text=REFERENCE)
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
RECORDING = sorted(AUDIO.glob("*.mp3"))[0]


class Editor:
    """An admin who uploads slowly, imports and follows the import, one after the other."""

    def __init__(self, traffic: Traffic, admin: Learner) -> None:
        self._traffic, self._admin = traffic, admin

    async def import_one(self) -> None:
        name = f"{uuid4().hex}.mp3"
        uploaded = await self._upload(name)
        if uploaded is None:
            return
        table = f"audio_filename,text,level\n{name},Sentence {uuid4().hex}.,C1\n"
        form = {"upload_session_id": uploaded["upload_session_id"]}
        files = {"file": ("lesson.csv", table.encode())}
        started = await self._send("import", "POST", f"{IMPORT}/csv", data=form, files=files)
        if started is not None:
            self._traffic.imports.append(await self._follow(started.headers["location"]))

    async def _follow(self, path: str) -> dict[str, Any]:
        """Return the last event. A replica that stops ends its streams, and the other one continues them."""
        last: dict[str, Any] = {"state": "not followed"}
        while last["state"] not in ENDED:
            response = await self._send("follow", "GET", f"{path}/events")
            if response is None:
                break
            data = [line for line in response.text.splitlines() if line.startswith("data: ")]
            last = json.loads(data[-1].removeprefix("data: ")) if data else last
        return last

    async def _upload(self, name: str) -> dict[str, Any] | None:
        form = _make_form("files[]", RECORDING).replace(RECORDING.name.encode(), name.encode())
        size = -(-len(form) // PIECES)

        async def send_slowly() -> AsyncIterator[bytes]:
            for first in range(0, len(form), size):
                await asyncio.sleep(1 / 3)
                yield form[first : first + size]

        headers = {"Content-Type": FORM_TYPE}
        response = await self._send("upload", "POST", f"{IMPORT}/audio", headers, content=send_slowly())
        return None if response is None else dict(response.json())

    async def _send(
        self, kind: str, method: str, path: str, headers: dict[str, str] | None = None, **content: Any
    ) -> httpx.Response | None:
        """Send a request and read its whole response, also of a stream."""
        all_headers = {**self._admin.headers, **(headers or {})}
        try:
            response = await self._admin.client.request(method, path, headers=all_headers, **content)
        except httpx.TransportError as error:
            self._traffic.note(kind, RESET, repr(error))
            return None
        return response if self._traffic.note(kind, response.status_code, response.text[:300]) else None


class Visitor(Client):
    """An admin in the panel."""

    def __init__(self, traffic: Traffic, cookie: str) -> None:
        super().__init__(traffic)
        self._cookie = cookie

    async def look(self) -> None:
        for page in ("/admin/content/speeches", "/admin/game/sessions", "/admin/auth/learners"):
            await self.send("panel", "GET", page, Cookie=self._cookie, **PAGE)


async def open_panel(client: httpx.AsyncClient) -> str:
    """Sign on to the panel as the demo admin, and return the cookie."""
    form = {"email": "admin@example.com", "password": "AdminPass123"}
    response = await client.post("/admin/login", data=form, headers=SAME_ORIGIN)
    assert response.status_code == 303, response.text
    return str(response.headers["set-cookie"]).partition(";")[0]


@asynccontextmanager
async def load(client: httpx.AsyncClient, admin: Learner) -> AsyncIterator[Traffic]:
    """Use the system through the client's gateway while the block runs."""
    assert client.base_url.port is not None
    traffic = Traffic(client.base_url.port)
    players = [Player(traffic) for _ in range(LEARNERS + 2)]
    for player in players:
        await player.register()
    visitor = Visitor(traffic, await open_panel(client))
    work: list[tuple[Callable[[], Awaitable[None]], float]] = [
        (player.play, PAUSE_SECONDS) for player in players[2:]
    ]
    work += [(players[0].log_in, 0.5), (players[1].score, 0.5), (visitor.look, 1.0)]
    work += [(Editor(traffic, admin).import_one, 0.1)]
    async with asyncio.TaskGroup() as group:
        for action, pause in work:
            group.create_task(_repeat(action, pause, traffic.stop_event))
        yield traffic
        traffic.stop_event.set()
    for client_ in (*players, visitor):
        await client_.close()


async def _repeat(
    work: Callable[[], Awaitable[None]], pause_seconds: float, stop_event: asyncio.Event
) -> None:
    while not stop_event.is_set():
        await work()
        await asyncio.sleep(pause_seconds)
