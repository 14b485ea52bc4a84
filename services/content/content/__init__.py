"""The content service: speeches, tags, random draws and play statistics."""
