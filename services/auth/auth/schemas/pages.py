"""Pages of lists."""

from uuid import UUID

from pydantic import BaseModel, Field


class Page(BaseModel):
    """Which part of a list, newest first."""

    limit: int = Field(50, ge=1, le=200)
    cursor: UUID | None = Field(None, description="The `next_cursor` of the page before.")


class Pagination(BaseModel):
    """How the list goes on; `next_cursor` is null at its end."""

    limit: int
    next_cursor: UUID | None
