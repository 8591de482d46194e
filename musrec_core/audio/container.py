"""Opening a file with PyAV, whatever its tags hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer


def open_input(file: Any, **options: Any) -> InputContainer:
    """``av.open`` for reading; tags that are no UTF-8 do not matter.

    PyAV 19 decodes every tag and has no option for it; before, one such tag was an error without ``metadata_errors``.
    """
    import av

    if int(av.__version__.partition(".")[0]) < 19:
        options["metadata_errors"] = "ignore"
    return av.open(file, **options)
