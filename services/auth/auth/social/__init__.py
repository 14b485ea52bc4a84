"""The providers that vouch for people: what this service asks of others."""

from auth.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.social.identity import VerifiedIdentity
from auth.social.sign_in import SocialSignIn
from auth.types import Provider

__all__ = [
    "InvalidSocialToken",
    "Provider",
    "ProviderNotConfigured",
    "ProviderUnavailable",
    "SocialSignIn",
    "VerifiedIdentity",
]
