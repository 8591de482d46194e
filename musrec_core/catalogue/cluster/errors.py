"""What Ray says, in one sentence."""

from __future__ import annotations

import re

LONGEST = 300  # characters
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception)): (.+)$", re.MULTILINE)
_WORDY = ("Traceback", "ray::", "sys.path")  # of texts whose last exception is the cause


def ray_sentence(error: BaseException) -> str:
    """An error of Ray's without its colours, tracebacks and stacks: the cause, else the first sentence."""
    text = _COLOURS.sub("", str(error))
    raised = _RAISED.findall(text)
    if raised and any(sign in text for sign in _WORDY):
        said = ": ".join(raised[-1])
    else:
        whole = " ".join(text.split("\n\n")[0].split()) or type(error).__name__
        said = re.split(r"(?<=[a-z])\. (?=[A-Z])", whole)[0]
    return said.strip().rstrip(".")[:LONGEST]
