"""Roles."""

from pydantic import BaseModel
from shared.security.current_user import Role


class RoleUpdate(BaseModel):
    """The role that a user is to have."""

    role: Role
