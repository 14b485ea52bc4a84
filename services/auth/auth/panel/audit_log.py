from collections.abc import Collection, Mapping
from typing import get_args
from uuid import UUID

from shared.errors import field_error
from shared.panel.audit import AuditView, create_filters
from sqlalchemy.ext.asyncio import AsyncSession

from auth.queries.accounts import find_account_id, list_account_names
from auth.types import AuditAction


class AccountAuditView(AuditView):
    filters = create_filters(get_args(AuditAction), person_placeholder="e-mail or id")

    async def find_person(self, session: AsyncSession, text: str) -> str:
        if "@" not in text:
            return text
        user_id = await find_account_id(session, text)
        if user_id is None:
            raise field_error("#/query/person", "no account has this address; search by id instead")
        return str(user_id)

    async def list_names(self, session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, str]:
        return await list_account_names(session, ids)
