"""What made the shipped encoder, and can make yours: ``python -m training``."""
