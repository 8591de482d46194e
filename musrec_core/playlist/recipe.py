"""A playlist's recipe, kept in its comments: how it was made, its songs, and those taken out by hand.

All of it stands in comment lines that begin with ``#MUSREC``, which players ignore. A reader that wants whole lines
in a buffer of its own (MPD: 4096 bytes) must not take the rest of a long one for a song, so that no line is long.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .._text import printable
from .entry import Kept
from .formats import playlist_text

__all__ = ["Document", "Kept", "Recipe", "mark", "parse", "read"]

MAX_LINE_LENGTH = 200  # characters
_OURS = b"#MUSREC"
_COMMAND, _OPTIONS, _MODEL, _SEEDS = "#MUSREC:", "#MUSREC-OPTIONS:", "#MUSREC-MODEL:", "#MUSREC-SEEDS:"
_SONGS, _WITHOUT = "#MUSREC-SONGS:", "#MUSREC-WITHOUT:"
# what tells songs of one name apart stands last, where earlier versions pass over it
_SONG = re.compile(r"\b([0-9a-f]{12})\.([0-9a-f]{8})(\.[0-9a-f]{10})?\b")
_KEY = re.compile(r"\b[0-9a-f]{12}(?:\.[0-9a-f]{10})?\b")


@dataclass(frozen=True)
class Recipe:
    """How a playlist was made.

    Attributes
    ----------
    words : tuple of str
        The command, as ``beet`` takes it: ``("similar", "-n", "20", "The Scientist")``.
    options : tuple of str
        What the command does not say itself.
    model : str
        The encoder whose vectors were compared.
    seeds : str
        What the songs are near to, for a reader.
    songs : tuple of (str, str)
        Of each song that was written, a key that knows it again and the `mark` of its line. A key is 12 hexadecimal
        digits, and perhaps a point and 10 more.
    without : tuple of str
        The keys of songs that were taken out by hand.
    """

    words: tuple[str, ...]
    options: tuple[str, ...] = ()
    model: str = ""
    seeds: str = ""
    songs: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()

    def lines(self) -> list[bytes]:
        """The comment lines.

        Raises
        ------
        ValueError
            A word holds a line break or another control character.
        """
        if any(word != printable(word) for word in (*self.words, *self.options)):
            raise ValueError("a control character in the command")
        songs = [f"{key[:12]}.{mark_}{key[12:]}" for key, mark_ in self.songs]
        lines = [
            *_cut(_COMMAND, shlex.join(("beet", *self.words))),
            *_cut(_OPTIONS, shlex.join(self.options)),
            *_cut(_MODEL, printable(self.model)),
            *_cut(_SEEDS, printable(self.seeds)),
            *_wrapped(_SONGS, songs),
            *_wrapped(_WITHOUT, self.without),
        ]
        return [line.encode("utf-8", "surrogateescape") for line in lines]


def _cut(prefix: str, text: str) -> Iterator[str]:
    """A text in lines; none ends with a space, which an editor might take away."""
    while text:
        end = len(text) if len(text) <= MAX_LINE_LENGTH else max(1, len(text[:MAX_LINE_LENGTH].rstrip()))
        yield prefix + text[:end]
        text = text[end:]


def _wrapped(prefix: str, words: Sequence[str]) -> Iterator[str]:
    """Words, some a line."""
    a_line = MAX_LINE_LENGTH // (max(map(len, words), default=0) + 1)
    for first in range(0, len(words), a_line):
        yield prefix + " ".join(words[first : first + a_line])


@dataclass(frozen=True)
class Document:
    """A playlist: the comments before its first entry, the entries, the comments after the last, and its recipe."""

    head: tuple[bytes, ...]
    entries: tuple[Kept, ...]
    tail: tuple[bytes, ...]
    recipe: Recipe | None

    def is_as_written(self) -> bool:
        """Whether nothing was edited by hand: no song added, moved or ever taken out, no comment written."""
        if self.recipe is None or self.recipe.without or self.head or self.tail:
            return False
        if any(not comment.startswith(b"#EXTINF") for entry in self.entries for comment in entry.comments):
            return False
        return [mark(entry.location) for entry in self.entries] == [mark_ for _, mark_ in self.recipe.songs]


def mark(location: bytes) -> str:
    """A digest by which a line is recognised [8 hexadecimal digits]."""
    return hashlib.sha1(location, usedforsecurity=False).hexdigest()[:8]


def read(path: str | bytes | os.PathLike[str]) -> Document:
    """Read a playlist.

    Raises
    ------
    OSError
        It can't be read.
    PlaylistError
        It is no playlist.
    ValueError
        As `parse` does.
    """
    return parse(playlist_text(path))


def parse(content: bytes) -> Document:
    """Parse the text of a playlist.

    Raises
    ------
    ValueError
        The recipe's command is damaged: a quote that nothing closes.
    """
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    ours = [line for line in lines if line.startswith(_OURS)]
    comments: list[bytes] = []
    head: list[bytes] = []
    entries: list[Kept] = []
    for line in lines:
        if not line.strip() or line.startswith(_OURS) or line.strip().upper() == b"#EXTM3U":
            continue
        if line.startswith(b"#"):
            comments.append(line)
            continue
        if not entries:
            first = next((n for n, comment in enumerate(comments) if comment.startswith(b"#EXTINF")), len(comments))
            head, comments = comments[:first], comments[first:]
        entries.append(Kept(tuple(comments), line))
        comments = []
    return Document(tuple(head), tuple(entries), tuple(comments), _recipe(ours))


def _recipe(lines: Iterable[bytes]) -> Recipe | None:
    texts = [line.decode("utf-8", "surrogateescape") for line in lines]

    def joined(prefix: str, between: str = "") -> str:
        return between.join(text.removeprefix(prefix) for text in texts if text.startswith(prefix))

    words = shlex.split(joined(_COMMAND))
    if len(words) < 2:  # `beet` and a command
        return None
    return Recipe(
        words=tuple(words[1:]),
        options=tuple(shlex.split(joined(_OPTIONS))),
        model=joined(_MODEL),
        seeds=joined(_SEEDS),
        songs=tuple((key + (more or ""), mark_) for key, mark_, more in _SONG.findall(joined(_SONGS, " "))),
        without=tuple(_KEY.findall(joined(_WITHOUT, " "))),
    )
