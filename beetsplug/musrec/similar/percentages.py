"""Percentages as they are typed: ``99%``, ``99.5%``."""

from __future__ import annotations

import re

A_PERCENTAGE = "a percentage between 0% and 100%, such as 99% or 99.5%"
_PERCENTAGE = re.compile(r"(\d{1,2}(?:\.\d+)?|\.\d+)\s*%")


def percentage_of(text: str) -> float | None:
    """``99.5%`` -> 0.995; None for anything but a percentage above 0 and below 100."""
    found = _PERCENTAGE.fullmatch(text.strip())
    return float(found[1]) / 100 or None if found else None


def parse_percentage(text: str) -> float:
    """The same, but raises `ValueError` for anything else."""
    found = percentage_of(text)
    if found is None:
        raise ValueError(f"not {A_PERCENTAGE}: {text}")
    return found
