from typing import Annotated

from pydantic import BaseModel, Field

from auth.types import Email, OpaqueToken, Password


class ForgotPasswordRequest(BaseModel):
    email: Email


class ResetPasswordRequest(BaseModel):
    token: OpaqueToken
    password: Annotated[Password, Field(examples=["Brandnew4Password"])]
