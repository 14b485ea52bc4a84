"""The auth service: accounts, sign-ins and roles."""
