from content.commands.tags import create_tag
from content.queries.tags import list_tags, list_tags_with_counts
from content.schemas.tags import TagCreate
from sqlalchemy.ext.asyncio import AsyncSession


async def test_tags_are_listed_by_category_and_name(session: AsyncSession) -> None:
    for name, category in (("work", "topic"), ("Food", "topic"), ("zoo", "place"), ("art", "topic")):
        await create_tag(session, TagCreate(name=name, category=category), actor=None)
    names = ["zoo", "art", "Food", "work"]
    assert [tag.name for tag in await list_tags(session)] == names
    assert [tag.name for tag in await list_tags_with_counts(session)] == names
