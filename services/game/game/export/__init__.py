"""How many bytes the streams of exports may hold."""

from game.export.budget import ExportBudget

__all__ = ["ExportBudget"]
