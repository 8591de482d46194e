"""The axes of mood and their quadrants: Russell, "A circumplex model of affect" (1980)."""

from __future__ import annotations

AXES = ("valence", "arousal")  # in the order of a mood head's logits: unpleasant to pleasant, calm to excited
QUADRANTS = {"Q1": (1, 1), "Q2": (0, 1), "Q3": (0, 0), "Q4": (1, 0)}  # whether high, by axis, in the order of `AXES`
