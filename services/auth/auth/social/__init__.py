"""Sign-in with Google, Apple and Facebook: verification of the tokens that they issue."""

from auth.social.apple import AppleClient, AppleRefused
from auth.social.identity import VerifiedIdentity
from auth.social.json_client import JsonClient
from auth.social.sign_in import SocialSignIn
from auth.social.used_tokens import UsedTokens

__all__ = ["AppleClient", "AppleRefused", "JsonClient", "SocialSignIn", "UsedTokens", "VerifiedIdentity"]
