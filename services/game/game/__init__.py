"""The game service: sessions as they were played, a learner's progress, and everybody's activity."""
