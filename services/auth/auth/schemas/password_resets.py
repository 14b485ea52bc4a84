"""Password resets."""

from pydantic import BaseModel

from auth.types import Email, OpaqueToken, Password


class ForgotPasswordRequest(BaseModel):
    """Whose password is to be set anew."""

    email: Email


class ResetPasswordRequest(BaseModel):
    """A password, and the token of the link that allows to set it."""

    token: OpaqueToken
    password: Password
