"""Events of the auth service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.event import Event


class UserRef(BaseModel):
    """A user, by id only. No event carries an e-mail address or a name."""

    user_id: UUID


class UserRegistered(Event):
    """An account was created."""

    consumers: ClassVar[tuple[str, ...]] = ("game",)

    type: Literal["parley.auth.user_registered.v1"] = "parley.auth.user_registered.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef


class UserUpdated(Event):
    """A profile or a role was changed."""

    type: Literal["parley.auth.user_updated.v1"] = "parley.auth.user_updated.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef


class UserDeleted(Event):
    """An account was deleted. Consumers erase the user's data."""

    consumers: ClassVar[tuple[str, ...]] = ("content", "game")

    type: Literal["parley.auth.user_deleted.v1"] = "parley.auth.user_deleted.v1"
    source: Literal["/parley/auth"] = "/parley/auth"
    data: UserRef
