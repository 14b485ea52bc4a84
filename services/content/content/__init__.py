"""The catalogue of speeches: what learners hear, how it is tagged, and how a draw from it stays fair."""
