"""An account from confirmation to deletion, through the gateway and across services."""

import asyncio
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import Stack
from tests.journey import Learner, build_session

pytestmark = pytest.mark.journey

AUTH = "/api/v1/auth"


async def wait_for_link(system: Stack, email: str, subject: str) -> str:
    """Return the link in the newest e-mail with this subject."""
    async with asyncio.timeout(15):
        while not (links := _list_links(system.email_folder, email, subject)):  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.1)
    return links[-1]


def _list_links(folder: Path, email: str, subject: str) -> list[str]:
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    emails = [message_from_bytes(file.read_bytes(), policy=default) for file in files]
    matching = [message for message in emails if (message["To"], message["Subject"]) == (email, subject)]
    words = [word for message in matching for word in message.get_content().split()]
    return [word for word in words if "#token=" in word]


async def test_an_address_is_confirmed_and_a_password_reset_by_links(
    system: Stack, gateway: httpx.AsyncClient, learner: Learner
) -> None:
    email = learner.user["email"]
    page, _, token = (await wait_for_link(system, email, "Confirm your e-mail address")).partition("#token=")
    assert (await gateway.get(page)).status_code == 200
    confirmed = {"token": token, "password": "Correct4Horse"}
    responses = [
        await gateway.post(f"{AUTH}/email/verify", json=body) for body in ({"token": token}, confirmed)
    ]
    responses.append(await learner.post("/auth/email/verify", {"token": token}))
    assert [response.status_code for response in responses] == [403, 204, 204]
    assert (await learner.get("/users/me")).json()["email_verified"] is True
    assert (await gateway.post(f"{AUTH}/password/forgot", json={"email": email})).status_code == 202
    page, _, token = (await wait_for_link(system, email, "Set a new password")).partition("#token=")
    assert (await gateway.get(page)).status_code == 200
    reset_body = {"token": token, "password": "Brandnew4Password"}
    assert (await gateway.post(f"{AUTH}/password/reset", json=reset_body)).status_code == 204
    assert (await learner.get("/users/me")).status_code == 401
    signed_in = await gateway.post(f"{AUTH}/login", json={"email": email, "password": "Brandnew4Password"})
    assert signed_in.status_code == 200


async def test_an_app_confirms_an_address_with_its_access_token(system: Stack, learner: Learner) -> None:
    email = learner.user["email"]
    _, _, token = (await wait_for_link(system, email, "Confirm your e-mail address")).partition("#token=")
    assert (await learner.post("/auth/email/verify", {"token": token})).status_code == 204
    assert (await learner.get("/users/me")).json()["email_verified"] is True


async def test_an_account_is_exported_and_deleted_with_all_its_data(learner: Learner) -> None:
    saved = await learner.post("/game/sessions", build_session(await learner.draw(limit=2)))
    assert saved.status_code == 201, saved.text
    exported = (await learner.get("/users/me/export")).json()
    assert exported["account"]["profile"]["email"] == learner.user["email"]
    assert [session["id"] for session in exported["game"]["sessions"]] == [saved.json()["session_id"]]
    assert len(exported["game"]["sessions"][0]["results"]) == 2

    left = await learner.client.delete("/api/v1/users/me", headers=learner.headers)
    assert left.status_code == 204
    for path in ("/users/me", "/users/me/export"):
        assert (await learner.get(path)).status_code == 401
    # Game receives the event soon, erases the data and refuses the unexpired access token.
    async with asyncio.timeout(15):
        while (await learner.get("/game/sessions")).status_code != 401:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)


async def test_a_learner_cannot_raise_their_role(gateway: httpx.AsyncClient, learner: Learner) -> None:
    raised = {"name": "Eve", "role": "admin", "email_verified": True}
    changed = await gateway.put("/api/v1/users/me", json=raised, headers=learner.headers)
    assert (changed.status_code, changed.json()["code"]) == (422, "unknown_field")
    for path in ("/admin/users", "/admin/audit"):
        assert (await learner.get(path)).status_code == 403
    role = f"/api/v1/admin/users/{learner.user['id']}/role"
    response = await gateway.put(role, json={"role": "admin"}, headers=learner.headers)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_an_admin_sees_role_changes_in_the_audit_log(admin: Learner, learner: Learner) -> None:
    role = f"/api/v1/admin/users/{learner.user['id']}/role"
    response = await admin.client.put(role, json={"role": "editor"}, headers=admin.headers)
    assert (response.status_code, response.json()["role"]) == (200, "editor")
    entries = (await admin.get("/admin/audit", subject_id=learner.user["id"])).json()["entries"]
    assert (entries[0]["before"], entries[0]["after"]) == ({"role": "learner"}, {"role": "editor"})
