from pydantic import Field
from shared.http.pagination import PageQuery


class AdminPageQuery(PageQuery):
    limit: int = Field(50, ge=1, le=200, description="Items on a page.")
