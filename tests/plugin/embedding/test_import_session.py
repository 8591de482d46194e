"""Import through beets' own import session, with a stub in the place of MusicBrainz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from beets import importer
from beets.util import cached_classproperty

pytestmark = pytest.mark.quick_model

try:
    from beets.test.helper import AutotagImportHelper, ImportSessionFixture, PluginMixin
except ImportError:
    pytest.skip("the test helpers of this beets are for unittest", allow_module_level=True)


class TestTagged(PluginMixin, AutotagImportHelper):
    plugin = "musrec"
    db_on_disk = True  # beets backs up one in memory, too: in the working directory

    @pytest.fixture(autouse=True)
    def a_real_song(self, songs: Path) -> None:
        self.resource_path = next(iter(sorted(songs.rglob("*.mp3"))))

    @pytest.fixture(autouse=True)
    def types_of_this_test(self) -> Iterator[None]:
        """beets keeps the fields' types from before the plugin was loaded, if another test asked for them."""
        cached_classproperty.cache.clear()
        yield
        cached_classproperty.cache.clear()

    def test_an_applied_match_is_embedded_and_a_skipped_album_is_not(self) -> None:
        self.prepare_albums_for_import(2)
        session = self.setup_importer()
        assert isinstance(session, ImportSessionFixture)
        session.add_choice(importer.Action.APPLY)
        session.add_choice(importer.Action.SKIP)
        session.run()
        (item,) = self.lib.items()
        assert item.title.startswith("Applied")
        assert item.formatted()["musrec_embedding"] == "128-d"
        assert item.musrec_genre in item.musrec_genres

    def test_no_worker_starts_before_the_first_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from beetsplug.musrec.embedding.embedder import Embedder

        happened: list[str] = []

        def noting(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*arguments: Any) -> Any:
                happened.append(what)
                return call(*arguments)

            return noted

        self.prepare_albums_for_import(2)
        session = self.setup_importer()
        monkeypatch.setattr(Embedder, "new_pool", noting("workers start", Embedder.new_pool))
        monkeypatch.setattr(session, "choose_match", noting("answer", session.choose_match))
        session.run()
        assert happened[0] == "answer"
        assert happened.count("workers start") == 1  # and the second album finds them running

    def test_as_is_and_as_tracks(self) -> None:
        self.prepare_albums_for_import(2)
        session = self.setup_importer()
        assert isinstance(session, ImportSessionFixture)
        session.add_choice(importer.Action.ASIS)
        session.add_choice(importer.Action.TRACKS)
        session.run()
        assert [bool(item.get("musrec_embedding")) for item in self.lib.items()] == [True, True]
        assert len(self.lib.albums()) == 1
