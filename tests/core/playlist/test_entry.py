"""What a playlist calls a song: mapped folders, other systems' separators, encodings, URIs."""

from __future__ import annotations

from typing import Any

import pytest

from musrec_core.playlist import Entry, Style

SONG = b"/srv/music/Amen #1/B\xc3\xb6se.mp3"


def line(style: Style, path: bytes = SONG) -> bytes:
    return style.location(Entry(path, "x"))


@pytest.mark.parametrize(
    ("folders", "path", "expected"),
    [
        ({b"/srv/music": b"/music"}, b"/srv/music/a/b.mp3", b"/music/a/b.mp3"),
        ({b"/srv/music/": b"/music/"}, b"/srv/music/a.mp3", b"/music/a.mp3"),
        ({b"/srv/music": b"/music"}, b"/srv/musical/a.mp3", b"/srv/musical/a.mp3"),
        ({b"/srv": b"/one", b"/srv/music": b"/two"}, b"/srv/music/a.mp3", b"/two/a.mp3"),
        ({b"/srv/music": b"/two", b"/srv": b"/one"}, b"/srv/films/a.mp3", b"/one/films/a.mp3"),
        ({b"/": b"/mnt"}, b"/a.mp3", b"/mnt/a.mp3"),
        ({b"/srv": b"/"}, b"/srv/a/b.mp3", b"/a/b.mp3"),
        ({b"/srv": b""}, b"/srv/a/b.mp3", b"a/b.mp3"),
        ({b"/srv": b"M:\\Music"}, b"/srv/a/b.mp3", b"M:\\Music\\a\\b.mp3"),
        ({b"/srv": b"M:\\"}, b"/srv/a/b.mp3", b"M:\\a\\b.mp3"),
        ({b"/srv": b"M:/Music"}, b"/srv/a/b.mp3", b"M:\\Music\\a\\b.mp3"),
        ({b"/srv": b"\\\\nas\\music\\"}, b"/srv/a/b.mp3", b"\\\\nas\\music\\a\\b.mp3"),
        ({b"/srv": b"smb://nas/music"}, b"/srv/a b.mp3", b"smb://nas/music/a b.mp3"),
        ({b"D:\\Music": b"/music"}, b"d:\\music\\A\\b.mp3", b"/music/A/b.mp3"),
        ({b"D:/Music": b"E:\\"}, b"D:\\Music\\a\\b.mp3", b"E:\\a\\b.mp3"),
        ({b"\\\\nas\\m": b"/m"}, b"\\\\NAS\\m\\a.mp3", b"/m/a.mp3"),
        ({b"D:\\Music": b"/music"}, b"D:\\Musical\\b.mp3", b"D:\\Musical\\b.mp3"),
        ({b"/srv/m\xc3\xbcsik": b"/m"}, b"/srv/m\xc3\xbcsik/a\\b.mp3", b"/m/a\\b.mp3"),  # `\` is a letter there
    ],
)
def test_folders_have_another_name(folders: dict[bytes, bytes], path: bytes, expected: bytes) -> None:
    style = Style(folders=folders)
    assert line(style, path) == expected
    assert style.is_in_folders(path) == (path != expected)


def test_a_mapped_folder_with_the_other_options() -> None:
    windows = {b"/srv": b"M:\\Music"}
    assert line(Style(folders=windows, forward_slash=True), b"/srv/a b.mp3") == b"M:/Music/a b.mp3"
    assert line(Style(folders=windows, urlencode=True, forward_slash=True), b"/srv/a b.mp3") == b"M:/Music/a%20b.mp3"
    assert line(Style(folders={b"/srv": b"/m"}, urlencode=True, prefix=b"file://"), b"/srv/a b.mp3") == (
        b"file:///m/a%20b.mp3"
    )
    assert line(Style(folders={b"/srv": b"/a b"}, urlencode=True), b"/srv/#.mp3") == b"/a%20b/%23.mp3"


@pytest.mark.parametrize(
    ("style", "path", "uri"),
    [
        (Style(), SONG, b"file:///srv/music/Amen%20%231/B%C3%B6se.mp3"),
        (Style(relative_to=b"/srv/music"), SONG, b"Amen%20%231/B%C3%B6se.mp3"),
        (Style(relative_to=b"/srv/lists"), SONG, b"../music/Amen%20%231/B%C3%B6se.mp3"),
        (Style(relative_to=b"/srv"), b"/srv/a:b.mp3", b"a%3Ab.mp3"),
        (Style(), b"/\xff\n.mp3", b"file:///%FF%0A.mp3"),
        (Style(prefix=b"http://nas", relative_to=None), SONG, b"http://nas/srv/music/Amen%20%231/B%C3%B6se.mp3"),
        (Style(folders={b"/srv": b"M:\\My Music"}), b"/srv/a b.mp3", b"file:///M:/My%20Music/a%20b.mp3"),
        (Style(folders={b"/srv": b"\\\\nas\\m"}), b"/srv/a.mp3", b"file://nas/m/a.mp3"),
        (Style(folders={b"/srv": b"smb://nas/m"}), b"/srv/a b.mp3", b"smb://nas/m/a%20b.mp3"),
        (Style(folders={b"/srv": b""}), b"/srv/a b.mp3", b"a%20b.mp3"),
    ],
)
def test_uris(style: Style, path: bytes, uri: bytes) -> None:
    style = Style(style.relative_to, prefix=style.prefix, folders=style.folders, as_uri=True)
    assert line(style, path) == uri


def test_encodings() -> None:
    latin = Style(encoding="latin-1")
    assert line(latin) == b"/srv/music/Amen #1/B\xf6se.mp3"
    for path in ("/srv/Привет.mp3".encode(), b"/srv/\xff.mp3"):
        assert not latin.can_hold(Entry(path, "x"))
        assert Style(encoding="latin-1", urlencode=True).can_hold(Entry(path, "x"))
        assert Style().can_hold(Entry(path, "x"))


@pytest.mark.parametrize(
    "options",
    [{}, {"urlencode": True}, {"as_uri": True}, {"encoding": "latin-1"}, {"forward_slash": True},
     {"prefix": b"file://", "urlencode": True}],
)  # fmt: skip
@pytest.mark.parametrize(
    ("folders", "path"),
    [
        ({b"/srv/music": b"/music", b"/srv": b"/"}, "/srv/music/a b/#Bö 100% %41.mp3".encode()),
        ({b"/srv/music": b"/music", b"/srv": b"/"}, b"/srv/a.mp3"),
        ({b"/srv": b"M:\\My Music"}, b"/srv/a/b.mp3"),
        ({b"/srv": b"M:\\"}, b"/srv/a/b.mp3"),
        ({b"/srv": b"\\\\nas\\music\\"}, b"/srv/a/b.mp3"),
        ({b"/srv": b"smb://nas/music"}, b"/srv/a b.mp3"),
        ({b"/srv": b""}, b"/srv/a b/b.mp3"),
        ({b"/": b"/mnt"}, b"/a.mp3"),
        ({b"D:\\Music": b"/music"}, b"D:\\Music\\A\\b.mp3"),
    ],
)
def test_a_location_is_traced_back(folders: dict[bytes, bytes], path: bytes, options: dict[str, Any]) -> None:
    style = Style(folders=folders, **options)
    assert path in style.paths_in(line(style, path))
    assert style.paths_in(b"X:\\elsewhere\\a.mp3") == [] or b"/" in folders.values()
