"""The page of ``beet musicmap`` in a real browser: searched, coloured, lassoed, taken along; and no tag gets out."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.synthetic_library import make_library

from ...browser import chromium, severe, show, wait
from ..conftest import BEET, Beet

pytestmark = pytest.mark.slow

SONGS = 300
EVIL = [
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<a href='javascript:window.hacked=1'><b>bold</b></a>",
    "<!--<script>",
    "@PLOTLY@ @SONGS@ ${window.hacked=1} `x` \\u003c &lt;",
    "two\nlines\r\n#EXTM3U\u2028/etc/passwd",
    "__proto__",
]


@pytest.fixture(scope="module")
def beet(tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """A library with evil tags on songs 1 to 7, odd paths on 8 to 10, and its map."""
    beet = Beet(tmp_path_factory.mktemp("map"), Path("/music"))
    make_library(beet.home / "library.db", SONGS)
    for id_, text in enumerate(EVIL, 1):
        beet.sql("UPDATE items SET title = ?, artist = ?, album = ?, genres = ? WHERE id = ?", *[text] * 4, id_)
    for id_, path in ((8, b"/odd/\xff\xfe \xc3\xa9.mp3"), (9, "/odd/日本 😀 <b>.mp3".encode()), (10, b"/odd/a\nb.mp3")):
        beet.sql("UPDATE items SET path = ? WHERE id = ?", path, id_)
    beet("musicmap", "-o", "map.html")
    return beet


@pytest.fixture(scope="module")
def browser(beet: Beet) -> Iterator[Any]:
    """Chromium with the page open."""
    with chromium("use-angle=swiftshader", "enable-unsafe-swiftshader") as opened:
        opened.get((beet.home / "map.html").as_uri())
        show(opened)
        wait(lambda: opened.execute_script("return Boolean(document.querySelector('#map canvas'))"))
        yield opened
        assert severe(opened) == []


@pytest.fixture
def page(browser: Any) -> Any:
    """The page as it is when it opens."""
    show(browser)
    browser.execute_script("$('clear').onclick(); $('whole').onclick(); mode('lasso')")
    settle(browser)
    return browser


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def settle(page: Any) -> None:
    """Wait until the map has the size of its place, and the points stand still."""
    fits = "return map._fullLayout.width === map.clientWidth && map._fullLayout.height === map.clientHeight"
    before: list[dict[int, tuple[float, float]]] = []

    def still() -> bool:
        before.append(on_screen(page))
        return bool(page.execute_script(fits)) and len(before) > 3 and before[-1] == before[-2] == before[-3]

    wait(still)


def text(page: Any, id_: str) -> str:
    return str(page.execute_script(f"const e = $('{id_}'); return e.value ?? e.textContent"))


def search(page: Any, words: str, count: str) -> None:
    field = page.find_element("id", "search")
    field.clear()
    field.send_keys(words)
    wait(lambda: text(page, "count") == count)


def chosen(page: Any) -> list[int]:
    ids: list[int] = page.execute_script("return chosen().map(i => songs.id[i])")
    return ids


def on_screen(page: Any) -> dict[int, tuple[float, float]]:
    """Song's id -> where its point is on the screen [pixels]."""
    points = page.execute_script("""
        const {xaxis, yaxis} = map._fullLayout, box = map.getBoundingClientRect();
        return songs.id.map((id, i) => [id, box.left + xaxis._offset + xaxis.l2p(songs.x[i]),
                                            box.top + yaxis._offset + yaxis.l2p(songs.y[i])])""")
    return {id_: (x, y) for id_, x, y in points}


