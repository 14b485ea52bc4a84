from collections.abc import Collection

from sqlalchemy import BigInteger, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from importer.models import CatalogueSentence


async def find_known_sentences(session: AsyncSession, hashes: Collection[int]) -> set[int]:
    """Return the hashes that occur in the catalogue."""
    hash_array = any_(literal(list(hashes), ARRAY(BigInteger)))
    statement = select(CatalogueSentence.sentence_hash).where(CatalogueSentence.sentence_hash == hash_array)
    return {sentence_hash for sentence_hash in await session.scalars(statement) if sentence_hash is not None}
