"""What was heard, skipped, removed and added: from one look at the queue to the next. Knows neither MPD nor beets.

A song counts as skipped if another one was chosen before half of it, or four minutes, had been played. Not as skipped
counts one at which the player was stopped, or that was left for an earlier place of the queue, with the whole queue, or
because it could not be played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

HEARD_SHARE, HEARD_SECONDS = 0.5, 240.0  # of a song, after which it counts as heard: as scrobbling does
AT_THE_END = 2.0  # seconds before the end: what stops there ended by itself
SITTING = 3600.0  # seconds without a new song, after which what was heard before says nothing of the mood now


@dataclass(frozen=True)
class Song:
    """A song of the library: its key (`song_keys`), and the id that its item had."""

    key: str
    id: int = field(compare=False)


class Entry(NamedTuple):
    """A place in the queue: the player's id of it, and what it plays."""

    id: str
    uri: str


@dataclass(frozen=True)
class Look:
    """The queue and the player at one time."""

    at: float  # seconds, of a clock that never goes back
    state: str  # play, pause or stop
    queue: tuple[Entry, ...]
    place: int | None = None  # of the current song
    elapsed: float = 0.0  # [s] of it
    duration: float = 0.0  # [s] of it, 0 where it is not known
    random: bool = False
    consume: bool = False
    error: str = ""  # the last song that could not be played, and why

    @property
    def current(self) -> Entry | None:
        """The song that plays, or at which the player was paused or stopped."""
        return self.queue[self.place] if self.place is not None and self.place < len(self.queue) else None

    @property
    def coming(self) -> tuple[Entry, ...]:
        """The places behind the current song; all without one."""
        return self.queue if self.place is None else self.queue[self.place + 1 :]


@dataclass(frozen=True)
class Heard:
    """A song that was played."""

    song: Song
    at: float  # when it began [s since 1970]
    skipped: bool = False


@dataclass
class Memory:
    """What is kept from one run to the next."""

    heard: list[Heard] = field(default_factory=list)  # the last one last
    removed: dict[Song, float] = field(default_factory=dict)  # from the queue by hand -> when [s since 1970]
    appended: list[Song] = field(default_factory=list)  # by the radio, and still in the queue


