from uuid import UUID, uuid4

import pytest
from content.models import SpeechTag
from fastapi import FastAPI
from shared.data.cache import Cache
from shared.data.db import Database
from shared.panel.hostile import CSRF, attack
from shared.testing import TokenFor, api_client
from sqlalchemy import select

pytestmark = pytest.mark.long


async def test_bad_input_causes_no_server_error_and_no_repeated_change(
    app: FastAPI, cache: Cache, token_for: TokenFor, committed_database: Database, speech_id: UUID
) -> None:
    async with committed_database.transaction() as session:
        tag_id = (await session.scalars(select(SpeechTag.tag_id).limit(1))).one()
    async with api_client(app, token=token_for(uuid4(), "admin", csrf=CSRF)) as browser:
        rows = {"speeches": speech_id, "tags": tag_id}
        assert await attack(app, browser, rows=rows, fields=("tag_id", "into_tag_id")) == []
