from uuid import uuid4

from fastapi import FastAPI
from game.commands import audit_log
from shared.testing import TokenFor, api_client

AUDIT = "/admin/game/audit"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


async def test_admins_see_which_sessions_were_deleted(app: FastAPI, token_for: TokenFor) -> None:
    actor, subject = uuid4(), uuid4()
    async with app.state.database.transaction() as session:
        audit_log.record(session, "session_deleted", subject=subject, actor=actor, before={"level": "A1"})
    async with api_client(app, token=token_for(actor, "admin", csrf="x")) as browser:
        page = await browser.get(f"{AUDIT}?actor_id={actor}&action=session_deleted", headers=PAGE)
        assert page.status_code == 200, page.text
        assert f"/{subject}" not in page.text  # a deleted session has no page
        assert str(subject)[:8] in page.text
    async with api_client(app, token=token_for(actor, "editor", csrf="x")) as browser:
        assert (await browser.get(AUDIT, headers=PAGE)).status_code == 403
