"""Answers in the shapes of AudioMuse-AI, which its clients for media servers and players speak, below `/api`."""

from .routes import blueprint

__all__ = ["blueprint"]
