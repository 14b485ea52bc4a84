"""Pages of lists."""

from uuid import UUID

from pydantic import BaseModel, Field


class Page(BaseModel):
    limit: int = Field(50, ge=1, le=200)
    cursor: UUID | None = Field(None, description="The `next_cursor` of the previous page.")


class Pagination(BaseModel):
    """`next_cursor` is null on the last page."""

    limit: int
    next_cursor: UUID | None
