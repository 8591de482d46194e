"""Made-up libraries with the traps of real ones, and how a media server lists them."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace

from beetsplug.musrec.serve.subsonic.songs import LibrarySong, ServerSong, Tags

ROOT, SERVER_ROOT = "/srv/music", "/music"
WORDS = ["love", "night", "fire", "rain", "home", "blue", "dance", "river", "heart", "city", "gold", "winter"]


@dataclass(frozen=True)
class Ways:
    """How the server names things."""

    paths: str  # real, relative, fake, none
    ids: bool  # MusicBrainz'
    wrong_ids: float = 0.0  # share of songs that bear the id of another
    changed: float = 0.0  # share of items whose album beets calls otherwise
    absent: float = 0.0  # share of songs that only one side has


def library(rng: random.Random, artists: int = 12) -> list[LibrarySong]:
    """Albums, reissues with the same title, compilations, live albums, remasters, singles, copies in two formats."""
    found: list[Tags] = []

    def add(folder: str, tags: Tags, ending: str = "flac") -> Tags:
        path = f"{ROOT}/{folder}/{tags.disc}-{tags.track:02} {tags.title}.{ending}"
        found.append(replace(tags, path=path))
        return found[-1]

    for n in range(artists):
        artist = f"{'The ' * (n % 3 == 0)}{rng.choice(WORDS).title()} {n}"
        studio: list[Tags] = []
        for m in range(3):
            album = rng.choice([artist, f"{rng.choice(WORDS).title()} {m}"])
            for track in range(1, 9):
                title = rng.choice(["Intro", "Interlude", "Untitled", f"{rng.choice(WORDS)} {rng.choice(WORDS)}"])
                length = round(rng.uniform(60, 300), 3)
                tags = Tags(
                    title, artist, artist, album, length, str(uuid.UUID(int=rng.getrandbits(128))), 1, track, ""
                )
                studio.append(add(f"{artist}/{album} {m}", tags))
        for original in studio[:8]:  # the same recordings, on a deluxe edition and in another format
            add(f"{artist}/Deluxe", replace(original, album=f"{original.album} (Deluxe Edition)"))
            add(f"{artist}/mp3", replace(original, length=original.length + 0.03), "mp3")
        for original in studio[8:16]:
            live = replace(original, recording=str(uuid.UUID(int=rng.getrandbits(128))))
            add(f"{artist}/Live", replace(live, album="Live", length=original.length + rng.uniform(3, 60)))
            add(
                f"{artist}/Remastered",
                replace(live, title=f"{original.title} (2011 Remaster)", length=original.length + rng.uniform(-2, 2)),
            )
        for m, original in enumerate(rng.sample(studio, 4), 4 * n + 1):
            add("Various Artists/Hits", replace(original, album_artist="Various Artists", album="Hits", track=m))
        single = rng.choice(studio)
        add(f"{artist}/single", replace(single, album="", album_artist="", track=0, disc=0))
    return [LibrarySong(number, tags) for number, tags in enumerate(found, 1)]


def listed(items: list[LibrarySong], ways: Ways, rng: random.Random) -> tuple[list[ServerSong], list[LibrarySong]]:
    """The server's songs, whose ids are those of the items, and the items that beets has of them."""
    ids = [item.tags.recording for item in items]
    songs, kept = [], []
    for item in items:
        chance = rng.random()
        if chance > ways.absent / 2:
            songs.append(ServerSong(str(item.id), item.tags.artist, _shown(item.tags, ways, ids, rng)))
        if not ways.absent / 2 < chance < ways.absent:
            album = f"{item.tags.album} [beets]" if rng.random() < ways.changed else item.tags.album
            kept.append(LibrarySong(item.id, replace(item.tags, album=album)))
    rng.shuffle(songs)
    return songs, kept


def _shown(tags: Tags, ways: Ways, ids: list[str], rng: random.Random) -> Tags:
    album_artist = tags.album_artist or tags.artist
    path = {
        "real": tags.path.replace(ROOT, SERVER_ROOT),
        "relative": tags.path.removeprefix(f"{ROOT}/"),
        "fake": f"{album_artist}/{tags.album}/{tags.disc:02}-{tags.track:02} - {tags.title}.{tags.path[-4:]}",
        "none": "",
    }[ways.paths]
    recording = tags.recording if ways.ids else ""
    if ways.ids and rng.random() < ways.wrong_ids:
        recording = rng.choice(ids)
    return replace(
        tags,
        path=path,
        recording=recording,
        length=float(int(tags.length)),
        album=tags.album or "[Unknown Album]",
        disc=tags.disc or 1,
        track=tags.track,
        album_artist="",
    )
