from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.panel_sessions import limit_to_session
from auth.panel.cookies import read_cookie
from auth.queries.panel_sessions import PanelAccess, find_panel_access
from auth.tokens import AccessTokenIssuer


async def find_access(session: AsyncSession, request: Request, *, now: datetime) -> PanelAccess | None:
    """Return the live session of the request's cookie."""
    cookie = read_cookie(request)
    return await find_panel_access(session, cookie, request.app.state.operator, now=now) if cookie else None


def issue_token(
    issuer: AccessTokenIssuer, access: PanelAccess, *, ttl: timedelta, now: datetime, **claims: str
) -> str:
    return issuer.issue(
        access.user_id,
        access.role,
        session_id=access.family_id,
        version=access.token_version,
        ttl=limit_to_session(ttl, now=now, session_ends_at=access.expires_at),
        **claims,
    )
