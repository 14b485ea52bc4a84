"""The providers that vouch for people: what this service asks of others."""

from auth.clients.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.clients.identity import ProvenIdentity
from auth.clients.social_sign_in import SocialSignIn
from auth.schemas import Provider

__all__ = [
    "InvalidSocialToken",
    "ProvenIdentity",
    "Provider",
    "ProviderNotConfigured",
    "ProviderUnavailable",
    "SocialSignIn",
]
