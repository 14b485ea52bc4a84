from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from contracts.vocabulary import MAX_TAG_NAME_LENGTH
from shared.panel import (
    Blocker,
    Choice,
    Column,
    Count,
    Listing,
    ListQuery,
    ResourceView,
    create_listing,
    get_form,
    get_principal,
    parse,
    post_action,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField
from wtforms.validators import DataRequired

from content.commands import tags as commands
from content.commands.tag_merges import merge_tag
from content.errors import UnknownTag
from content.models import Tag
from content.queries import tags as queries
from content.queries.tags import TagWithCount
from content.schemas.tags import TagCreate, TagMerge, TagUpdate

SPEECHES = "/admin/content/speeches"
MAX_CHOICES = 20


class TagForm(Form):
    name = StringField(
        "Name",
        [DataRequired("Give the tag a name.")],
        description="It must differ from all other names in more than upper and lower case.",
        render_kw={"maxlength": MAX_TAG_NAME_LENGTH, "autocomplete": "off"},
    )
    category = StringField(
        "Category",
        [DataRequired("Give the tag a category.")],
        description="Tags are grouped by category, for example topic or situation.",
        render_kw={"maxlength": MAX_TAG_NAME_LENGTH, "autocomplete": "off"},
    )


class TagView(ResourceView, model=Tag):
    path = "tags"
    name, name_plural = "Tag", "Tags"
    columns = (
        Column("name", "Name", is_sortable=True, is_link=True),
        Column("category", "Category", is_sortable=True),
        Column(
            "speech_count",
            "Speeches",
            read=lambda tag: Count.from_capped(tag.speech_count),
            template="tag_count.html",
        ),
    )
    default_sort = "category"
    search_label = "Search by name or category"
    empty_text = "There are no tags yet. Learners use tags to choose speeches."
    can_create = can_edit = can_delete = can_export = True
    form_create = form_edit = TagForm
    list_template, details_template = "tag_list.html", "tag_details.html"
    messages: ClassVar = {
        "created": "The tag was created.",
        "updated": "The tag was saved. Its speeches are updated within a few minutes.",
        "deleted": "The tag was deleted.",
        "merged": "Merged: {count}. The speeches are updated within a few minutes.",
    }
    refusals: ClassVar = {"no_value": "Choose the tag to merge into first."}

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        rows, total = await queries.list_tag_page(
            session,
            search=query.search,
            order=query.sort,
            is_descending=query.is_descending,
            limit=query.limit,
            offset=(query.page - 1) * query.limit,
        )
        return create_listing(query, rows, total)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> TagWithCount:
        return await queries.get_tag_with_capped_count(session, row_id)

    async def create_row(self, session: AsyncSession, values: Mapping[str, Any], *, actor: UUID) -> UUID:
        return (await commands.create_tag(session, parse(TagCreate, values), actor=actor)).id

    async def update_row(
        self, session: AsyncSession, row_id: UUID, values: Mapping[str, Any], *, actor: UUID
    ) -> None:
        await commands.update_tag(session, row_id, parse(TagUpdate, values), actor=actor)

    async def delete_row(self, session: AsyncSession, row_id: UUID, *, actor: UUID) -> None:
        await commands.delete_tag(session, row_id, actor=actor)

    @post_action(
        "merge",
        "Merge into this tag",
        confirmation="Speeches with the selected tags get the other tag, and the selected tags are deleted. "
        "This cannot be undone.",
        is_dangerous=True,
        needs="into_tag_id",
    )
    async def merge(self, request: Request, ids: Sequence[UUID]) -> Response:
        target = parse(TagMerge, {"into_tag_id": get_form(request).get("into_tag_id")}).into_tag_id
        others = [tag_id for tag_id in ids if tag_id != target]
        try:
            async with self.transaction(request) as session:
                for tag_id in others:
                    await merge_tag(session, tag_id, into_tag_id=target, actor=get_principal(request).id)
        except UnknownTag:
            return self.redirect_done("gone")
        return self.redirect_done("merged", count=len(others))

    async def find_blocker(self, session: AsyncSession, row: TagWithCount) -> Blocker | None:
        if not row.speech_count:
            return None
        count = Count.from_capped(row.speech_count)
        users = "1 speech has" if row.speech_count == 1 else f"{count} speeches have"
        reason = f"{users} this tag, including archived speeches. Remove the tag there first."
        return Blocker(reason, f"{SPEECHES}?tag={row.id}&archived=all", "Show these speeches")

    async def look_up(self, session: AsyncSession, term: str) -> Sequence[Choice]:
        tags = await queries.find_tags_by_term(session, term, limit=MAX_CHOICES)
        return [Choice(str(tag.id), f"{tag.name} ({tag.category})") for tag in tags]
