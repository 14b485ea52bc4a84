"""The providers that vouch for people: what this service asks of others."""

from auth.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.social.identity import ProvenIdentity
from auth.social.sign_in import SocialSignIn
from auth.types import Provider

__all__ = [
    "InvalidSocialToken",
    "ProvenIdentity",
    "Provider",
    "ProviderNotConfigured",
    "ProviderUnavailable",
    "SocialSignIn",
]
