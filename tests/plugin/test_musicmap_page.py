"""The page of ``beet musicmap`` in a real browser: searched, coloured, lassoed, taken along; and no tag gets out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.libraries import make_library

from .conftest import BEET, Beet

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
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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
    """Headless Chromium with the page open, as Debian's packages `chromium` and `chromium-driver` give it."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with a chromedriver here: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "use-angle=swiftshader",
                     "enable-unsafe-swiftshader", "disable-background-networking"):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        opened.set_page_load_timeout(120)
        opened.get((beet.home / "map.html").as_uri())
        show(opened)
        wait(lambda: opened.execute_script("return Boolean(document.querySelector('#map canvas'))"))
        yield opened
        said = [line["message"] for line in opened.get_log("browser") if line["level"] == "SEVERE"]
        assert said == []
    finally:
        opened.quit()


@pytest.fixture
def page(browser: Any) -> Any:
    """The page as it is when it opens."""
    show(browser)
    browser.execute_script("$('clear').onclick(); $('whole').onclick(); mode('lasso')")
    return browser


def show(browser: Any, width: int = 1100, height: int = 760, theme: str = "light") -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait(done: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


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
        capture_output=True, text=True, check=True, timeout=120,
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


def test_search_as_you_type(page: Any, beet: Beet) -> None:
    ((artist, songs),) = beet.sql("SELECT artist, COUNT(*) FROM items WHERE id > 20 GROUP BY artist ORDER BY 2 LIMIT 1")
    search(page, artist.upper(), f"{songs} of 300 songs")
    assert chosen(page) == [row[0] for row in beet.sql("SELECT id FROM items WHERE artist = ?", artist)]
    faded, left = page.execute_script("return map.data.map(trace => trace.x.length)")
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
    wait((tmp_path / "map.m3u8").exists)
    lines = (tmp_path / "map.m3u8").read_bytes().split(b"\n")
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
