from collections.abc import Collection

from sqlalchemy import BigInteger, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from importer.models import CatalogueSentence


async def find_known_sentences(session: AsyncSession, hashes: Collection[int]) -> set[int]:
    """Return the hashes that occur in the catalogue."""
    given = any_(literal(list(hashes), ARRAY(BigInteger)))
    known = select(CatalogueSentence.sentence_hash).where(CatalogueSentence.sentence_hash == given)
    return {found for found in await session.scalars(known) if found is not None}