def lasso(page: Any, corners: list[tuple[float, float]]) -> None:
    """Draw with the mouse."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    hand = ActionChains(page, duration=20)
    assert isinstance(hand.w3c_actions, ActionBuilder)
    mouse = hand.w3c_actions.pointer_action
    mouse.move_to_location(*map(round, corners[0])).pointer_down()
    for corner in [*corners[1:], corners[0]]:
        mouse.move_to_location(*map(round, corner))
    mouse.pointer_up()
    hand.perform()


def in_a_shell(beet: Beet, command: str) -> list[int]:
    """Paste a command into a shell; the ids of the songs that it lists."""
    assert "\n" not in command
    done = subprocess.run(
        ["sh", "-c", f"{command} -f '$id'"],
        env={**os.environ, "BEETSDIR": str(beet.home), "PATH": f"{BEET.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return sorted(map(int, done.stdout.split()))


def test_it_opens_alone_and_no_tag_runs(page: Any) -> None:
    assert text(page, "count") == "300 songs"
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert page.execute_script("return document.scripts.length") == 3
    assert page.execute_script("return window.hacked === undefined && !document.querySelector('img, a')")
    titles = page.execute_script("return songs.title.slice(0, 7)")
    assert titles[:5] + titles[6:] == EVIL[:5] + EVIL[6:]
    assert titles[5] == "two lines #EXTM3U /etc/passwd"


def test_the_card_says_who_a_point_is(page: Any, beet: Beet) -> None:
    from selenium.webdriver import ActionChains

    for id_, wanted in ((2, EVIL[1]), (200, beet.sql("SELECT album FROM items WHERE id = 200")[0][0])):
        page.execute_script("$('search').value = songs.title[arguments[0] - 1]; filter()", id_)
        assert id_ in chosen(page)
        hand = ActionChains(page)
        hand.w3c_actions.pointer_action.move_to_location(200, 150).move_to_location(*map(round, on_screen(page)[id_]))
        hand.perform()
        wait(lambda: page.execute_script("return !$('card').hidden"))
        assert wanted in page.find_element("id", "card").text
    assert page.execute_script("return window.hacked === undefined && !document.querySelector('img, a')")


def test_how_songs_sound(page: Any) -> None:
    first = page.execute_script("return everything.find(i => songs.sounds[i].length > 1)")
    page.execute_script("mark(arguments[0])", first)
    words = page.execute_script("return songs.sounds[arguments[0]].map(k => songs.words[k])", first)
    assert page.find_element("id", "card").text.splitlines()[-1] == ", ".join(words)
    search(page, words[0], page.execute_script(
        "const n = haystack.filter(text => text.includes(arguments[0])).length; return `${n} of 300 songs`", words[0]
    ))  # fmt: skip
    assert page.execute_script("return songs.id[arguments[0]]", first) in chosen(page)
    page.find_element("id", "clear").click()
    page.execute_script("lassoed = new Set(everything.filter(i => songs.sounds[i].includes(songs.sounds[0][0])))")
    page.execute_script("draw(); show_list(true)")
    assert page.find_element("id", "mostly").text.startswith("Mostly ")
    assert page.execute_script("return songs.words[songs.sounds[0][0]]") in text(page, "mostly")
    page.execute_script("lassoed = new Set(everything); draw()")  # of which the whole map says nothing
    assert not page.find_element("id", "mostly").is_displayed()


def test_a_click_keeps_the_card(page: Any, beet: Beet) -> None:
    from selenium.webdriver import ActionChains

    id_, at = alone(page)
    hand = ActionChains(page)
    hand.w3c_actions.pointer_action.move_to_location(*map(round, at)).click().move_to_location(60, 150)
    hand.perform()
    ((title,),) = beet.sql("SELECT title FROM items WHERE id = ?", id_)
    wait(lambda: text(page, "how-many") == "1 song marked")
    assert title in page.find_element("id", "card").text
    assert chosen(page) == [id_]
    page.find_element("id", "clear").click()
    assert not page.find_element("id", "card").is_displayed()
    assert text(page, "query") == ""


def test_search_as_you_type(page: Any, beet: Beet) -> None:
    ((artist, songs),) = beet.sql("SELECT artist, COUNT(*) FROM items WHERE id > 20 GROUP BY artist ORDER BY 2 LIMIT 1")
    search(page, artist.upper(), f"{songs} of 300 songs")
    assert chosen(page) == [row[0] for row in beet.sql("SELECT id FROM items WHERE artist = ?", artist)]
    faded, left = page.execute_script("return map.data.slice(0, 2).map(trace => trace.x.length)")
    assert (faded, left) == (300 - songs, songs)
    assert in_a_shell(beet, text(page, "query")) == chosen(page)
    search(page, "no such song", "0 of 300 songs")
    assert not page.find_element("id", "copy").is_displayed()
    page.find_element("id", "clear").click()
    assert text(page, "count") == "300 songs"


def test_lasso_and_paste_the_command(page: Any, beet: Beet) -> None:
    points = on_screen(page)
    across = np.sort([x for x, _ in points.values()])[100:200]
    widest = int(np.diff(across).argmax())
    middle = float(across[widest : widest + 2].mean())  # clear of every point
    lasso(page, [(15, 110), (middle, 110), (middle, 690), (15, 690)])
    inside = [id_ for id_, (x, _) in points.items() if x < middle]
    wait(lambda: chosen(page))
    assert chosen(page) == inside
    assert 50 < len(inside) < 250
    wait(lambda: f"{len(inside)} songs lassoed" in text(page, "how-many"))
    assert in_a_shell(beet, text(page, "query")) == inside
    page.find_element("id", "clear").click()
    assert chosen(page) == []


def test_search_and_lasso_leave_what_is_in_both(page: Any, beet: Beet) -> None:
    """Whichever comes first; and clearing one leaves the other."""
    from selenium.webdriver.common.keys import Keys

    artists = beet.sql("SELECT artist, COUNT(*) FROM items WHERE id > 20 GROUP BY artist ORDER BY 2 DESC LIMIT 2")
    (first, songs), (second, others) = artists
    own = {name: {row[0] for row in beet.sql("SELECT id FROM items WHERE artist = ?", name)} for name, _ in artists}
    points = on_screen(page)
    left = sorted(x for x, _ in points.values())[len(points) * 2 // 3]
    search(page, first, f"{songs} of 300 songs")
    lasso(page, [(15, 110), (left, 110), (left, 690), (15, 690)])
    wait(lambda: "lassoed" in text(page, "how-many"))
    region = {id_ for id_, (x, _) in points.items() if x < left}

    def says(artist: str) -> str:
        count = len(region & own[artist])
        return f"{count} of {len(region)} songs lassoed {'matches' if count == 1 else 'match'}"

    assert set(chosen(page)) == region & own[first]
    assert text(page, "how-many") == says(first)
    search(page, second, f"{others} of 300 songs")  # the outline stays, and what was found before does not limit it
    assert set(chosen(page)) == region & own[second]
    assert text(page, "how-many") == says(second)
    search(page, "no such song", "0 of 300 songs")
    assert text(page, "how-many") == f"0 of {len(region)} songs lassoed match"
    page.find_element("id", "search").send_keys(Keys.CONTROL + "a", Keys.DELETE)
    wait(lambda: text(page, "count") == "300 songs")
    assert set(chosen(page)) == region
    assert text(page, "how-many") == f"{len(region)} songs lassoed"
    search(page, second, f"{others} of 300 songs")
    page.find_element("id", "clear-lasso").click()
    assert set(chosen(page)) == own[second]
    assert text(page, "how-many") == f"{others} songs found"
    assert not page.find_element("id", "clear-lasso").is_displayed()
    assert page.find_element("id", "clear").text == "Clear"


def test_what_was_lassoed_can_be_read(page: Any, beet: Beet) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script("lassoed = new Set(everything.slice(0, 40)); draw()")
    page.find_element("id", "show-list").click()
    rows = page.find_elements("css selector", "#rows button")
    shown = [row.text.split("\n") for row in rows]
    wanted = beet.sql("SELECT title, artist FROM items WHERE id > 7 AND id <= 40")
    assert len(rows) == 40
    assert {tuple(line) for line in shown if len(line) == 2} >= set(wanted)
    artists = [row.find_element("tag name", "small").text for row in rows]
    assert [artist for artist in artists if artist.isascii() and artist[0].isalpha()] == sorted(
        (artist for artist in artists if artist.isascii() and artist[0].isalpha()), key=str.casefold
    )
    assert page.execute_script("return document.activeElement === $('rows').querySelector('button')")
    page.switch_to.active_element.send_keys(Keys.TAB + Keys.ENTER)  # the second one
    wait(lambda: page.execute_script("return marked !== null"))
    assert page.execute_script("return songs.title[marked]") == shown[1][0]
    assert page.find_element("id", "card").is_displayed()
    assert rows[1].get_attribute("aria-current") == "true"
    assert page.execute_script("const box = $('rows'); box.scrollTop = 1e6; return box.scrollTop > 0")
    page.execute_script("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
    page.find_element("id", "copy-list").click()
    wait(lambda: page.execute_script("return window.copied"))
    copied = page.execute_script("return window.copied").split("\n")
    assert len(copied) == 40
    assert set(copied) >= {f"{artist} - {title}" for title, artist in wanted}
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.find_element("id", "list").is_displayed()
    assert page.execute_script("return document.activeElement.id") == "show-list"
    assert page.execute_script("return window.hacked === undefined && !document.querySelector('img, a')")


def test_a_long_list_comes_in_parts(page: Any) -> None:
    page.execute_script("window.many_rows = everything.concat(everything, everything); listed = many_rows; "
                        "$('rows').replaceChildren(); more_rows()")  # fmt: skip
    count = "return $('rows').querySelectorAll('[data-song]').length"
    assert page.execute_script(count) == 500
    page.execute_script("$('rows').lastChild.firstChild.click()")
    assert page.execute_script(count) == 900
    page.execute_script("listed = []; $('rows').replaceChildren()")


@pytest.fixture
def phone(page: Any) -> Iterator[Any]:
    """The page on a phone with a touch screen."""
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    show(page, 390, 760)
    settle(page)
    yield page
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def touch(page: Any, *way: tuple[float, float]) -> None:
    """A finger goes down, along a way, and up."""
    for n, (x, y) in enumerate(way):
        event = {"type": "touchMove" if n else "touchStart", "touchPoints": [{"x": x, "y": y}]}
        page.execute_cdp_cmd("Input.dispatchTouchEvent", event)
    page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def alone(page: Any) -> tuple[int, tuple[float, float]]:
    """The song that is farthest from all others, and where it is on the screen."""
    points = on_screen(page)
    ids, places = list(points), np.array(list(points.values()))
    far = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag(np.full(len(ids), np.inf))
    loneliest = int(far.min(axis=1).argmax())
    return ids[loneliest], points[ids[loneliest]]


@pytest.mark.parametrize("mode", ["lasso", "pan"])
def test_a_tap_marks_a_song(phone: Any, beet: Beet, mode: str) -> None:
    phone.execute_script("mode(arguments[0])", mode)
    id_, (x, y) = alone(phone)
    touch(phone, (x + 1, y - 1))
    wait(lambda: phone.find_element("id", "card").is_displayed())
    ((title, artist),) = beet.sql("SELECT title, artist FROM items WHERE id = ?", id_)
    assert title in phone.find_element("id", "card").text
    assert artist in phone.find_element("id", "card").text
    assert chosen(phone) == [id_]
    assert text(phone, "how-many") == "1 song marked"
    assert in_a_shell(beet, text(phone, "query")) == [id_]
    touch(phone, (12, phone.execute_script("return map.getBoundingClientRect().top") + 8))  # nothing is there
    wait(lambda: not phone.find_element("id", "card").is_displayed())
    assert chosen(phone) == []


def test_a_tap_holds_after_zoom_and_finds_only_what_is_searched_for(phone: Any) -> None:
    from selenium.webdriver.common.by import By

    phone.find_element(By.ID, "closer").click()
    settle(phone)
    box = phone.execute_script("const {left, top, width, height} = map.getBoundingClientRect(); "
                               "return [left, top, left + width, top + height]")  # fmt: skip
    inside = {id_: at for id_, at in on_screen(phone).items() if box[0] < at[0] < box[2] and box[1] < at[1] < box[3]}
    id_, at = next(iter(inside.items()))
    touch(phone, at)
    wait(lambda: phone.execute_script("return marked !== null"))
    phone.execute_script("$('search').value = songs.title[20]; filter()")
    assert phone.execute_script("return marked === null || shown.includes(marked)")
    touch(phone, at)
    time.sleep(0.2)
    assert phone.execute_script("return marked === null || shown.includes(marked)")
    assert id_


def test_turning_a_phone_does_not_make_the_map_smaller(phone: Any) -> None:
    def width() -> float:
        across = [x for x, _ in on_screen(phone).values()]
        return max(across) - min(across)

    before = width()
    for size in ((760, 390), (390, 760)) * 2:
        show(phone, *size)
        settle(phone)
    wait(lambda: abs(width() - before) < 2)


def test_a_finger_draws_a_lasso(phone: Any) -> None:
    left, top, right, bottom = phone.execute_script(
        "const {left, top, right, bottom} = map.getBoundingClientRect(); return [left, top, right, bottom]"
    )
    corners = [(left + 10, top + 6), (right - 10, top + 6), (right - 10, bottom - 12), (left + 10, bottom - 12)]
    way = [
        (x0 + (x1 - x0) * k / 5, y0 + (y1 - y0) * k / 5)
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True)
        for k in range(5)
    ]
    touch(phone, *way)
    wait(lambda: "songs lassoed" in text(phone, "how-many"))
    assert len(chosen(phone)) > 250
    assert phone.execute_script("return marked") is None
    phone.find_element("id", "show-list").click()
    assert phone.find_element("id", "rows").is_displayed()
    phone.find_element("css selector", "#rows button").click()
    assert phone.find_element("id", "card").is_displayed()


@pytest.mark.parametrize("size", [1, 2, 10, 500, 4000])
def test_any_choice_has_a_command(page: Any, size: int) -> None:
    rng = np.random.default_rng(size)
    for most in (4000, 99_999):
        ids = sorted(rng.choice(np.arange(1, most + 1), size, replace=False).tolist())
        command = page.execute_script("return command(arguments[0])", ids)
        found = re.fullmatch(r'beet ls "id::([\w^|()\[\]?\\-]+)"', command)
        assert found
        assert [n for n in range(1, 100_500) if re.search(found[1], str(n))] == ids
        assert len(command) <= 20 + 6 * size
    runs = page.execute_script("return command(arguments[0])", list(range(100, 600)))
    assert runs == r'beet ls "id::^[1-5]\d\d\b"'


def test_a_legend_entry_and_the_colour(page: Any, beet: Beet) -> None:
    page.find_element("css selector", "#legend button").click()
    genre, songs = beet.sql("SELECT genres, COUNT(*) FROM items GROUP BY 1 ORDER BY 2 DESC LIMIT 1")[0]
    assert text(page, "count") == f"{songs} of 300 songs"
    assert genre in page.find_element("css selector", "#legend button[aria-pressed=true]").text
    page.execute_script("$('colour').selectedIndex = 2; $('colour').onchange()")
    assert text(page, "count") == "300 songs"
    assert page.find_element("css selector", "#legend .scale").is_displayed()
    page.execute_script("$('colour').selectedIndex = 0; $('colour').onchange()")


def test_download_the_playlist(page: Any, beet: Beet, tmp_path: Path) -> None:
    allow = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
    page.execute_script("lassoed = new Set(everything); draw()")
    page.find_element("id", "playlist").click()
    saved = tmp_path / "map.m3u8"
    wait(lambda: size_of(saved))  # the browser makes an empty file first, and puts the whole one in its place
    lines = saved.read_bytes().split(b"\n")
    assert lines[0] == b"#EXTM3U"
    assert lines[2 * 299 + 1 :] == [b""]
    paths = [os.path.join(b"/music", path) for (path,) in beet.sql("SELECT path FROM items ORDER BY id")]
    assert lines[2::2] == [path for path in paths if b"\n" not in path]
    assert all(re.match(rb"#EXTINF:\d+,.+ - .+", line) for line in lines[1:-1:2])


@pytest.mark.parametrize(("width", "theme", "ground"), [
    (390, "dark", "rgb(20, 23, 27)"), (1100, "dark", "rgb(20, 23, 27)"), (390, "light", "rgb(255, 255, 255)"),
])  # fmt: skip
def test_phones_and_themes(page: Any, width: int, theme: str, ground: str) -> None:
    before = page.execute_script("return JSON.stringify(map.data[1].marker.colorscale)")
    show(page, width, 760, theme)
    wait(lambda: page.execute_script("return innerWidth") == width)
    wait(lambda: page.execute_script("return map._fullLayout.width") == width)
    assert page.execute_script("return document.documentElement.scrollWidth") == width
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == ground
    wait(
        lambda: (
            (page.execute_script("return JSON.stringify(map.data[1].marker.colorscale)") == before)
            == (theme == "light")
        )
    )
    page.execute_script("lassoed = new Set([1, 2, 3]); draw()")
    for id_ in ("search", "colour", "lasso", "pan", "closer", "whole", "copy", "playlist", "clear"):
        box = page.find_element("id", id_).rect
        assert box["width"] > 20, id_
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width, id_
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 760, id_


def test_a_page_without_paths_offers_the_command_alone(browser: Any, beet: Beet) -> None:
    beet("musicmap", "--no-paths", "-o", "shared.html")
    try:
        browser.get((beet.home / "shared.html").as_uri())
        show(browser)
        wait(lambda: browser.execute_script("return Boolean(document.querySelector('#map canvas'))"))
        browser.execute_script("lassoed = new Set([1, 2, 3]); draw()")
        assert in_a_shell(beet, text(browser, "query")) == [2, 3, 4]
        assert browser.find_element("id", "copy").is_displayed()
        assert browser.find_elements("id", "playlist") == []
    finally:
        browser.get((beet.home / "map.html").as_uri())
