"""What counts as heard, skipped, removed and added: sequences of looks at a queue, without a player."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beetsplug.musrec.radio.listening import SITTING, Entry, Heard, Listening, Look, Memory, Song

SECONDS = 200.0  # of each song
SONGS = {letter: Song(letter, ord(letter)) for letter in string.ascii_lowercase}


class Deck:
    """A player in which letters are songs of the library, capitals are not; each step moves its clock on."""

    def __init__(self, queue: str = "", memory: Memory | None = None, *, count: int = 5, now: float = 1e9) -> None:
        self.memory = memory or Memory()
        self.listening = Listening(self.memory, count)
        self.at, self.now = 100.0, now
        self.ids = 0
        self.entries: list[Entry] = []
        self.place: int | None = None
        self.state, self.began, self.shown = "stop", 0.0, 0.0
        self.random = self.consume = False
        self.error = ""
        self.add(queue)

    def add(self, letters: str, *, by_radio: bool = False, look: bool = True) -> Deck:
        for letter in letters:
            self.ids += 1
            self.entries.append(Entry(str(self.ids), letter))
            if by_radio:
                self.listening.append(SONGS[letter], lambda: str(self.ids))
        return self.look() if look else self

    def look(self, after: float = 0.0) -> Deck:
        self.at, self.now = self.at + after, self.now + after
        if self.state == "play":
            self.shown += after
        self.listening.observe(
            Look(
                self.at, self.state, tuple(self.entries), self.place, self.shown,
                0.0 if self.place is None else SECONDS,
                random=self.random, consume=self.consume, error=self.error,
            ),
            {entry.uri: SONGS[entry.uri] for entry in self.entries if entry.uri in SONGS},
            self.now,
        )  # fmt: skip
        return self

    def play(self, letter: str, after: float = 0.0) -> Deck:
        """So many seconds later, another song begins."""
        left = self.entries[self.place] if self.place is not None else None
        self.place = next(n for n, entry in enumerate(self.entries) if entry.uri == letter)
        if self.consume and left is not None:
            self.remove(left.uri, look=False)
        return self._begin(after)

    def _begin(self, after: float) -> Deck:
        self.at, self.now = self.at + after, self.now + after
        self.state, self.shown = "play", 0.0
        return self.look()

    def remove(self, letters: str, *, look: bool = True) -> Deck:
        current = self.entries[self.place] if self.place is not None else None
        self.entries = [entry for entry in self.entries if entry.uri not in letters]
        if current is not None:
            self.place = self.entries.index(current) if current in self.entries else self.place
            if self.place is not None and self.place >= len(self.entries):
                self.place, self.state = None, "stop"
        return self.look() if look else self

    def run_out(self, after: float) -> Deck:
        self.at, self.now = self.at + after, self.now + after
        self.place, self.state, self.shown = None, "stop", 0.0
        return self.look()

    # What it says.

    @property
    def seeds(self) -> str:
        return _letters(self.listening.seeds(self.now))

    @property
    def against(self) -> str:
        return _letters(self.listening.against(self.now))

    @property
    def heard(self) -> str:
        """Skipped ones are capitals."""
        return "".join(each.song.key.upper() if each.skipped else each.song.key for each in self.memory.heard)

    @property
    def removed(self) -> str:
        return "".join(sorted(song.key for song in self.memory.removed))

    def unwanted(self, within: float = 3600.0) -> str:
        return "".join(sorted(song.key for song in self.listening.unwanted(self.now - within)))


def _letters(songs: Sequence[Song]) -> str:
    return "".join(song.key for song in songs)


# Heard and skipped.


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [(3, "Ab"), (99, "Ab"), (101, "ab"), (200, "ab"), (1000, "ab")],
)
def test_a_song_left_before_half_of_it_is_skipped(seconds: float, heard: str) -> None:
    assert Deck("abc").play("a").play("b", after=seconds).heard == heard


def test_a_pause_does_not_make_a_song_heard() -> None:
    deck = Deck("abc").play("a").look(after=10)
    deck.state = "pause"
    deck.look().look(after=500)
    assert deck.play("b").heard == "Ab"


def test_four_minutes_of_a_long_song_are_enough() -> None:
    listening = Listening(Memory(), 5)
    queue = (Entry("1", "a"), Entry("2", "b"))
    listening.observe(Look(0.0, "play", queue, 0, 0.0, 3600.0), SONGS, 1e9)
    listening.observe(Look(250.0, "play", queue, 1, 0.0, 200.0), SONGS, 1e9 + 250)
    assert [each.skipped for each in listening.memory.heard] == [False, False]


def test_a_song_that_is_sought_to_its_end_was_heard() -> None:
    deck = Deck("ab").play("a")
    deck.shown = 190.0
    assert deck.look().play("b", after=10).heard == "ab"


def test_no_skip_is_what_stops_pauses_clears_goes_back_or_fails() -> None:
    stopped = Deck("abc").play("a", after=5)
    stopped.state = "stop"
    assert stopped.look().play("c").heard == "ac"
    assert Deck("abc").play("c").play("a", after=5).heard == "ca"
    assert Deck("abc").play("a").remove("abc").heard == "a"
    broken = Deck("abc").play("a")
    broken.error = "a can't be decoded"
    assert broken.play("b", after=0.1).play("c", after=5).heard == "aBc"


def test_to_delete_the_song_that_plays_is_a_skip_and_a_removal() -> None:
    deck = Deck("abc").play("a").look(after=5).remove("a")
    assert (deck.heard, deck.removed) == ("Ab", "a")


def test_next_on_the_last_song_is_a_skip() -> None:
    deck = Deck("ab").play("b").run_out(after=5)
    assert (deck.heard, deck.listening.ran_dry) == ("B", False)


def test_a_queue_that_ends_by_itself_ran_dry() -> None:
    deck = Deck("ab").play("b").run_out(after=SECONDS)
    assert (deck.heard, deck.listening.ran_dry, deck.listening.left()) == ("b", True, 0)
    assert deck.play("a").listening.ran_dry is False


def test_a_queue_that_was_stopped_or_cleared_did_not_run_dry() -> None:
    stopped = Deck("ab").play("b").look(after=199)
    stopped.state = "stop"
    assert stopped.look().listening.ran_dry is False
    assert Deck("ab").play("a").remove("ab").listening.ran_dry is False


def test_the_song_that_plays_on_is_noted_once() -> None:
    deck = Deck("ab").play("a").look(after=50).look(after=50)
    deck.state = "pause"
    deck.look()
    deck.state = "play"
    assert deck.look().heard == "a"


def test_what_is_not_in_the_library_is_no_song() -> None:
    deck = Deck("aXb").play("a").play("X", after=150).play("b", after=5)
    assert (deck.heard, deck.seeds) == ("ab", "ab")
    assert Deck("XY").play("X").seeds == ""


# What to go by.


def test_the_seeds_are_the_last_few_that_were_heard() -> None:
    deck = Deck("abcdef", count=3)
    deck.listening._own = {entry.id for entry in deck.entries}
    for letter in "abcde":
        deck.play(letter, after=150)
    assert deck.seeds == "cde"


def test_skipped_songs_count_against() -> None:
    deck = Deck("abcd").play("a").play("b", after=150).play("c", after=5)
    assert (deck.against, deck.seeds) == ("b", "acd")
    deck.play("d", after=5).play("b", after=150)  # chosen by hand after all
    assert "b" not in deck.against


def test_what_was_added_by_hand_is_gone_by_and_what_the_radio_added_is_not() -> None:
    deck = Deck("a").play("a").add("bc", by_radio=True).add("d")
    assert deck.seeds == "ad"
    assert deck.play("b", after=150).play("c", after=150).play("d", after=150).seeds == "abcd"


def test_a_queue_that_was_not_begun_is_gone_by() -> None:
    assert Deck("abc").seeds == "abc"


def test_what_was_heard_before_a_break_says_nothing_of_the_mood_now() -> None:
    memory = Memory([Heard(SONGS["x"], 1e9 - SITTING - 1000), Heard(SONGS["y"], 1e9 - 1000, True)])
    deck = Deck("ab", memory, now=1e9 + SITTING).play("a")
    assert (deck.seeds, deck.against) == ("ab", "")
    assert Deck("", Memory([Heard(SONGS["x"], 1e9 - 9 * SITTING)])).seeds == "x"  # better than nothing


# Left.


def test_left_is_what_comes_after_the_current_song() -> None:
    deck = Deck("abcd")
    assert deck.listening.left() == 3
    assert deck.play("b").listening.left() == 2
    assert deck.play("d").listening.left() == 0


def test_in_random_order_left_is_what_was_not_played() -> None:
    deck = Deck("abcd")
    deck.random = True
    assert deck.play("c").listening.left() == 3
    assert deck.play("a", after=150).listening.left() == 2
    again = Deck("abcd", deck.memory, now=deck.now)  # after a restart of the radio
    again.random = True
    assert again.play("b").listening.left() == 1
    later = Deck("abcd", deck.memory, now=deck.now + 9 * SITTING)  # what was heard yesterday is to come, too
    later.random = True
    assert later.play("b").listening.left() == 3


def test_consumed_songs_were_not_removed() -> None:
    deck = Deck("abc")
    deck.consume = True
    deck.play("a").play("b", after=150).play("c", after=5)
    assert (deck.heard, deck.removed, deck.listening.left()) == ("aBc", "", 0)
    deck = Deck("abc").play("a")
    deck.consume = True  # no look lies between this and the next song
    assert deck.play("b", after=5).removed == ""


# Unwanted.


def test_what_was_heard_within_the_time_and_what_is_in_the_queue_is_unwanted() -> None:
    memory = Memory([Heard(SONGS["x"], 1e9 - 7200), Heard(SONGS["y"], 1e9 - 60)])
    assert Deck("ab", memory).unwanted() == "aby"


def test_an_old_part_of_the_queue_may_come_again() -> None:
    deck = Deck("abc").play("a").play("b", after=150).look(after=4000)
    assert deck.unwanted() == "bc"


def test_what_was_removed_stays_away_until_it_is_added_again() -> None:
    deck = Deck("abc").play("a").remove("b")
    assert "b" in deck.look(after=90_000).unwanted()
    deck.add("b").remove("c")
    assert deck.removed == "c"


def test_what_is_removed_before_it_was_seen_in_the_queue_was_removed() -> None:
    deck = Deck("ab").play("a")
    deck.listening.append(SONGS["z"], lambda: "99")
    assert deck.look().removed == "z"
    deck.listening.append(SONGS["y"], lambda: "100")
    deck.remove("ab")  # with the whole queue
    assert deck.removed == "z"


def test_a_song_that_the_player_does_not_know_was_not_appended() -> None:
    deck = Deck("ab").play("a")
    assert deck.listening.append(SONGS["z"], lambda: None) is None
    assert (deck.memory.appended, deck.look().removed) == ([], "")


def test_a_radio_that_is_ended_while_it_appends_knows_the_song_again() -> None:
    deck = Deck("a").play("a")

    def end() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deck.listening.append(SONGS["z"], end)
    again = Deck("az", deck.memory, now=deck.now).play("a")
    assert (again.seeds, again.memory.appended) == ("a", [SONGS["z"]])


def test_moves_are_no_removals() -> None:
    deck = Deck("abcd").play("a")
    deck.entries[1:] = deck.entries[:0:-1]
    assert (deck.look().removed, deck.heard) == ("", "a")


def test_a_cleared_queue_removes_nothing() -> None:
    deck = Deck("abc").play("a").remove("abc")
    assert (deck.removed, deck.listening.left()) == ("", 0)
    replaced = Deck("abc").play("a")
    replaced.entries, replaced.place, replaced.state = [], None, "stop"
    assert replaced.add("xyz").removed == ""


def test_of_two_places_with_one_song_the_removal_of_one_keeps_it() -> None:
    deck = Deck("abab").play("a")
    del deck.entries[3]
    assert deck.look().removed == ""


# Restarts.


def test_a_new_connection_forgets_the_queue_and_keeps_what_was_heard() -> None:
    deck = Deck("a").play("a").add("bc", by_radio=True).play("b", after=150)
    deck.listening.reconnected()
    deck.entries = [Entry(f"new{n}", letter) for n, letter in enumerate("ab")]  # the player has lost a song
    assert (deck.look().removed, deck.heard, deck.seeds) == ("", "ab", "ab")


def test_a_new_radio_knows_its_own_songs_and_takes_the_missing_ones_for_removed() -> None:
    deck = Deck("a").play("a").add("bc", by_radio=True)
    again = Deck("ac", deck.memory, now=deck.now).play("a")
    assert (again.removed, again.seeds, again.heard) == ("b", "a", "a")
    cleared = Deck("xyz", Memory(appended=[SONGS["b"]]))
    assert cleared.removed == ""


# Whatever happens.


@given(st.lists(st.tuples(st.sampled_from("pranqcotei"), st.sampled_from("abcdef"), st.floats(0, 400)), max_size=30))
def test_any_sequence_is_followed(steps: list[tuple[str, str, float]]) -> None:
    deck = Deck("abc")
    for what, letter, seconds in steps:
        there = any(entry.uri == letter for entry in deck.entries)
        if what in "pn" and there:
            deck.play(letter, after=seconds)
        elif what == "r":
            deck.remove(letter)
        elif what == "a":
            deck.add(letter, by_radio=seconds > 200)
        elif what == "c":
            deck.remove("abcdef")
        elif what == "o":
            deck.consume = not deck.consume
        elif what == "t":
            deck.random = not deck.random
        elif what == "e":
            deck.run_out(seconds)
        elif what == "i":
            deck.listening.reconnected()
            deck.look()
        else:
            deck.look(after=seconds)
        listening, queue = deck.listening, {SONGS[entry.uri] for entry in deck.entries}
        assert 0 <= listening.left() <= len(deck.entries)
        assert len(listening.seeds(deck.now)) <= 5
        assert not set(listening.seeds(deck.now)) & set(listening.against(deck.now))
        assert {SONGS[entry.uri] for entry in listening._look.coming} <= listening.unwanted(deck.now - 60)
        assert not set(deck.memory.removed) & queue
        assert set(deck.memory.appended) <= queue
        assert bool(deck.entries) is bool(listening.seeds(deck.now)) or deck.memory.heard
