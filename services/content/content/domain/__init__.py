"""Decisions on speeches, tags, draws and plays. Pure: no database, no network, no clock."""
