from pydantic import BaseModel

from auth.types import OpaqueToken


class VerifyEmailRequest(BaseModel):
    token: OpaqueToken
