"""What the content service does when something has happened elsewhere."""

from contracts.game import SessionCompleted
from shared.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from content import commands


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    """The speeches of the session were played."""
    await commands.count_plays(session, event.data.results)


subscriptions: Subscriptions = {SessionCompleted: on_session_completed}
