"""Data for pictures of the panel: learners who play, editors who work, and an import with errors."""

from pathlib import Path
from typing import Any

import httpx

from tests.browser.panel import ADMIN, PASSWORD, Account, give_role
from tests.importing import IMPORT, start_table, wait_for_end
from tests.journey import REFERENCE, Learner, build_session

EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example"
NAMES = ("Aiko Tanaka", "Jonas Weber", "Maria Rossi", "Lucas Fernández", "Omar Haddad", "Clara Martín")
SCORED = ("pronunciation_score", "recognized_text", "receipt")
EDITOR, LOCKED = NAMES[-1], NAMES[-2]


async def fill(client: httpx.AsyncClient) -> None:
    admin = await Learner.sign_in(client, ADMIN.email, ADMIN.password)
    people = {name: await _sign_up(client, name) for name in NAMES}
    [spoken, *_] = (await admin.get("/admin/speeches", search="passport")).json()["speeches"]
    for number, learner in enumerate(people.values()):
        await _play(learner, spoken, sentences=3 + number)
    editor = people[EDITOR].user
    await give_role(admin, Account(editor["email"], PASSWORD, editor["id"]), "editor")
    await client.put(f"/api/v1/admin/users/{people[LOCKED].user['id']}/lock", headers=admin.headers)
    await _edit(admin)
    # The list links to the newest one.
    for table in ("sentences.csv", "sentences-with-errors.csv"):
        await _import(admin, table)


async def _sign_up(client: httpx.AsyncClient, name: str) -> Learner:
    email = f"{name.split()[0].lower()}@example.com"
    account = {"email": email, "password": PASSWORD, "name": name}
    response = await client.post("/api/v1/auth/register", json=account)
    assert response.status_code == 201, response.text
    return Learner(client, response.json()["user"], response.json()["access_token"])


async def _play(learner: Learner, spoken: dict[str, Any], *, sentences: int) -> None:
    score = (await learner.score("good.wav", REFERENCE)).json()
    session = build_session([spoken, *await learner.draw(limit=sentences)], duration_seconds=95)
    session["results"][0] |= {name: score[name] for name in SCORED}
    saved = await learner.post("/game/sessions", session)
    assert saved.status_code == 201, saved.text


async def _edit(admin: Learner) -> None:
    speeches = (await admin.get("/admin/speeches", limit=20)).json()["speeches"]
    for speech, change in zip(
        speeches[-3:], ({"level": "B2"}, {"archived": True}, {"type": "answer"}), strict=True
    ):
        path = f"/api/v1/admin/speeches/{speech['id']}"
        changed = await admin.client.put(path, json=change, headers=admin.headers)
        assert changed.status_code == 200, changed.text


async def _import(admin: Learner, table: str) -> None:
    files = [
        ("files[]", (path.name, path.read_bytes())) for path in sorted((EXAMPLE / "recordings").iterdir())
    ]
    uploaded = await admin.client.post(f"{IMPORT}/audio", files=files, headers=admin.headers)
    assert uploaded.status_code == 200, uploaded.text
    session_id = uploaded.json()["upload_session_id"]
    await wait_for_end(admin, await start_table(admin, session_id, (EXAMPLE / table).read_bytes()))
