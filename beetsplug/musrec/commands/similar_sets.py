"""Prints the artists or albums that `beet similar --artists` and `--albums` found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musrec_core._text import printable

from ..attributes import fields
from ..console import formatted, print_text
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Library

    from ..similar.found_sets import SongSet
    from ..similar.options import SimilarOptions

ARTIST_FORMAT = "$musrec_distance  $artist"


def show(lib: Library, options: SimilarOptions, found: Iterable[SongSet]) -> None:
    """A line for each: an album in a format of albums, an artist in that of its most typical song.

    With ``-p`` the folder of an album, and the files of all songs of an artist.
    """
    for each in found:
        shown = {fields.DISTANCE: f"{each.distance:.3f}"}
        if each.album_id is not None:
            if not options.format:  # `$albumartist - $album`, either of which may be empty
                print_text(f"{shown[fields.DISTANCE]}  {printable(each.name)}")
            elif album := lib.get_album(each.album_id):
                print_text(formatted(album, options.format, shown))
        elif options.path:
            for song in sql.items_of(lib, each.songs):
                print_text(formatted(song, options.format or "$path"))
        elif item := lib.get_item(each.typical):
            print_text(formatted(item, options.format or ARTIST_FORMAT, {**shown, "artist": each.name}))
