from contracts.game import SessionCompleted
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import plays


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await plays.count_plays(session, event.data.results)


subscriptions: Subscriptions = {SessionCompleted: on_session_completed}
