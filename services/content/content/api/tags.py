import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Response
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import TooManyRequests
from shared.http.dependencies import CacheDep, SessionDep
from shared.http.problems import Responses, build_error_responses
from shared.http.ratelimit import limit_per_address
from shared.security.current_user import CurrentUser

from content.api.dependencies import (
    ETAG,
    LOCATION,
    EditSessionDep,
    admin_errors,
    create_admin_router,
)
from content.commands import tag_merges
from content.commands import tags as commands
from content.errors import TagBeingMerged, TagExists, TagInUse, TagNotFound, UnknownTag
from content.queries import tags as queries
from content.queries.tags import TagRow, TagWithCount
from content.schemas.tags import TagCreate, TagDetails, TagDetailsList, TagList, TagMerge, TagUpdate

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin = create_admin_router("editor", "admin")

TagId = Annotated[UUID, Path(examples=["01941f29-7c00-7a3e-9a53-6a1c1f0b2d10"])]
IfNoneMatch = Annotated[str, Header(description="The `ETag` of the tags that the client has.")]
TAG_LIST_RESPONSES: Responses = {
    200: {"headers": ETAG},
    304: {"description": "The tags have not changed since `If-None-Match`.", "headers": ETAG},
    **build_error_responses(TooManyRequests, DatabaseUnavailable),
}
# Tags are public, so the limit counts addresses. Both paths share it.
TAG_LIMIT = [Depends(limit_per_address("tags", per_minute=100))]


@router.get(
    "/tags",
    response_description="All tags.",
    response_model=TagList,
    responses=TAG_LIST_RESPONSES,
    dependencies=TAG_LIMIT,
)
async def list_tags(session: SessionDep, cache: CacheDep, if_none_match: IfNoneMatch = "") -> Response:
    """List all tags, by category and name. No sign-in is needed.

    Send the `ETag` of the last response as `If-None-Match`. If nothing has changed, the response is 304.
    """
    return _to_response(await queries.list_cached_tags(cache, session), if_none_match)


@router.get(
    "/game/tags",
    response_description="All tags.",
    response_model=TagList,
    responses=TAG_LIST_RESPONSES,
    dependencies=TAG_LIMIT,
)
async def list_game_tags(session: SessionDep, cache: CacheDep, if_none_match: IfNoneMatch = "") -> Response:
    """List all tags, as `GET /api/v1/tags` does, under the path of the game."""
    return _to_response(await queries.list_cached_tags(cache, session), if_none_match)


@admin.get("/tags", response_description="All tags, each with its number of speeches.")
async def list_tags_with_counts(session: SessionDep) -> TagDetailsList:
    """List all tags, by category and name, each with its number of speeches, archived ones included."""
    tags = await queries.list_tags_with_counts(session)
    return TagDetailsList.model_validate({"tags": tags}, from_attributes=True)


@admin.get(
    "/tags/{tag_id}",
    response_description="The tag with its number of speeches.",
    responses=admin_errors(TagNotFound),
)
async def get_tag(tag_id: TagId, session: SessionDep) -> TagDetails:
    """Get a tag with its number of speeches, including archived ones."""
    return _to_details(await queries.get_tag_with_count(session, tag_id))


@admin.post(
    "/tags",
    status_code=201,
    response_description="The new tag.",
    responses={201: {"headers": LOCATION}, **admin_errors(TagExists)},
)
async def create_tag(
    fields: TagCreate, session: EditSessionDep, editor: CurrentUser, response: Response
) -> TagDetails:
    """Create a tag. Its name must differ from all others in more than case and surrounding space."""
    tag = await commands.create_tag(session, fields, actor=editor.id)
    response.headers["Location"] = f"{admin.prefix}/tags/{tag.id}"
    return _to_details(tag)


@admin.put(
    "/tags/{tag_id}",
    response_description="The tag after the update.",
    responses=admin_errors(TagNotFound, TagExists),
)
async def update_tag(
    tag_id: TagId, fields: TagUpdate, session: EditSessionDep, editor: CurrentUser
) -> TagDetails:
    """Update a tag. Omitted fields keep their value.

    Every speech with a renamed tag gets a new revision. For a tag on many speeches, this may take minutes.
    """
    return _to_details(await commands.update_tag(session, tag_id, fields, actor=editor.id))


@admin.delete(
    "/tags/{tag_id}",
    status_code=204,
    response_description="The tag is deleted.",
    responses=admin_errors(TagNotFound, TagInUse),
)
async def delete_tag(tag_id: TagId, session: EditSessionDep, editor: CurrentUser) -> None:
    """Delete a tag that no speech has, not even an archived one."""
    await commands.delete_tag(session, tag_id, actor=editor.id)


@admin.post(
    "/tags/{tag_id}/merge",
    status_code=202,
    response_description="The target tag. Its count grows while speeches are moved.",
    responses=admin_errors(TagNotFound, UnknownTag, TagBeingMerged),
)
async def merge_tag(
    tag_id: TagId, fields: TagMerge, session: EditSessionDep, editor: CurrentUser
) -> TagDetails:
    """Merge a tag into another one. The merged tag disappears from the tag lists immediately.

    Its speeches, including archived ones, get the other tag and a new revision. For a tag on many speeches,
    this may take minutes. Then the tag is deleted. A repeated request gets 202 before that, and 404
    afterwards.
    """
    merged = await tag_merges.merge_tag(session, tag_id, into_tag_id=fields.into_tag_id, actor=editor.id)
    return _to_details(merged)


def _to_response(tags: list[TagRow], if_none_match: str) -> Response:
    body = TagList.model_validate({"tags": tags}, from_attributes=True).model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Clients may cache the tags but must revalidate them, so that changes are visible immediately.
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    # A proxy that compresses the response marks its entity tag as weak.
    known_etags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known_etags or "*" in known_etags:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _to_details(tag: TagWithCount) -> TagDetails:
    return TagDetails.model_validate(tag, from_attributes=True)
