"""Why a sign-in with a provider fails."""

from shared.errors import Invalid, Unauthorized, Unavailable


class InvalidSocialToken(Unauthorized):
    """The token does not prove to this app who someone is."""

    code, title = "invalid_social_token", "Invalid social token"


class ProviderNotConfigured(Invalid):
    """People cannot sign in with this provider here."""

    code, title = "provider_not_configured", "Provider not configured"

    def __init__(self) -> None:
        detail = "Signing in with this provider is not set up here; choose another way to sign in."
        super().__init__(detail, errors=[{"pointer": "#/provider", "message": "is not set up here"}])


class ProviderUnavailable(Unavailable):
    """The provider did not answer in time, or not as it documents."""

    code, title = "provider_unavailable", "Identity provider unavailable"

    def __init__(self) -> None:
        super().__init__("The provider cannot be asked right now; try again in a moment.")
