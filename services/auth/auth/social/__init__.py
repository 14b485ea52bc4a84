"""Sign-in with Google, Apple and Facebook: verification of the tokens that they issue."""

from auth.social.identity import VerifiedIdentity
from auth.social.sign_in import SocialSignIn
from auth.social.used_tokens import UsedTokens

__all__ = ["SocialSignIn", "UsedTokens", "VerifiedIdentity"]
