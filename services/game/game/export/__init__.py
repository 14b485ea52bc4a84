"""Streams of exports: how many bytes they may hold, and how slowly they may be read."""

from game.export.budget import ExportBudget
from game.export.response import PacedResponse

__all__ = ["ExportBudget", "PacedResponse"]
