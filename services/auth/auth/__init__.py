"""The auth service: accounts, sign-in, access and refresh tokens."""
