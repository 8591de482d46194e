"""File -> clip -> log-mel."""
