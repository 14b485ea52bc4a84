"""Routers and responses that several routes share."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.dependencies import from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import Role, require_role

from importer.audio import UploadSlots

UploadSlotsDep = Annotated[UploadSlots, from_state("upload_slots")]
ImportId = Annotated[UUID, Path(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])]
LOCATION = {"Location": {"description": "Path of the new resource.", "schema": {"type": "string"}}}

# A route's responses replace those of its router by status, so they include the router's.
editor_errors = partial(
    build_error_responses, Unauthorized, Forbidden, Invalid, TooManyRequests, DatabaseUnavailable
)


def create_import_router(*roles: Role) -> APIRouter:
    """Create a router for editors and admins, or only for `roles`."""
    allowed: tuple[Role, ...] = roles or ("editor", "admin")
    return APIRouter(
        prefix="/api/v1/admin/import",
        tags=["Import"],
        dependencies=[Depends(require_role(*allowed)), Depends(limit_per_user("admin", per_minute=200))],
        responses=editor_errors(),
    )
