"""Pure rules and decisions: no database, no clock, no network."""
