"""Percentages as they are typed: ``99%``, ``99.5%``."""

from __future__ import annotations

import re

PERCENTAGE = re.compile(r"(\d{1,2}(?:\.\d+)?|\.\d+)\s*%")
WANTED = "a percentage between 0% and 100%, such as 99% or 99.5%"


def parse_percentage(text: str) -> float:
    """``99.5%`` -> 0.995; raises `ValueError` for anything but a percentage above 0 and below 100."""
    found = PERCENTAGE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise ValueError(f"not {WANTED}: {text}")
    return float(found[1]) / 100


def check_percentage(text: str) -> str:
    """What an option's value has to be, empty where it is that."""
    try:
        parse_percentage(text)
    except ValueError:
        return f"{WANTED}, not {text}"
    return ""
