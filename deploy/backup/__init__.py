"""Backup and restore of a whole system: the databases of all services, and the bucket."""
