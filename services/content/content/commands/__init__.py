"""Changes of the database, and the events and jobs that they cause."""
