"""Events of the auth service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.event import Event


class UserRef(BaseModel):
    """A user by id alone: no event carries an e-mail address or a name."""

    user_id: UUID


class UserRegistered(Event):
    """Someone has a new account."""

    type: Literal["parley.auth.user_registered.v1"] = "parley.auth.user_registered.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef


class UserUpdated(Event):
    """A profile or a role has changed."""

    type: Literal["parley.auth.user_updated.v1"] = "parley.auth.user_updated.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef


class UserDeleted(Event):
    """An account is gone; whoever holds something on this user removes it."""

    consumers: ClassVar[tuple[str, ...]] = ("game",)

    type: Literal["parley.auth.user_deleted.v1"] = "parley.auth.user_deleted.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef
