"""Memory budget of export streams."""

from game.export.budget import ExportBudget

__all__ = ["ExportBudget"]
