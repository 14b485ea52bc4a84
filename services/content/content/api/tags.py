"""Tags."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Header, Response
from shared.db import Session
from shared.ratelimit import per_address

from content import cached, commands, queries
from content.api.dependencies import EDITORS_ONLY, ETAG, LOCATION, ReadCache, Responses, forget
from content.domain.tags import TagChange
from content.queries.tags import TagRow
from content.schemas.tags import TagCreate, TagDetails, TagDetailsList, TagList, TagUpdate

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin_router = APIRouter(prefix="/api/v1/admin", tags=["Admin"], dependencies=EDITORS_ONLY)

TAG_NOT_FOUND_RESPONSE: Responses = {404: {"description": "`tag_not_found`."}}


TAG_EXISTS_RESPONSE: Responses = {
    409: {"description": "`tag_exists`: a tag has this name already, but for its case perhaps."}
}


TAG_IN_USE_RESPONSE: Responses = {409: {"description": "`tag_in_use`: speeches carry it."}}


@admin_router.get("/tags")
async def list_tags_with_counts(session: Session) -> TagDetailsList:
    """All tags, by category and name, each with the number of speeches that carry it."""
    return TagDetailsList(tags=[_tag(*each) for each in await queries.list_tags_with_counts(session)])


@admin_router.get("/tags/{tag_id}", responses=TAG_NOT_FOUND_RESPONSE)
async def get_tag(tag_id: UUID, session: Session) -> TagDetails:
    """A tag."""
    return _tag(*await queries.get_tag_with_count(session, tag_id))


@admin_router.post("/tags", status_code=201, responses=TAG_EXISTS_RESPONSE | {201: {"headers": LOCATION}})
async def create_tag(
    fields: TagCreate, session: Session, cache: ReadCache, after: BackgroundTasks, response: Response
) -> TagDetails:
    """Add a tag. Its name must differ from the others by more than case and surrounding space."""
    tag_id = await commands.create_tag(session, name=fields.name, category=fields.category)
    after.add_task(forget, cache, cached.tags.key())
    response.headers["Location"] = f"{admin_router.prefix}/tags/{tag_id}"
    return _tag(*await queries.get_tag_with_count(session, tag_id))


@admin_router.put("/tags/{tag_id}", responses=TAG_NOT_FOUND_RESPONSE | TAG_EXISTS_RESPONSE)
async def update_tag(
    tag_id: UUID, fields: TagUpdate, session: Session, cache: ReadCache, after: BackgroundTasks
) -> TagDetails:
    """Change what is given; what is left out stays. Speeches that carry the tag get a new revision each."""
    await commands.update_tag(session, tag_id, TagChange(name=fields.name, category=fields.category))
    after.add_task(forget, cache, cached.tags.key())
    return _tag(*await queries.get_tag_with_count(session, tag_id))


@admin_router.delete(
    "/tags/{tag_id}",
    status_code=204,
    responses=TAG_NOT_FOUND_RESPONSE | TAG_IN_USE_RESPONSE,
)
async def delete_tag(tag_id: UUID, session: Session, cache: ReadCache, after: BackgroundTasks) -> None:
    """Remove a tag that no speech carries."""
    await commands.delete_tag(session, tag_id)
    after.add_task(forget, cache, cached.tags.key())


def _tag(tag: TagRow, speeches: int) -> TagDetails:
    return TagDetails(**tag._asdict(), speech_count=speeches)


IfNoneMatch = Annotated[str, Header(description="The `ETag` of the tags that the client has.")]


TAGS: Responses = {
    200: {"headers": ETAG},
    304: {"description": "They are still those of `If-None-Match`.", "headers": ETAG},
}


# Anyone may read them, so that it is addresses that are counted.
TAGS_LIMIT = [Depends(per_address("tags", per_minute=100))]


@router.get("/tags", response_model=TagList, responses=TAGS, dependencies=TAGS_LIMIT)
@router.get("/game/tags", response_model=TagList, responses=TAGS, dependencies=TAGS_LIMIT)
async def list_tags(session: Session, cache: ReadCache, if_none_match: IfNoneMatch = "") -> Response:
    """All tags, by category and name.

    Send the `ETag` of the last answer as `If-None-Match`: while nothing has changed, the answer is 304.
    """
    tags = TagList.model_validate({"tags": await cached.tags(cache, session)}, from_attributes=True)
    body = tags.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # May be kept, but is to be asked for: a changed tag shows at once.
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    # A proxy that compresses the answer marks its tag as weak.
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
