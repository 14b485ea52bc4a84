from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import DisplayText, RequestModel
from shared.http.pagination import AdminPageQuery, Pagination
from shared.security.current_user import Role

from auth.types import AvatarUrl, Email, Name, NewPassword, Password


class RegisterRequest(RequestModel):
    email: Email
    password: NewPassword
    name: Name


class ChangePasswordRequest(RequestModel):
    current_password: Annotated[Password, Field(min_length=1)]
    new_password: Annotated[NewPassword, Field(examples=["Brandnew4Password"])]


class UserUpdate(RequestModel):
    """Omitted fields stay unchanged. An `avatar_url` of null removes the picture."""

    # The defaults are never used: only fields that were sent are changes. Null is not a name.
    name: Name = Field(default_factory=str, examples=["Ada"])
    avatar_url: AvatarUrl | None = Field(None, examples=["https://example.com/ada.png"])


class UserRead(BaseModel):
    """An account as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])
    email: str | None = Field(
        examples=["ada@example.com"],
        description="Null if someone else has proved that the address is theirs; set another one then.",
    )
    name: str = Field(examples=["Ada"])
    avatar_url: str | None = Field(examples=["https://example.com/ada.png"])
    auth_provider: str = Field(
        examples=["email"], description="How the account was created: `email`, `google`, `apple`, `facebook`."
    )
    email_verified: bool = Field(examples=[True])
    created_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])
    updated_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])


class AccountRead(UserRead):
    """An account as admins see it."""

    role: Role = Field(examples=["learner"])
    locked_at: datetime | None = Field(
        None,
        description="When an admin locked the account, which cannot sign in until it is unlocked.",
        examples=[None],
    )


class AccountFilter(AdminPageQuery):
    email: Annotated[str, DisplayText(max_length=254)] | None = Field(
        None, description="The beginning of the address.", examples=["ada@"]
    )
    role: Role | None = Field(None, examples=["editor"])


class AccountSearch(AdminPageQuery):
    """Filters of the panel's list of accounts."""

    search: Annotated[str, DisplayText(max_length=200)] | None = None
    role: Role | None = None
    state: Literal["open", "locked"] | None = None


class AccountPage(BaseModel):
    users: list[AccountRead]
    pagination: Pagination
