"""Tables of erased users."""

from datetime import datetime
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import DateTime, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column


class ErasedUser(Base):
    """The id of a deleted account, kept for a while so that late events store nothing about it."""

    __tablename__ = "erased_users"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
