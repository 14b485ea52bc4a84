from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from content.recent_plays import MAX_PLAYS, RecentPlays, RecentPlaysUnavailable
from content.settings import ApiSettings
from redis.asyncio import Redis
from structlog.testing import capture_logs

NOW = datetime.now(UTC)
SESSION = uuid4()
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.fixture
async def plays(settings: ApiSettings) -> AsyncIterator[RecentPlays]:
    plays = RecentPlays(settings.redis_url.get_secret_value())
    yield plays
    await plays.close()


async def test_the_speech_played_longest_ago_comes_first(plays: RecentPlays) -> None:
    learner, (first, second, third) = uuid4(), [uuid4() for _ in range(3)]
    for _ in range(2):
        await plays.add(learner, [second, third, second], session_id=SESSION, completed_at=NOW)
        # A late session changes the place of neither.
        await plays.add(learner, [third, first], session_id=SESSION, completed_at=NOW - DAY)
        assert await plays.list_speech_ids(learner) == [first, third, second]
    await plays.remove(learner, [third, uuid4()], session_id=uuid4())
    await plays.remove(uuid4(), [third], session_id=uuid4())
    assert await plays.list_speech_ids(learner) == [first, second]
    assert await plays.list_speech_ids(uuid4()) == []


async def test_stored_plays_are_limited_and_expire_after_a_month(
    plays: RecentPlays, settings: ApiSettings
) -> None:
    learner, played = uuid4(), [uuid4() for _ in range(200)]
    await plays.add(learner, played, session_id=SESSION, completed_at=NOW - 29 * DAY)
    assert await plays.list_speech_ids(learner) == played[-MAX_PLAYS:]
    await plays.add(learner, [uuid4()], session_id=SESSION, completed_at=NOW - 31 * DAY)
    assert len(await plays.list_speech_ids(learner)) == MAX_PLAYS
    async with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        key = f"recent_plays:{learner}"
        assert 29 * DAY < await redis.ttl(key) * SECOND <= 30 * DAY
        # The compact encoding; larger sets have another.
        assert await redis.object("ENCODING", key) in (b"listpack", b"ziplist")
        assert (await redis.memory_usage(key) or 0) < 8_000


async def test_the_plays_of_a_deleted_user_are_erased_permanently(plays: RecentPlays) -> None:
    learner = uuid4()
    await plays.add(learner, [uuid4()], session_id=SESSION, completed_at=NOW)
    for _ in range(2):
        await plays.erase(learner)
        await plays.add(learner, [uuid4()], session_id=SESSION, completed_at=NOW)
        await plays.remove(learner, [uuid4()], session_id=uuid4())
        with capture_logs() as logs:
            assert await plays.list_speech_ids(learner) == []
        assert logs == []


async def test_a_session_that_was_deleted_before_it_arrives_is_not_added(plays: RecentPlays) -> None:
    learner, session_id, (first, second) = uuid4(), uuid4(), [uuid4() for _ in range(2)]
    await plays.remove(learner, [first], session_id=session_id)
    await plays.add(learner, [first], session_id=session_id, completed_at=NOW)
    await plays.add(learner, [second], session_id=SESSION, completed_at=NOW)
    assert await plays.list_speech_ids(learner) == [second]


async def test_without_redis_no_plays_are_returned_and_changes_are_retried() -> None:
    plays = RecentPlays("redis://127.0.0.1:1/0")
    assert await plays.list_speech_ids(uuid4()) == []
    with pytest.raises(RecentPlaysUnavailable):
        await plays.erase(uuid4())
    await plays.close()
