"""A server that speaks the Speech service's WebSocket protocol, to drive the real SDK without Azure."""

from tests.azure_double.server import KEY, AzureDouble, Connection
from tests.azure_double.turns import Turn

__all__ = ["KEY", "AzureDouble", "Connection", "Turn"]
