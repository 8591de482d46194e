"""Which type the values of a CSV column have, and text made into that type."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

NULLS = pa.array(["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "None"])  # of what is no text
GUESSED = (pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
_EARLIER = 10  # rows of numbers before one that is none, for it to be remarkable
_NO_NUMBER = r"^[+-]?0[0-9xX]|^[+-]?[0-9]{19,}$"  # 007, a barcode, a long key: a number would lose digits of it


class Guess:
    """The narrowest type that all values of a column have.

    Attributes
    ----------
    misfit : (int, str), optional
        The first row (from 0) that made text of what had been narrower, and its value.
    """

    def __init__(self, wanted: pa.DataType | None = None) -> None:
        self._left = [wanted] if wanted is not None else list(GUESSED)
        self._wanted = wanted
        self._saw_any = False
        self.misfit: tuple[int, str] | None = None

    @property
    def type(self) -> pa.DataType:
        """The type as far as seen; that of nulls where there was no value."""
        if self._wanted is not None:
            return self._wanted
        if not self._left:
            return pa.string()
        return self._left[0] if self._saw_any else pa.null()

    def see(self, texts: pa.ChunkedArray, first: int) -> None:
        """Take some more values, whose first is row ``first``."""
        if not self._left or self.misfit is not None:
            return
        misfits = []
        fitting = []
        for kind in self._left:
            column, misfit = to_type(texts, kind)
            if misfit is None:
                fitting.append(kind)
                self._saw_any = self._saw_any or column.null_count < len(column)
            else:
                misfits.append(misfit)
        if not fitting:
            row = max(misfits)
            if self._wanted is not None or first + row >= _EARLIER:
                self.misfit = first + row, texts[row].as_py()
        self._left = fitting


def to_type(texts: pa.ChunkedArray, wanted: pa.DataType) -> tuple[pa.ChunkedArray, int | None]:
    """Text -> a column of a type, and the first value that is none of it (or None). Empty text becomes null."""
    if pa.types.is_null(wanted):
        wanted = pa.string()
    if pa.types.is_string(wanted) or pa.types.is_large_string(wanted):
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts).cast(wanted), None
    bare = pc.utf8_trim_whitespace(texts)
    bare = pc.if_else(pc.is_in(bare, value_set=NULLS), pa.scalar(None, pa.string()), bare)
    try:
        column = _cast(bare, wanted)
    except pa.ArrowException:
        return texts, _first_misfit(bare, wanted)
    return column, None


def _cast(bare: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    number = pa.types.is_integer(wanted) or pa.types.is_floating(wanted)
    if number and pc.any(pc.match_substring_regex(bare, _NO_NUMBER)).as_py():
        raise pa.ArrowInvalid("digits would be lost")
    return bare.cast(wanted)


def _first_misfit(bare: pa.ChunkedArray, wanted: pa.DataType) -> int:
    """Where the first value is that can't be cast, by halving."""
    low, high = 0, len(bare)  # the first `low` can be; the first `high` can't
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _cast(bare.slice(low, middle - low), wanted)
        except pa.ArrowException:
            high = middle
        else:
            low = middle
    return low
