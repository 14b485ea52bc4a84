"""Recordings, in memory only. The API imports this package, so it must not import FFmpeg or numpy here."""
