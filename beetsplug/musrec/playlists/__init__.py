"""Playlists: their files, building and refreshing them, mixes."""
