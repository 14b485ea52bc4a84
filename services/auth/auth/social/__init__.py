"""The providers that vouch for people: what this service asks of others."""

from auth.schemas import Provider
from auth.social.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.social.identity import ProvenIdentity
from auth.social.sign_in import SocialSignIn

__all__ = [
    "InvalidSocialToken",
    "ProvenIdentity",
    "Provider",
    "ProviderNotConfigured",
    "ProviderUnavailable",
    "SocialSignIn",
]
