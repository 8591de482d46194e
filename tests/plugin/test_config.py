"""Settings: what is out of range is refused in one sentence that names the key, and sections don't stop each other."""

from __future__ import annotations

from typing import Any

import confuse
import pytest

from beetsplug.musrec.config import DEFAULTS, Settings
from beetsplug.musrec.templates import SAME_RECORDING

from .conftest import Beet


def settings(musrec: dict[str, Any]) -> Settings:
    view = confuse.RootView([confuse.ConfigSource({"musrec": musrec}), confuse.ConfigSource({"musrec": DEFAULTS})])
    return Settings(view["musrec"])


@pytest.mark.parametrize(
    ("section", "key", "value", "why"),
    [
        ("embedding", "workers", -1, "a whole number between 0 and 1024"),
        ("embedding", "workers", 1.5, "a whole number between 0 and 1024"),
        ("embedding", "timeout", 0, "a number above 0, up to 86400"),
        ("embedding", "timeout", float("nan"), "a number above 0, up to 86400"),
        ("embedding", "import_similar", -0.1, "yes, no, or a distance between 0 and 2"),
        ("embedding", "import_similar", "often", "yes, no, or a distance between 0 and 2"),
        ("library", "exclude", ["genre:x"], "a text"),
        ("library", "cache", "maybe", "yes or no"),
        ("similar", "count", 0, "a whole number, 1 or more"),
        ("similar", "count", True, "a whole number, 1 or more"),
        ("similar", "space", "tempo", "embedding or genre"),
        ("similar", "max_per_artist", -1, "a whole number, 0 or more"),
        ("similar", "max_per_album", "two", "a whole number, 0 or more"),
        ("similar", "duplicates", 1, "yes or no"),
        ("similar", "order", "random", "auto, nearest, apart or smooth"),
        ("similar", "variety", 1.5, "a number between 0 and 1"),
        ("similar", "hub_correction", "x", "yes or no"),
        ("similar", "weigh", 5, "a map"),
        ("genreguess", "count", 0, "a whole number, 1 or more"),
        ("genreguess", "threshold", 2, "a number between 0 and 1"),
        ("genreguess", "max_genres", 0, "a whole number, 1 or more"),
        ("genreguess", "map", "rock", "a map"),
        ("genreguess", "prefer", "nobody", "lastgenre or musrec"),
        ("genreguess", "least_songs", -3, "a whole number, 1 or more"),
        ("genreguess", "least_artists", 0, "a whole number, 1 or more"),
        ("genreguess", "abstain", 7, "a number between 0 and 1"),
        ("tags", "mood", "calm", "yes or no"),
        ("tags", "words", True, "no, or the name of a tag, of letters, digits and underscores"),
        (
            "tags",
            "words",
            "a=b",
            "no, or the name of a tag, of letters, digits and underscores",
        ),
        (
            "tags",
            "words",
            "ü" * 9,
            "no, or the name of a tag, of letters, digits and underscores",
        ),
        ("tags", "threshold", 1.5, "a number between 0 and 1"),
        ("tags", "max_words", 0, "a whole number, 1 or more"),
        ("musicmap", "color", ["year"], "a text"),
        ("playlist", "dir", 5, "a path"),
        ("playlist", "dir", "a\0b", "a path"),
        ("playlist", "relative_to", ["a"], "a path"),
        ("playlist", "forward_slash", "x", "yes or no"),
        ("playlist", "output", "xspf", "extm3u or m3u"),
        ("playlist", "recipe", "x", "yes or no"),
        ("mixes", "mixes", {"name": "x"}, "a list of mixes, each with a name and seeds"),
    ],
)
def test_what_is_out_of_range_is_refused(section: str, key: str, value: Any, why: str) -> None:
    in_section = section in DEFAULTS and isinstance(DEFAULTS[section], dict)
    wrong = settings({section: {key: value}} if in_section else {key: value})
    with pytest.raises(confuse.ConfigError) as caught:
        getattr(wrong, section)
    assert str(caught.value) == f"musrec.{f'{section}.' if in_section else ''}{key} has to be {why}"
    others = {"embedding", "library", "similar", "genreguess", "tags", "musicmap", "playlist", "mixes"} - {section}
    assert all(getattr(wrong, other) for other in others)


def test_a_weight_out_of_range_is_named() -> None:
    with pytest.raises(confuse.ConfigError, match=r"^musrec.similar.weigh.rating has to be a number between"):
        assert settings({"similar": {"weigh": {"rating": 5000}}}).similar


def test_values_as_users_write_them() -> None:
    assert settings({"import_similar": True}).embedding.import_similar == SAME_RECORDING
    assert settings({"import_similar": False}).embedding.import_similar == 0
    assert settings({"exclude": 1999}).library.exclude == "1999"
    assert settings({"playlist": {"dir": "/lists"}}).playlist.dir == b"/lists"
    assert settings({"playlist": {"dir": ""}}).playlist.dir is None
    assert settings({"similar": {"weigh": {"rating": 1}}}).similar.weigh == {"rating": 1.0}
    assert settings({"genreguess": {"threshold": 1}}).genreguess.threshold == 1
    assert settings({"tags": {"words": "Sound"}}).tags.words == "sound"
    assert settings({"tags": {"words": False}}).tags.words is None


@pytest.mark.parametrize(
    ("musrec", "arguments", "why"),
    [
        ({"genreguess": {"abstain": 7}}, ["genreguess", "id:1"], "musrec.genreguess.abstain has to be"),
        ({"genreguess": {"least_songs": -3}}, ["genreguess", "--learn"], "musrec.genreguess.least_songs has to be"),
        ({"similar": {"variety": "high"}}, ["similar", "Waltz"], "musrec.similar.variety has to be"),
        ({"workers": -2}, ["embed", "-f"], "musrec.workers has to be"),
    ],
)
def test_a_command_says_it_in_one_line(library: Beet, musrec: dict[str, Any], arguments: list[str], why: str) -> None:
    library.configure(musrec=musrec)
    said = library(*arguments, ok=False)
    assert said.status == 1
    assert why in said.err
    assert len(said.err.splitlines()) == 1
