"""`similar:` where a plugin matches songs and albums itself, without the database."""

from __future__ import annotations

import json

from ..conftest import Beet

# A command that asks each kind of query about each kind of thing. Harbour Waltz is the seed, Paper Waltz the nearest.
ASK = """
import json
from types import SimpleNamespace
from beets import ui
from beets.library import Album, Item, parse_query_string
from beetsplug.ihate import IHatePlugin

def run(lib, opts, args):
    near, far = lib.items("title:Paper Waltz").get(), lib.items("title:Second Bass").get()
    unsaved = {key: item.copy() for key, item in (("near", near), ("far", far))}
    for item in unsaved.values():
        item._db = item.id = item.album_id = None
    things = {
        "near song": near, "far song": far,
        "near album": near.get_album(), "far album": far.get_album(),
        "near file": Item.from_path(near.path), "far file": Item.from_path(far.path),
        "near copy": unsaved["near"], "far copy": unsaved["far"],
        "no file": Item(title="x"), "new album": Album(album="x"),
    }
    for album in ("near album", "far album"):
        things[album]._db = None
    found = {}
    for kind in (Item, Album):
        query, _ = parse_query_string("similar:title:Harbour|1", kind)
        found[kind.__name__] = [name for name, thing in things.items() if query.match(thing)]
        query, _ = parse_query_string("^similar:title:Harbour|1 , similar:nosuchsong", kind)
        found["not " + kind.__name__] = [name for name, thing in things.items() if query.match(thing)]
    for _ in range(3):  # a query for each song, as path formats make them
        parse_query_string("similar:nosuchsong", Item)[0].match(far)
    for is_album in (True, False):
        task = lambda item: SimpleNamespace(is_album=is_album, imported_items=lambda: [item])
        hated = [IHatePlugin.do_i_hate_this(task(things[name]), ["similar:title:Harbour|1"])
                 for name in ("near file", "far file")]
        found["ihate" + " album" * is_album] = hated
    print(json.dumps(found))

command = ui.Subcommand("ask")
command.func = run
IHatePlugin.commands = lambda self: [command]
"""


def test_it_tells_of_each_thing_whether_it_is_near(library: Beet) -> None:
    library.configure(plugins="musrec ihate")
    said = library.after(ASK, "ask")
    found = json.loads(said.out)
    near = ["near song", "near album", "near file", "near copy"]
    others = ["far song", "far album", "far file", "far copy", "no file", "new album"]
    assert {kind: things if kind.startswith("ihate") else sorted(things) for kind, things in found.items()} == {
        "Item": sorted(near),
        "Album": sorted(near),
        "not Item": sorted(others),
        "not Album": sorted(others),
        "ihate": [True, False],
        "ihate album": [True, False],
    }
    assert said.err.count("similar:nosuchsong matches nothing") == 1


def test_a_format_that_asks_in_passing_leaves_the_distances_alone(library: Beet) -> None:
    """advancedrewrite asks its query about each song that is printed."""
    rewrite = [{"match": "similar:title:Harbour|1", "replacements": {"artist": "Near"}}]
    library.configure(plugins="musrec advancedrewrite", advancedrewrite=rewrite)
    lines = library("similar", "Harbour", "-n", "3", "-f", "$musrec_distance $artist").lines
    assert lines[0].endswith(" Near")
    assert all(float(line.split()[0]) > 0 for line in lines)
