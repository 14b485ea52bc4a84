import asyncio
from pathlib import Path
from typing import Any

from auth.commands.emails import request_email
from auth.settings import WorkerSettings
from auth.worker import create_worker
from pydantic import SecretStr
from shared.data.db import Database


async def test_the_worker_sends_requested_emails(
    base_settings: dict[str, Any],
    database_url: str,
    committed_database: Database,
    open_account: Any,
    tmp_path: Path,
) -> None:
    user = await open_account(committed_database)
    overrides = {"account_url": "https://parley.example.com/account", "email_folder": tmp_path}
    settings = WorkerSettings.model_validate(
        {**base_settings, **overrides, "database_url": SecretStr(database_url)}
    )
    worker = create_worker(settings)
    async with worker.router.lifespan_context(worker), asyncio.timeout(10):
        async with committed_database.transaction() as session:
            request_email(session, "reset_password", user.email_key)
        while not (files := list(tmp_path.glob("*.eml"))):  # noqa: ASYNC110, ASYNC240 - the worker's own loop
            await asyncio.sleep(0.05)
    assert user.email in files[0].read_text()