class Listening:
    """Follows a player by looks at it, and says what to go by.

    Parameters
    ----------
    memory : Memory
        Is changed.
    count : int
        Songs to go by.
    """

    def __init__(self, memory: Memory, count: int) -> None:
        self.memory, self._count = memory, count
        self.ran_dry = False  # the queue ended by itself: nobody stopped it
        self._last: Look | None = None
        self._songs: Mapping[str, Song] = {}
        self._own: set[str] = set()  # ids of the places that the radio filled
        self._begun: set[str] = set()  # ids of the places that were played
        self._playing: str | None = None  # the last of them
        self._unseen: dict[str, Song] = {}  # what the radio has appended since the last look
        self._is_new = True

    @property
    def _look(self) -> Look:
        if self._last is None:
            raise ValueError("there was no look at the player yet")
        return self._last

    def reconnected(self) -> None:
        """Forget the queue: another one, or the same with other ids, is to come. What was heard stays."""
        self._last, self._playing = None, None
        self._own.clear()
        self._begun.clear()
        self._unseen.clear()

    def append(self, song: Song, put: Callable[[], str | None]) -> str | None:
        """Put a song into the queue, and note that the radio did it, even if it is ended meanwhile.

        Parameters
        ----------
        put : callable
            Does it, and gives the id of the place; None where the player does not know the song.
        """
        self.memory.appended.append(song)
        id_ = put()
        if id_ is None:
            self.memory.appended.remove(song)
        else:
            self._own.add(id_)
            self._unseen[id_] = song
        return id_

    def observe(self, look: Look, songs: Mapping[str, Song], now: float) -> None:
        """Take in a look at the player.

        Parameters
        ----------
        songs : mapping of str to Song
            Those of the queue that are in the library, by what the queue calls them.
        now : float
            Seconds since 1970.
        """
        before, self._last = self._last, look
        known, self._songs = self._songs, songs
        if before is None:
            self._recognise(look, songs, now)
        else:
            self._compare(before, look, {**known, **songs}, now)
        self._note_start(look, songs, now)
        self.memory.appended = [
            song for entry in look.queue if entry.id in self._own and (song := songs.get(entry.uri)) is not None
        ]

    def _recognise(self, look: Look, songs: Mapping[str, Song], now: float) -> None:
        """The first look: what the radio appended earlier; what of it is missing was removed meanwhile."""
        found = {song for entry in look.queue if (song := songs.get(entry.uri)) is not None}
        own = set(self.memory.appended)
        self._own = {entry.id for entry in look.queue if songs.get(entry.uri) in own}
        if self._is_new and self._own:  # else the queue is another one, or the player lost it
            self.memory.removed.update(dict.fromkeys(own - found, now))
        self._is_new = False

    def _compare(self, before: Look, look: Look, songs: Mapping[str, Song], now: float) -> None:
        there, earlier = {entry.id for entry in look.queue}, {entry.id for entry in before.queue}
        gone = [entry for entry in before.queue if entry.id not in there]
        cleared = bool(gone) and len(gone) == len(before.queue)
        left = before.current
        if left is not None and look.current is not None and look.current.id == left.id:
            left = None
        self._judge(before, look, left, songs, cleared=cleared)
        if not cleared:
            in_queue = {songs.get(entry.uri) for entry in look.queue}
            for entry in gone:
                consumed = entry == left and (before.consume or look.consume)
                song = songs.get(entry.uri)
                if song is not None and song not in in_queue and not consumed:
                    self.memory.removed[song] = now
            for id_, song in self._unseen.items():
                if id_ not in there and song not in in_queue:  # at once
                    self.memory.removed[song] = now
        self._unseen.clear()
        for entry in look.queue:
            if entry.id not in earlier and (song := songs.get(entry.uri)) is not None:
                self.memory.removed.pop(song, None)  # it is wanted again

    def _judge(self, before: Look, look: Look, left: Entry | None, songs: Mapping[str, Song], *, cleared: bool) -> None:
        """Note whether the song that was left was skipped, and whether the queue has ended."""
        if look.state != "stop" or look.current is not None or not look.queue:
            self.ran_dry = False
        if left is None or before.state == "stop":
            return
        position = before.elapsed + (look.at - before.at if before.state == "play" else 0.0)
        ended = position >= before.duration - AT_THE_END
        alone = not before.coming or before.random
        self.ran_dry = look.state == "stop" and look.current is None and ended and alone
        heard = ended or position >= min(HEARD_SHARE * before.duration, HEARD_SECONDS)
        back = not before.random and look.place is not None and before.place is not None and look.place < before.place
        song = songs.get(left.uri)
        failed = look.error not in ("", before.error)
        if song is not None and not (heard or cleared or back or failed):
            self._mark_skipped(song)

    def _mark_skipped(self, song: Song) -> None:
        for place in range(len(self.memory.heard) - 1, -1, -1):
            if self.memory.heard[place].song == song:
                self.memory.heard[place] = replace(self.memory.heard[place], skipped=True)
                return

    def _note_start(self, look: Look, songs: Mapping[str, Song], now: float) -> None:
        current = look.current
        if current is None or look.state == "stop" or current.id == self._playing:
            return
        self._playing = current.id
        self._begun.add(current.id)
        song = songs.get(current.uri)
        if song is None:
            return
        heard = self.memory.heard
        if heard and heard[-1].song == song:  # of before a restart
            heard.pop()
        heard.append(Heard(song, now))

    # What to go by.

    def left(self) -> int:
        """How many songs are still to come; in random order those that were not played yet."""
        look = self._look
        if look.random:
            lately = {each.song for each in self._sitting(max((each.at for each in self.memory.heard), default=0.0))}
            return sum(
                entry != look.current and entry.id not in self._begun and self._songs.get(entry.uri) not in lately
                for entry in look.queue
            )
        if look.current is None:  # the first of the queue will be next
            return 0 if self.ran_dry else max(len(look.queue) - 1, 0)
        return len(look.coming)

    def seeds(self, now: float) -> list[Song]:
        """The songs to go by, the last one last: those heard in this sitting, the current one, those added by hand."""
        look = self._look
        heard = [each.song for each in self._sitting(now) if not each.skipped]
        current = self._in_library([look.current] if look.current else [])
        added = self._in_library(
            entry for entry in self._to_come() if entry.id not in self._own and entry.id not in self._begun
        )
        skipped = {each.song for each in self._sitting(now) if each.skipped}
        found = _last_of_each([*heard, *(song for song in current if song not in skipped), *added])
        anything = found or current or self._in_library(look.queue)
        return (anything or [each.song for each in self.memory.heard if not each.skipped])[-self._count :]

    def against(self, now: float) -> list[Song]:
        """The songs that were skipped in this sitting, the last one last, and are not among those to go by."""
        seeds = self.seeds(now)
        skipped = _last_of_each(each.song for each in self._sitting(now) if each.skipped)
        return [song for song in skipped if song not in seeds][-self._count :]

    def unwanted(self, since: float) -> set[Song]:
        """The songs not to append: those heard or removed since then, and those of the queue.

        What stands before the current song may come again, if it was heard before that time.
        """
        look = self._look
        found = {each.song for each in self.memory.heard if each.at >= since} | set(self.memory.removed)
        past = set() if look.random else set(look.queue[: look.place or 0])
        heard = {each.song for each in self.memory.heard}
        return found | {
            song
            for entry in look.queue
            if (song := self._songs.get(entry.uri)) is not None and not (entry in past and song in heard)
        }

    def latest(self) -> list[Song]:
        """What was heard and what is to come, in the order of playing."""
        coming = self._in_library(self._look.coming)
        return [*(each.song for each in self.memory.heard if each.song not in coming), *coming]

    def _to_come(self) -> Sequence[Entry]:
        return self._look.queue if self._look.random else self._look.coming

    def _in_library(self, entries: Iterable[Entry]) -> list[Song]:
        return [song for entry in entries if (song := self._songs.get(entry.uri)) is not None]

    def _sitting(self, now: float) -> list[Heard]:
        """What was heard without a break of an hour, up to now."""
        found: list[Heard] = []
        later = now
        for each in reversed(self.memory.heard):
            if later - each.at > SITTING:
                break
            found.append(each)
            later = each.at
        return found[::-1]


def _last_of_each(songs: Iterable[Song]) -> list[Song]:
    """Each song once, where it comes last."""
    return list(dict.fromkeys(reversed(list(songs))))[::-1]
