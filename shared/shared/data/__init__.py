"""PostgreSQL, Redis and S3."""
