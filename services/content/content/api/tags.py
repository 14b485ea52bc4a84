"""The routes of tags."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from shared.db import Session
from shared.errors import Invalid
from shared.ratelimit import per_address

from content import commands, queries
from content.api.dependencies import EDITORS_ONLY, CacheDep, EditSessionDep
from content.api.responses import ETAG, LOCATION, Responses, describe
from content.errors import TagExists, TagInUse, TagNotFound
from content.queries.tags import TagRow
from content.schemas.tags import TagCreate, TagDetails, TagDetailsList, TagList, TagUpdate

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin_router = APIRouter(prefix="/api/v1/admin", tags=["Admin"], dependencies=EDITORS_ONLY)

IfNoneMatch = Annotated[str, Header(description="The `ETag` of the tags that the client has.")]
TAG_LIST_RESPONSES: Responses = {
    200: {"headers": ETAG},
    304: {"description": "The tags are still those of `If-None-Match`.", "headers": ETAG},
}
# Tags are public, so the limit counts addresses. Both paths share it.
TAG_LIMIT = [Depends(per_address("tags", per_minute=100))]
NOT_FOUND: Responses = {404: describe(TagNotFound)}
INVALID: Responses = {422: describe(Invalid)}


@router.get("/tags", response_model=TagList, responses=TAG_LIST_RESPONSES, dependencies=TAG_LIMIT)
async def list_tags(session: Session, cache: CacheDep, if_none_match: IfNoneMatch = "") -> Response:
    """List all tags, by category and name. No sign-in is needed.

    Send the `ETag` of the last response as `If-None-Match`. While nothing has changed, the answer is 304.
    """
    return _to_response(await queries.list_cached_tags(cache, session), if_none_match)


@router.get("/game/tags", response_model=TagList, responses=TAG_LIST_RESPONSES, dependencies=TAG_LIMIT)
async def list_game_tags(session: Session, cache: CacheDep, if_none_match: IfNoneMatch = "") -> Response:
    """List all tags. The same as `GET /tags`, under the path of the game."""
    return _to_response(await queries.list_cached_tags(cache, session), if_none_match)


@admin_router.get("/tags")
async def list_tags_with_counts(session: Session) -> TagDetailsList:
    """List all tags, by category and name, each with the number of speeches that carry it."""
    tags = await queries.list_tags_with_counts(session)
    return TagDetailsList.model_validate({"tags": tags}, from_attributes=True)


@admin_router.get("/tags/{tag_id}", responses=NOT_FOUND | INVALID)
async def get_tag(tag_id: UUID, session: Session) -> TagDetails:
    """Get a tag with the number of speeches that carry it."""
    return _to_details(await queries.get_tag_with_count(session, tag_id))


@admin_router.post(
    "/tags",
    status_code=201,
    responses={201: {"headers": LOCATION}, 409: describe(TagExists), **INVALID},
)
async def create_tag(fields: TagCreate, session: EditSessionDep, response: Response) -> TagDetails:
    """Create a tag. Its name must differ from all others by more than case and surrounding space."""
    tag = await commands.create_tag(session, fields)
    response.headers["Location"] = f"{admin_router.prefix}/tags/{tag.id}"
    return _to_details(tag)


@admin_router.put("/tags/{tag_id}", responses={409: describe(TagExists), **NOT_FOUND, **INVALID})
async def update_tag(tag_id: UUID, fields: TagUpdate, session: EditSessionDep) -> TagDetails:
    """Update a tag. Omitted fields keep their value.

    A new name shows everywhere at once. Every speech that carries the tag gets a new revision, up to a few
    minutes later.
    """
    return _to_details(await commands.update_tag(session, tag_id, fields))


@admin_router.delete(
    "/tags/{tag_id}", status_code=204, responses={409: describe(TagInUse), **NOT_FOUND, **INVALID}
)
async def delete_tag(tag_id: UUID, session: EditSessionDep) -> None:
    """Delete a tag that no speech carries."""
    await commands.delete_tag(session, tag_id)


def _to_response(tags: list[TagRow], if_none_match: str) -> Response:
    """Return the tags, or 304 if the client has them."""
    body = TagList.model_validate({"tags": tags}, from_attributes=True).model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Clients may keep the tags but must revalidate them, so that a change shows at once.
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    # A proxy that compresses the response marks its entity tag as weak.
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _to_details(tag: queries.TagWithCount) -> TagDetails:
    return TagDetails.model_validate(tag, from_attributes=True)
