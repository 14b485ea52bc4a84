"""Accounts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import Text
from shared.security.current_user import Role

from auth.schemas.pages import Page, Pagination
from auth.types import AvatarUrl, Email, Name, Password


class RegisterRequest(BaseModel):
    """What a new account needs."""

    email: Email
    password: Password
    name: Name


class ChangePasswordRequest(BaseModel):
    """The password as it is, and as it is to be."""

    current_password: Annotated[Password, Field(min_length=1)]
    new_password: Password


class UserUpdate(BaseModel):
    """What is to be changed; what is left out stays. An `avatar_url` of null removes the picture."""

    # A default without a meaning: only fields that were sent are changes, and null is no name.
    name: Name = Field(default_factory=str)
    avatar_url: AvatarUrl | None = None


class UserRead(BaseModel):
    """An account, as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    avatar_url: str | None
    auth_provider: str
    email_verified: bool
    created_at: datetime
    updated_at: datetime


class AccountRead(UserRead):
    """An account, as admins see it."""

    role: Role


class AccountFilter(Page):
    """Which accounts."""

    email: Annotated[Text, Field(max_length=254, description="The address, or how it begins.")] | None = None
    role: Role | None = None


class AccountPage(BaseModel):
    """Accounts, newest first."""

    users: list[AccountRead]
    pagination: Pagination
