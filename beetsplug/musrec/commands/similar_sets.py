"""Prints the artists or albums that `beet similar --artists` and `--albums` found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..attributes import fields
from ..console import formatted, print_text
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Library

    from ..similar.artists import SongSet
    from ..similar.options import SimilarOptions

ARTIST_FORMAT = "$musrec_distance  $artist"
ALBUM_FORMAT = "$musrec_distance  $albumartist - $album"


def show(lib: Library, options: SimilarOptions, found: Iterable[SongSet]) -> None:
    """A line for each: an album in a format of albums, an artist in that of its most typical song.

    With ``-p`` the folder of an album, and the files of all songs of an artist.
    """
    for each in found:
        shown = {fields.DISTANCE: f"{each.distance:.3f}"}
        if each.album_id is not None:
            if album := lib.get_album(each.album_id):
                print_text(formatted(album, options.format or ALBUM_FORMAT, shown))
        elif options.path:
            for item in sql.items_of(lib, each.songs):
                print_text(formatted(item, options.format or "$path"))
        elif item := lib.get_item(each.typical):
            print_text(formatted(item, options.format or ARTIST_FORMAT, {**shown, "artist": each.name}))
