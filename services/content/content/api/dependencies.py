"""Dependencies, routers and responses that several routes share."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from shared.audio.measurer import Measurer
from shared.data.db_errors import DatabaseUnavailable
from shared.data.storage import Storage
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.dependencies import CacheDep, DatabaseDep, from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import limit_per_user
from shared.http.repeat import repeat_request_on_conflict
from shared.security.current_user import Role, require_role
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands.cache import edit_transaction
from content.domain.speeches import SpeechRow


def _describe_header(name: str, description: str, type: str = "string") -> dict[str, Any]:
    return {name: {"description": description, "schema": {"type": type}}}


ETAG = _describe_header("ETag", "Send it as `If-None-Match` or `If-Match`.")
LOCATION = _describe_header("Location", "Path of the new resource.")


# A route's responses replace those of its router by status, so they include the router's.
learner_errors = partial(build_error_responses, Unauthorized, Invalid, TooManyRequests, DatabaseUnavailable)
admin_errors = partial(learner_errors, Forbidden)


def create_admin_router(*roles: Role) -> APIRouter:
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[Depends(require_role(*roles)), Depends(limit_per_user("admin", per_minute=200))],
        responses=admin_errors(),
    )


async def _open_edit_session(database: DatabaseDep, cache: CacheDep) -> AsyncIterator[AsyncSession]:
    with repeat_request_on_conflict():
        async with edit_transaction(database, cache) as session:
            yield session


MeasurerDep = Annotated[Measurer, from_state("measurer")]
EditSessionDep = Annotated[AsyncSession, Depends(_open_edit_session, scope="function")]
"""One transaction. Its commit, and the removal of stale cached values, come before the response."""


def to_speech_fields(speech: SpeechRow, storage: Storage) -> dict[str, Any]:
    """Return the fields of SpeechRead, with ids as text."""
    fields = speech._asdict()
    fields["audio_url"], fields["audio_expires_at"] = storage.presign(fields.pop("audio_key"))
    # The JSON writer takes ten times as long for the UUID class of the database driver.
    fields["id"] = str(speech.id)
    fields["tags"] = [{"id": str(tag_id), "name": name} for tag_id, name in speech.tags]
    return fields
