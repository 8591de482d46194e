"""A misspelt setting is told, in one line, with what was meant."""

from __future__ import annotations

from typing import Any

import confuse
import pytest

from beetsplug.musrec import unknown_settings

from .conftest import Beet

DEFAULTS: dict[str, Any] = {
    "workers": 0,
    "similar": {"count": 5, "weigh": {}, "max_per_artist": 0},
    "genreguess": {"threshold": 0.5},
    "mixes": [],
}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"workers": 2, "similar": {"count": 3}}, []),
        ({"wrokers": 2}, ["musrec.wrokers (did you mean musrec.workers?)"]),
        ({"similar": {"cuont": 2}}, ["musrec.similar.cuont (did you mean musrec.similar.count?)"]),
        ({"count": 2}, ["musrec.count (did you mean musrec.similar.count?)"]),
        ({"simlar": {"count": 2}}, ["musrec.simlar (did you mean musrec.similar?)"]),
        ({"genreguess": {"max_per_artist": 1}},
         ["musrec.genreguess.max_per_artist (did you mean musrec.similar.max_per_artist?)"]),
        ({"xyz\x1b": 1, "wokers": 1}, ["musrec.xyz", "musrec.wokers (did you mean musrec.workers?)"]),
        ({"similar": {"weigh": {"rating": 0.2}}, "mixes": [{"name": "x"}]}, []),
        ({"similar": 5}, []),  # told by the command that reads it
        ({5: 1}, ["musrec.5"]),
    ],
)  # fmt: skip
def test_unknown_keys(written: dict[Any, Any], told: list[str]) -> None:
    config = confuse.RootView([])
    config["musrec"].add(DEFAULTS)
    config["musrec"].set(written)
    assert unknown_settings.unknown(config["musrec"], DEFAULTS) == told


def test_it_is_told_once_by_our_commands_and_imports_alone(library: Beet) -> None:
    library.configure(musrec={"similar": {"cuont": 7}})
    line = "musrec: ignored in the configuration: musrec.similar.cuont (did you mean musrec.similar.count?)\n"
    assert library("similar", "Harbour").err == line
    assert library("import", "-q", str(library.directory)).err.count(line) == 1
    assert library("ls").err == ""
    library.configure(musrec={})
    assert library("similar", "Harbour").err == ""
