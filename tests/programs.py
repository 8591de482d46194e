"""Programs that some tests drive, and the command that brings them."""

from __future__ import annotations

import shutil

import pytest

HINT = "`make programs` installs it on Debian and its kin"


def missing(*names: str) -> str:
    """Why a test can't run here: the first program that is not installed; empty where all are."""
    return next((f"{name} is not installed: {HINT}" for name in names if shutil.which(name) is None), "")


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed."""
    reason = missing(*names)
    return pytest.mark.skipif(bool(reason), reason=reason)
