"""Data for sign-in limits beyond the counters of `shared.http.ratelimit`."""

from auth.limits.known_addresses import KnownAddresses

__all__ = ["KnownAddresses"]
