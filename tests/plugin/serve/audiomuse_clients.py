"""What clients of AudioMuse-AI send, as their public sources build it, and what they read of the answers.

In the URLs and bodies, `{seed}`, `{other}` and `{artist}` stand for ids of the client's, and `{name}` for the artist's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# A type as Go's encoding/json reads it: `str`, `float`, `bool`, a list of one type, or the fields that are read.
GoType = Any

# NeptuneHub/AudioMuse-AI-NV-plugin, main.go (`audioMuseTrackResponse`, `audioMusePathResponse`,
# `audioMuseResultsResponse`) and audiomuse_api.go at 265ff24 (`SimilarArtistsResponse`).
TRACK: GoType = {
    "item_id": str, "title": str, "author": str, "album": str, "distance": float, "similarity": float, "is_seed": bool,
}  # fmt: skip
SONGS: GoType = [{"item_id": str, "title": str}]
ARTISTS: GoType = [
    {
        "artist": str,
        "artist_id": str,
        "component_matches": [{"artist1_representative_songs": SONGS, "artist2_representative_songs": SONGS}],
    }
]
RESULTS: GoType = {"results": [TRACK]}
PATH: GoType = {"path": [TRACK]}
TOKEN = "a token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LMS = {"Accept": "application/json", **BEARER}  # `_headers` of both LMS plugins' API.pm


@dataclass(frozen=True)
class Sent:
    """A request, and the type that its client reads the answer as."""

    client: str
    url: str
    reads: GoType
    body: dict[str, Any] | None = None  # of a POST
    headers: dict[str, str] = field(default_factory=lambda: dict(BEARER))


REQUESTS = [
    # NeptuneHub/AudioMuse-AI-NV-plugin, main.go: `url.Values.Encode` sorts by name
    Sent("navidrome", "/api/similar_tracks?eliminate_duplicates=true&item_id={seed}&n=100&radius_similarity=true",
         [TRACK]),
    Sent("navidrome", "/api/similar_tracks?eliminate_duplicates=false&item_id={seed}&n=50&radius_similarity=false"
         "&server=home", [TRACK]),
    Sent("navidrome", "/api/find_path?count=25&end_song_id={other}&max_steps=25&mood_pct=100&path_fix_size=false"
         "&start_song_id={seed}", PATH),
    Sent("navidrome", "/api/similar_artists?artist={artist}&include_component_matches=false&n=10", ARTISTS),
    Sent("navidrome", "/api/similar_artists?artist={artist}&include_component_matches=true&n=10&server=home", ARTISTS),
    Sent("navidrome", "/api/hyperbolic/similar", RESULTS, {"item_id": "{seed}", "limit": 100, "server": "home"}),
    # CDrummond/lms-audiomuse-mixer, AudioMuseMixer/API.pm at b6e70eb
    Sent("lms-mixer", "/api/similar_tracks?item_id={seed}&n=100&eliminate_duplicates=true&radius_similarity=true"
         "&mood_similarity=true", [TRACK], headers=LMS),
    Sent("lms-mixer", "/api/hyperbolic/similar", RESULTS, {"item_id": "{seed}", "mode": "similar", "limit": 100},
         headers=LMS),
    Sent("lms-mixer", "/api/find_path?start_song_id={seed}&end_song_id={other}&max_steps=10", PATH, headers=LMS),
    Sent("lms-mixer", "/api/alchemy", RESULTS, {
        "items": [{"id": "{seed}", "op": "ADD", "type": "song"}, {"id": "{other}", "op": "ADD", "type": "song"}],
        "n": 100,
    }, headers=LMS),
    # JameZUK/lyrion-audiomuseai-plugin, AudioMuseAI/API.pm at 6fd9856
    Sent("lyrion", "/api/health", {"status": str}, headers=LMS),
    Sent("lyrion", "/api/active_tasks", {}, headers=LMS),
    Sent("lyrion", "/api/similar_tracks?item_id={seed}&n=20&eliminate_duplicates=true", [TRACK], headers=LMS),
    Sent("lyrion", "/api/similar_artists?artist={artist}&n=10", ARTISTS, headers=LMS),
    Sent("lyrion", "/api/search_tracks?artist={name}", [TRACK], headers=LMS),
    Sent("lyrion", "/api/clap/search", RESULTS, {"query": "calm piano", "limit": 25}, headers=LMS),
    Sent("lyrion", "/api/alchemy", RESULTS, {
        "items": [{"id": "{seed}", "op": "ADD", "type": "song"}, {"id": "{other}", "op": "SUBTRACT", "type": "song"}],
        "n": 25,
    }, headers=LMS),
    Sent("lyrion", "/api/sonic_fingerprint/generate?n=25", [TRACK], headers=LMS),
    # NeptuneHub/audiomuse-ai-plugin (Jellyfin), Services/AudioMuseService.cs at 23f8715
    Sent("jellyfin", "/api/similar_tracks?n=200&item_id={seed}", [TRACK]),
    Sent("jellyfin", "/api/find_path?start_song_id={seed}&end_song_id={other}", PATH),
    Sent("jellyfin", "/api/search_tracks?title=o&artist={name}", [TRACK]),
    Sent("jellyfin", "/api/similar_artists?artist_id={artist}&n=50", ARTISTS),
    Sent("jellyfin", "/api/sonic_fingerprint/generate?jellyfin_user_identifier=me&jellyfin_token=secret&n=10",
         [TRACK]),
    # navi-connect, a fork of Feishin: its client of the AudioMuse-AI core
    Sent("navi-connect", "/api/clap/stats", {"clap_enabled": bool, "loaded": bool, "song_count": float}),
    Sent("navi-connect", "/api/clap/search", RESULTS, {"limit": 25, "query": "calm piano"}),
    Sent("navi-connect", "/api/alchemy", RESULTS, {
        "items": [{"id": "{seed}", "op": "ADD", "type": "song"}], "n": 25, "temperature": 1, "subtract_distance": 0.2,
    }),
]  # fmt: skip


def decoded(value: Any, kind: GoType) -> Any:
    """A JSON value as Go's `json.Unmarshal` reads it; raises `TypeError` where that is an error.

    Null leaves a variable as it is, a field that is missing does so, and one that is not read may be anything.
    """
    if value is None:
        return None
    if isinstance(kind, list):
        _require(isinstance(value, list), value, "an array")
        return [decoded(each, kind[0]) for each in value]
    if isinstance(kind, dict):
        _require(isinstance(value, dict), value, "an object")
        return {name: decoded(value[name], kind[name]) for name in kind if name in value}
    if kind is float:
        _require(isinstance(value, int | float) and not isinstance(value, bool), value, "a number")
    else:
        _require(type(value) is kind, value, kind.__name__)
    return value


def _require(is_so: bool, value: Any, wanted: str) -> None:
    if not is_so:
        raise TypeError(f"cannot unmarshal {value!r} into {wanted}")
