from uuid import uuid4

import httpx
from fastapi import FastAPI
from importer.commands import audit_log
from shared.data.db import Database
from shared.testing import TokenFor, api_client

AUDIT = "/admin/importer/audit"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


async def test_admins_see_the_audit_log_of_imports(
    app: FastAPI, committed_database: Database, token_for: TokenFor
) -> None:
    actor, subject = uuid4(), uuid4()
    async with committed_database.transaction() as session:
        audit_log.record(session, "import_created", subject=subject, actor=actor, after={"rows": 3})
    async with api_client(app, token=token_for(actor, "admin", csrf="x")) as browser:
        page = await browser.get(f"{AUDIT}?actor_id={actor}&action=import_created", headers=PAGE)
        assert page.status_code == 200, page.text
        assert f'<a href="/admin/importer/imports/{subject}">' in page.text
        assert "<ins>3</ins>" in page.text


async def test_editors_cannot_see_the_audit_log(panel: httpx.AsyncClient) -> None:
    assert (await panel.get(AUDIT)).status_code == 403
