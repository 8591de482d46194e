"""The options of `beet similar`, each declared once: its flags, its type, its help, and what it applies to.

A field of `SimilarOptions` is an option, and `option` its row of the table `OPTIONS`. The command line, what
`--refresh` and `--extend` may change, the words of a playlist's recipe, the keys of a mix and docs/similar-options.md
all come from the table. An option that does not say what it applies to is refused everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from beets.ui import UserError

from .option import Option, Use, at_least, option, readable, share
from .percentages import A_PERCENTAGE, parse_percentage
from .times import parse_length, parse_moment, parse_period

if TYPE_CHECKING:
    from musrec_core.search.index import Metric

    from ..config import Space

LIST, JOURNEY, HUBS, COPIES, QUERY, PLAYER = Use.LIST, Use.JOURNEY, Use.HUBS, Use.COPIES, Use.QUERY, Use.PLAYER
SETS = Use.ARTISTS | Use.ALBUMS
AGAIN = Use.REFRESH | Use.EXTEND
STORED = Use.RECIPE | Use.MIX
MODES = (
    Use.LIST, Use.JOURNEY, Use.HUBS, Use.WORDS, COPIES, Use.ARTISTS, Use.ALBUMS, Use.REFRESH, Use.EXTEND
)  # fmt: skip

START, CHOOSE, ORDER, OTHER = "Start from", "Choose", "List", "Other"  # groups in the help
GROUPS = (START, CHOOSE, ORDER, OTHER)
A_QUERY = "a QUERY"


@dataclass(frozen=True)
class SimilarOptions:
    """The options of `beet similar`; what was not given is None, False or empty."""

    album: bool = option("-a", "--album", type="flag", common="add_album_option", needs=A_QUERY,
        applies_to=LIST | STORED, help="match albums instead of tracks")  # fmt: skip
    path: bool = option("-p", "--path", type="flag", common="add_path_option", excludes="why",
        applies_to=LIST | JOURNEY | HUBS | COPIES | SETS | AGAIN,
        help="print paths for matched items or albums")  # fmt: skip
    format: str | None = option("-f", "--format", common="add_format_option", setting=True,
        applies_to=LIST | JOURNEY | HUBS | COPIES | SETS | AGAIN, help="print with custom format")  # fmt: skip

    first: bool = option("--first", group=START, type="flag", needs=A_QUERY, applies_to=LIST | JOURNEY | SETS | STORED,
        help="if QUERY matches many songs, start from the first only")  # fmt: skip
    files: tuple[str, ...] = option("--file", group=START, many=True, metavar="PATH", is_path=True,
        applies_to=LIST | STORED, help="start from a file outside the library (may be repeated)")  # fmt: skip
    from_playlist: str | None = option("--from-playlist", group=START, metavar="FILE", is_path=True,
        applies_to=LIST | STORED, help="start from the songs of a playlist: M3U, XSPF or JSPF")  # fmt: skip
    recent: str | None = option("--recent", group=START, metavar="TIME", applies_to=LIST | STORED,
        check=readable(parse_period, "a time such as 12h, 30d, 4w, 6m (months) or 1y"),
        help="start from what was played within this time, as in 12h, 30d, 4w, 6m (months) or 1y; "
        "with QUERY, from those of its songs")  # fmt: skip
    at: str | None = option("--at", group=START, metavar="TIME", applies_to=LIST | STORED,
        check=readable(parse_moment, "a time such as 2:10 or 130 (seconds)"),
        help="start from the half minute that begins at this time, as in 2:10 or 130 (seconds)")  # fmt: skip
    unlike: tuple[str, ...] = option("--unlike", group=START, many=True, metavar="QUERY",
        applies_to=LIST | AGAIN | STORED | PLAYER,
        help="keep away from the songs that match QUERY (may be repeated)")  # fmt: skip
    more: tuple[str, ...] = option("--more", group=START, many=True, metavar="NAME",
        applies_to=LIST | AGAIN | STORED | PLAYER,
        help="lean towards a genre, a word (see --words) or a mood (valence, arousal); rock:1 is twice as strong as "
        "rock (may be repeated)")  # fmt: skip
    less: tuple[str, ...] = option("--less", group=START, many=True, metavar="NAME",
        applies_to=LIST | AGAIN | STORED | PLAYER,
        help="lean away from a genre, a word or a mood (may be repeated)")  # fmt: skip
    sounds: str | None = option("--sounds", group=START, metavar="WORDS",
        applies_to=LIST | AGAIN | STORED | PLAYER,
        help='lean towards songs that sound like these words, as in "female vocals:0.5"; without a QUERY, list those '
        'that do, as in "calm piano, no drums"')  # fmt: skip

    # ruff can't see that the types of the next two are no mutable classes
    space: Space | None = option(  # noqa: RUF009
        "--space", group=CHOOSE, type="choice", choices=("embedding", "genre"), setting=True,
        applies_to=LIST | JOURNEY | HUBS | SETS | AGAIN | STORED | QUERY | PLAYER,
        help="compare embeddings (default: embedding) or the genre probabilities")  # fmt: skip
    metric: Metric | None = option(  # noqa: RUF009
        "--metric", group=CHOOSE, type="choice", choices=("cosine", "euclidean"),
        applies_to=LIST | JOURNEY | HUBS | SETS | AGAIN | STORED | PLAYER,
        help="distance (default: cosine for embedding, euclidean for genre)")  # fmt: skip
    candidates: str | None = option("--in", group=CHOOSE, metavar="QUERY",
        applies_to=LIST | JOURNEY | SETS | AGAIN | STORED | PLAYER,
        help="choose only from the songs that match QUERY")  # fmt: skip
    weigh: tuple[str, ...] = option("--weigh", group=CHOOSE, many=True, metavar="FIELD:WEIGHT", setting=True,
        applies_to=LIST | AGAIN | STORED | QUERY | PLAYER,
        help="take ratings or counts into account, as in rating:0.2 or skip_count:-0.3 (may be repeated)")  # fmt: skip
    max_per_artist: int | None = option("--max-per-artist", group=CHOOSE, type="int", metavar="N", setting=True,
        check=at_least(0), applies_to=LIST | JOURNEY | Use.ALBUMS | AGAIN | STORED | QUERY | PLAYER,
        help="at most N songs (with --albums: albums) of one artist")  # fmt: skip
    max_per_album: int | None = option("--max-per-album", group=CHOOSE, type="int", metavar="N", setting=True,
        check=at_least(0), applies_to=LIST | AGAIN | STORED | QUERY | PLAYER,
        help="at most N songs of one album")  # fmt: skip
    closer_than: str | None = option("--closer-than", group=CHOOSE, metavar="PERCENT",
        check=readable(parse_percentage, A_PERCENTAGE), applies_to=LIST | AGAIN | STORED | PLAYER,
        help="only songs nearer than this share of all pairs of songs, as in 99%; at most --count")  # fmt: skip
    variety: float | None = option("--variety", group=CHOOSE, type="float", metavar="0..1", setting=True, check=share,
        applies_to=LIST | AGAIN | STORED | PLAYER,
        help="how much the songs should differ from each other (default: 0, the nearest)")  # fmt: skip
    hub_correction: bool | None = option("--hub-correction", group=CHOOSE, type="flag", setting=True,
        applies_to=LIST | SETS | AGAIN | STORED | QUERY | PLAYER,
        help="rank by mutual proximity: a song is near only if the seed is also near to it")  # fmt: skip
    duplicates: bool | None = option("--duplicates", group=CHOOSE, type="flag", setting=True,
        applies_to=LIST | JOURNEY | AGAIN | STORED | QUERY | PLAYER,
        help="list every copy of a recording, not only the best one")  # fmt: skip

    count: int | None = option("-n", "--count", group=ORDER, type="int", metavar="N", setting=True, check=at_least(1),
        excludes="length", applies_to=LIST | JOURNEY | HUBS | SETS | AGAIN | STORED,
        help="how many songs, artists or albums (default: 5)")  # fmt: skip
    length: str | None = option("--length", group=ORDER, metavar="TIME", excludes="count",
        check=readable(parse_length, "a time such as 1h30, 90m or 130 (seconds)"), applies_to=LIST | AGAIN | STORED,
        help="instead of --count: fill this time, as in 1h30, 90m, 1:30:00 or 130 (seconds)")  # fmt: skip
    to: tuple[str, ...] = option("--to", group=ORDER, many=True, metavar="QUERY", applies_to=JOURNEY | STORED,
        help="list a journey of --count songs to this song (may be repeated: the last is the end)")  # fmt: skip
    order: str | None = option("--order", group=ORDER, type="choice", choices=("nearest", "apart", "smooth"),
        setting=True, applies_to=LIST | AGAIN | STORED,
        help="nearest first (default); apart: no artist twice in a row (default for a playlist); "
        "smooth: each song leads to the next")  # fmt: skip
    mix: bool = option("--mix", group=ORDER, type="flag", applies_to=LIST | JOURNEY | AGAIN | STORED,
        help="with --to or --order smooth: also take bpm and initial_key into account, if known")  # fmt: skip
    shuffle: bool = option("--shuffle", group=ORDER, type="flag", replaces="seed", applies_to=LIST | AGAIN | STORED,
        help="choose at random from four times as many, preferring the nearest, in random order")  # fmt: skip
    seed: int | None = option("--seed", group=ORDER, type="int", metavar="N", check=at_least(0),
        applies_to=LIST | AGAIN | STORED, help="repeat an earlier --shuffle, which printed this number")  # fmt: skip
    with_seeds: bool = option("--with-seeds", group=ORDER, type="flag", excludes="no_seeds",
        applies_to=LIST | AGAIN | STORED,
        help="let the seeds be results like other songs, and do not begin the playlist with one")  # fmt: skip
    no_seeds: bool = option("--no-seeds", group=ORDER, type="flag", excludes="with_seeds", needs="playlist",
        applies_to=LIST | Use.REFRESH | Use.RECIPE, help="leave the seed out of the playlist")  # fmt: skip
    why: bool = option("--why", group=ORDER, type="flag", excludes="path", applies_to=LIST | JOURNEY | AGAIN,
        help="below each song, say what it shares with the seed and where it differs")  # fmt: skip

    playlist: str | None = option("-m", "--playlist", group=OTHER, metavar="FILE", applies_to=LIST | JOURNEY | SETS,
        help="write the seed, if it is a single one, and the songs to a playlist (in musrec.playlist.dir if set); "
        "- is standard output")  # fmt: skip
    force: bool = option("--force", group=OTHER, type="flag", needs="playlist", applies_to=LIST | JOURNEY | SETS,
        help="with -m: overwrite a playlist that another program made, or that you changed by hand")  # fmt: skip
    artists: bool = option("--artists", group=OTHER, type="flag", needs=A_QUERY, excludes="albums",
        applies_to=Use.ARTISTS | Use.RECIPE,
        help="list the artists that sound most like the artist of this name, or like those of the songs that QUERY "
        "matches")  # fmt: skip
    albums: bool = option("--albums", group=OTHER, type="flag", needs=A_QUERY, excludes="artists",
        applies_to=Use.ALBUMS | Use.RECIPE,
        help="list the albums that sound most like those that QUERY names")  # fmt: skip
    refresh: tuple[str, ...] = option("--refresh", group=OTHER, many=True, metavar="FILE", applies_to=Use.REFRESH,
        help="refresh a playlist made with -m and keep your changes (may be repeated)")  # fmt: skip
    extend: str | None = option("--extend", group=OTHER, metavar="FILE", applies_to=Use.EXTEND,
        help="add more songs to the end of a playlist made with -m")  # fmt: skip
    hubs: bool = option("--hubs", group=OTHER, type="flag", applies_to=HUBS,
        help="list hubs instead: the songs that are near everything (with QUERY, those that match)")  # fmt: skip
    words: bool = option("--words", group=OTHER, type="flag", applies_to=Use.WORDS,
        help="list the words that --sounds and sounds: know, or the meaning of those in QUERY")  # fmt: skip
    copies: bool = option("--copies", group=OTHER, type="flag", applies_to=COPIES,
        help="list what the library holds twice, the best copy first (with QUERY, of songs that match)")  # fmt: skip

    @property
    def mode(self) -> Use:
        """What `beet similar` does with these."""
        if self.refresh:
            return Use.REFRESH
        if self.extend:
            return Use.EXTEND
        if self.hubs:
            return Use.HUBS
        if self.artists or self.albums:
            return Use.ARTISTS if self.artists else Use.ALBUMS
        if self.words:
            return Use.WORDS
        if self.copies:
            return COPIES
        return Use.JOURNEY if self.to else Use.LIST

    @property
    def may_begin_with_seeds(self) -> bool:
        """Whether a playlist may begin with the seeds."""
        return not (self.no_seeds or self.with_seeds)


OPTIONS: tuple[Option, ...] = tuple(replace(each.metadata["option"], name=each.name) for each in fields(SimilarOptions))
BY_NAME = {row.name: row for row in OPTIONS}


def is_given(value: object) -> bool:
    """Whether an option's value says anything; 0 does."""
    return value is not None and value is not False and value != ()


def given(options: SimilarOptions) -> list[Option]:
    """The options that were given, as the table orders them."""
    return [row for row in OPTIONS if is_given(getattr(options, row.name))]


def check_values(options: SimilarOptions) -> None:
    """Raise `UserError` for a value that an option can't have, and for options that exclude each other."""
    rows = given(options)
    names = {row.name for row in rows}
    for row in rows:
        if row.excludes in names:
            raise UserError(f"{row.flag} and {BY_NAME[row.excludes].flag} can't be combined")
        if row.check and (wanted := row.check(getattr(options, row.name))):
            raise UserError(f"{row.flag} has to be {wanted}")
