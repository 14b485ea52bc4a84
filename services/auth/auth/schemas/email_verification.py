from shared.http.fields import RequestModel

from auth.types import OpaqueToken


class VerifyEmailRequest(RequestModel):
    token: OpaqueToken
