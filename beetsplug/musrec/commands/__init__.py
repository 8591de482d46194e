"""The commands: one module each, imported when its options, its help or its run function are needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from beets.ui import CommonOptionsParser, Subcommand

if TYPE_CHECKING:
    from optparse import OptionParser, Values

    from beets.library import Library

    from ..components import Components


class Entry(NamedTuple):
    """One command, as `beet help` lists it."""

    name: str
    module: str
    help: str


COMMANDS = (
    Entry("embed", "embed", "embed the tracks that have no embedding yet"),
    Entry("similar", "similar", "list the songs that sound most like a song"),
    Entry("mixes", "mixes", "write the playlists that musrec.mixes describes"),
    Entry("genreguess", "genreguess", "guess the genres of tracks by their sound"),
    Entry("musicmap", "musicmap", "draw a map with similar songs close together"),
    Entry("radio", "radio", "keep MPD's queue going with songs like those just heard"),
    Entry("musrec-serve", "serve", "answer players and media servers over HTTP"),
    Entry("musrec-report", "report", "report how good the results are in this library"),
)


class Command(Subcommand):
    """A command whose module is imported when beets wants its parser, and whose components are built when it runs.

    The module has ``add_options(parser)`` and ``run(components, parser, lib, opts, args)``.
    """

    def __init__(self, entry: Entry, components: Callable[[], Components]) -> None:
        self._entry, self._components = entry, components
        self._parser: CommonOptionsParser | None = None
        super().__init__(entry.name, help=entry.help)
        self.func = self._run

    @property
    def parser(self) -> CommonOptionsParser:
        """The command's options."""
        if self._parser is None:
            self._parser = CommonOptionsParser()
            self._module.add_options(self._parser)
            if self.root_parser is not None:
                self._parser.prog = f"{self.root_parser.get_prog_name()} {self.name}"
        return self._parser

    @parser.setter
    def parser(self, parser: CommonOptionsParser) -> None:
        """Ignore the empty parser that `Subcommand` makes."""

    @property
    def root_parser(self) -> OptionParser | None:
        """The parser of ``beet``, set by beets."""
        return self._root_parser

    @root_parser.setter
    def root_parser(self, root_parser: OptionParser) -> None:
        self._root_parser = root_parser

    @property
    def _module(self) -> Any:
        return import_module(f".{self._entry.module}", __name__)

    def _run(self, lib: Library, opts: Values, args: list[str]) -> None:
        self._module.run(self._components(), self.parser, lib, opts, args)
