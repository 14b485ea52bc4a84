"""The game service: sessions, learners' progress and activity."""
