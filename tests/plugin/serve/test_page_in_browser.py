"""The page at ``/`` in a real browser, with the real application and a library behind it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest
from beets.library import Library

from beetsplug.musrec.config import ServeSettings
from beetsplug.musrec.console import stem
from beetsplug.musrec.serve.answers import Answers
from beetsplug.musrec.serve.app import create_app
from beetsplug.musrec.serve.ids import BeetsIds
from beetsplug.musrec.serve.server import Server, bind
from beetsplug.musrec.similar.options import SimilarOptions
from benchmarks.synthetic_library import make_library
from musrec_core._text import one_line

from ... import browser as chrome
from ...browser import chromium, severe, show
from ..similar.test_effects import Finder, defaults

pytestmark = pytest.mark.slow

SONGS = 60
EVIL = [
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "<a href='javascript:window.hacked=1'><b>bold</b></a>",
    "javascript:window.hacked=1",
    "two\nlines\r\n#EXTM3U\u2028/etc/passwd\x1b[31m",
    "\u202egnp.exe \u2066turned",
    "\u05e9\u05d9\u05e8 \u05d9\u05e9\u05e8\u05d0\u05dc\u05d9",
    "😀 日本語 e\u0301",
    "Donaudampfschifffahrt" * 200,
    "__proto__",
    "&lt;b&gt; @SCRIPT@ ${1}",
    "What? & #1 + 100% = 'a' \\ ;",
    "",
]
wait = partial(chrome.wait, seconds=60)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Way:
    """What stands between browser and application: a path that it is served below, an answer that is late or broken."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self.below, self.broken, self.late = "", False, ""
        self.go_on = threading.Event()
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        self.asked.append(f"{path}?{query}")
        if not path.startswith(self.below):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing of ours"]
        environ["PATH_INFO"] = path.removeprefix(self.below) or "/"
        if self.broken and path != "/":
            start("502 Bad Gateway", [("Content-Type", "text/html")])
            return [b"<h1>Bad Gateway</h1>"]
        if self.late and self.late in parse_qs(query).get("query", []):
            assert self.go_on.wait(60)
        return self._app(environ, start)


class Site:
    """A running server."""

    def __init__(self, lib: Library, **settings: Any) -> None:
        chosen = ServeSettings(**{**vars(defaults(ServeSettings)), "port": 0, **settings})
        self.app = create_app(Answers(lib, Finder().similar, SimilarOptions()), BeetsIds(lib), chosen)
        self.way = Way(self.app.wsgi_app)
        self.app.wsgi_app = self.way  # type: ignore[method-assign, assignment]
        sockets = bind(chosen)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        self.server = Server(self.app, sockets, 4)
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Site:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.thread.join()


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library whose first songs have evil tags."""
    library = Library(str(make_library(tmp_path_factory.mktemp("page") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        for id_, text in enumerate(EVIL, 1):
            tx.mutate("UPDATE items SET title = ?, artist = ?, album = ? WHERE id = ?", (text, text, text, id_))
    yield library
    library._close()


@pytest.fixture(scope="module")
def site(lib: Library) -> Iterator[Site]:
    with Site(lib) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("disable-gpu") as opened:
        yield opened


@pytest.fixture
def page(browser: Any, site: Site) -> Iterator[Any]:
    """The page as it is when it opens; whatever a test does, no script may fail, and nothing be forbidden."""
    show(browser)
    open_at(browser, site)
    browser.execute_script("sessionStorage.clear()")
    severe(browser)
    yield browser
    assert [line for line in severe(browser) if "Failed to load resource" not in line] == []
    assert browser.execute_script("return window.hacked === undefined && !document.querySelector('img, iframe, b')")


def open_at(browser: Any, site: Site, hash_: str = "", path: str = "/") -> None:
    browser.get("about:blank")
    browser.get(f"{site.url}{path}{hash_}")


def asks(door: str, **wanted: Any) -> str:
    return f"#{door}?{urlencode(wanted)}"


def at(browser: Any, site: Site, door: str, **wanted: Any) -> list[str]:
    """Open a link; the titles of the list."""
    open_at(browser, site, asks(door, **wanted))
    wait(lambda: shown(browser))
    return titles(browser)


def shown(page: Any) -> bool:
    """Whether the answer has come."""
    done: bool = page.execute_script(
        "return $('result').getAttribute('aria-busy') === 'false' && (!$('result').hidden || !$('error').hidden)"
    )
    return done


def search(page: Any, *words: str) -> None:
    """Type into the fields that are shown, and press Enter."""
    fields = [field for field in page.find_elements("css selector", "#ask [type=search]") if field.is_displayed()]
    for field, text in zip(fields, words, strict=True):
        field.clear()
        field.send_keys(text)
    before = page.execute_script("return location.hash")
    fields[-1].send_keys("\n")
    wait(lambda: page.execute_script("return location.hash") != before)
    wait(lambda: shown(page))


def titles(page: Any) -> list[str]:
    texts: list[str] = page.execute_script("return [...document.querySelectorAll('.song a')].map(a => a.textContent)")
    return texts


def text(page: Any, id_: str) -> str:
    """What a reader sees of an element."""
    return str(page.find_element("id", id_).text)


def said(page: Any, id_: str) -> str:
    """What a screen reader hears of an element."""
    return str(page.execute_script("return $(arguments[0]).textContent", id_))


def answer(site: Site, path: str) -> dict[str, Any]:
    """The same asked without a browser."""
    found: Any = site.app.test_client().get(path).json
    return dict(found)


def press(page: Any, label: str) -> None:
    """With the keyboard, as somebody without a mouse does."""
    found = page.find_element("css selector", f"#rows button[aria-label='{label}']")
    page.execute_script("arguments[0].focus()", found)
    page.switch_to.active_element.send_keys("\n")


def test_search_lists_what_the_server_answers(page: Any, site: Site, lib: Library) -> None:
    search(page, "id:20")
    wanted = answer(site, "/similar?query=id:20&n=20")
    assert titles(page) == [one_line(song["title"]) for song in wanted["songs"]]
    assert len(titles(page)) == 20
    assert text(page, "head") == "Songs like {artist} - {title}".format(**wanted["seeds"][0])
    minutes, seconds = divmod(round(sum(song["length"] for song in wanted["songs"])), 60)
    assert said(page, "summary") == f"20 songs, {minutes // 60}:{minutes % 60:02}:{seconds:02}"
    numbers = page.execute_script("return [...document.querySelectorAll('.near')].map(cell => cell.textContent)")
    assert numbers == [f"distance {song['distance']:.3f}" for song in wanted["songs"]]
    widths = page.execute_script("return [...document.querySelectorAll('.bar i')].map(bar => bar.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[-1] > 0
    assert page.title == text(page, "head")
    assert f"{SONGS} songs" in text(page, "status")


def test_it_asks_nobody_but_its_server(page: Any, site: Site) -> None:
    search(page, "id:20")
    names = page.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert {name.split("?")[0] for name in names} == {f"{site.url}/status", f"{site.url}/similar"}


def test_tags_are_text(page: Any, site: Site, lib: Library) -> None:
    found = at(page, site, "similar", query="id:20", n=SONGS)
    plain = {text for text in found if "hacked" in text or "<" in text or "$" in text}
    assert plain == {*EVIL[:4], EVIL[10]}
    assert EVIL[11] in found
    assert "two lines #EXTM3U /etc/passwd [31m" in found
    assert "gnp.exe turned" in found
    untitled = stem(next(iter(lib.items(f"id:{len(EVIL)}"))).path)
    assert {EVIL[6], EVIL[7], EVIL[8], EVIL[9], untitled} <= set(found)
    at(page, site, "similar", query="id:1..13", n=5)
    assert [each.text for each in page.find_elements("css selector", "#seeds li")][-1] == "and 9 more"
    for id_ in range(1, len(EVIL) + 1):
        page.execute_script("location.hash = arguments[0]", asks("similar", id=id_, n=3))
        wait(lambda id_=id_: said(page, "head").endswith(one_line(EVIL[id_ - 1]) or untitled))  # type: ignore[misc]
    hrefs = page.execute_script("return [...document.querySelectorAll('main a')].map(a => a.getAttribute('href'))")
    assert all(href.startswith("#") for href in hrefs)


def test_any_text_can_be_searched_for(page: Any, site: Site) -> None:
    for query, artist in (("title:日本語", EVIL[7]), ("What? & #1 + 100% =", EVIL[11])):
        at(page, site, "similar", query=query, n=3)
        assert text(page, "head") == f"Songs like {artist} - {artist}"
    search(page, "What? & #1 + 100%")
    assert text(page, "head") == f"Songs like {EVIL[11]} - {EVIL[11]}"
    assert page.find_element("name", "query").get_property("value") == "What? & #1 + 100%"


def test_on_from_a_song_and_back(page: Any, site: Site) -> None:
    first = at(page, site, "similar", query="id:20", n=6)
    page.find_element("css selector", "#rows li:nth-child(3)").click()  # anywhere in the row
    wait(lambda: f"- {first[2]}" in text(page, "head"))
    second = titles(page)
    assert first[2] not in second
    assert len(second) == 6
    assert page.execute_script("return document.activeElement.id") == "head"
    assert page.find_element("name", "query").get_property("value").endswith(f"- {first[2]}")
    link = page.current_url
    page.back()
    wait(lambda: titles(page) == first)
    assert page.find_element("name", "query").get_property("value") == "id:20"
    page.forward()
    wait(lambda: titles(page) == second)
    page.get("about:blank")
    page.get(link)
    wait(lambda: shown(page))
    assert titles(page) == second
    page.find_element("name", "query").send_keys(" ")  # what was typed counts from now on
    page.find_element("name", "query").send_keys("\n")
    wait(lambda: "query=" in page.current_url)


def test_the_order_is_changed_by_keyboard(page: Any, site: Site) -> None:
    first = at(page, site, "similar", query="id:20", n=5)
    press(page, f"Move down: {first[0]}")
    assert titles(page) == [first[1], first[0], *first[2:]]
    page.switch_to.active_element.send_keys("\n")  # the button has kept the focus
    assert titles(page) == [first[1], first[2], first[0], *first[3:]]
    assert said(page, "said").endswith(f"- {first[0]} is now number 3 of 5")
    press(page, f"Move up: {first[1]}")  # it is the first
    assert titles(page)[0] == first[1]
    press(page, f"Remove: {first[3]}")
    assert titles(page) == [first[1], first[2], first[0], first[4]]
    assert page.switch_to.active_element.get_attribute("aria-label") == f"Remove: {first[4]}"
    assert said(page, "summary").startswith("4 songs, ")
    for _ in range(3):
        page.find_element("id", "undo").click()
    assert titles(page) == first
    assert not page.find_element("id", "undo").is_displayed()


def test_the_order_is_changed_by_mouse(page: Any, site: Site) -> None:
    from selenium.webdriver import ActionChains

    first = at(page, site, "similar", query="id:20", n=5)
    handles = page.find_elements("class name", "handle")
    hand = ActionChains(page, duration=50)
    hand.click_and_hold(handles[0]).move_to_element(handles[1]).move_to_element_with_offset(handles[3], 0, 6).release()
    hand.perform()
    assert titles(page) == [*first[1:4], first[0], first[4]]
    assert page.current_url.endswith("n=5")
    hand = ActionChains(page, duration=50)
    hand.click_and_hold(page.find_elements("class name", "handle")[4]).move_by_offset(0, -300).release().perform()
    assert titles(page)[0] == first[4]
    hand = ActionChains(page)
    hand.click_and_hold(page.find_elements("class name", "handle")[2]).move_by_offset(0, 3).release().perform()
    assert titles(page)[0] == first[4]
    page.find_element("id", "undo").click()
    page.find_element("id", "undo").click()
    assert titles(page) == first


def test_a_changed_list_is_there_when_one_comes_back(page: Any, site: Site) -> None:
    first = at(page, site, "similar", query="id:20", n=5)
    press(page, f"Remove: {first[1]}")
    page.find_element("css selector", ".song a").click()
    wait(lambda: f"- {first[0]}" in text(page, "head"))
    page.back()
    wait(lambda: titles(page) == [first[0], *first[2:]])
    assert text(page, "head").startswith("Songs like")
    page.refresh()
    wait(lambda: titles(page) == [first[0], *first[2:]])
    page.find_element("name", "query").send_keys("\n")  # the same search: anew
    wait(lambda: titles(page) == first)
    for title in first:
        press(page, f"Remove: {title}")
    assert said(page, "summary") == "The list is empty."
    assert page.execute_script("return document.activeElement.id") == "undo"
    assert not page.find_element("id", "copy").is_displayed()


def test_the_list_is_taken_along(page: Any, site: Site, lib: Library, tmp_path: Path) -> None:
    from selenium.webdriver.support.select import Select

    at(page, site, "similar", query="id:20", n=SONGS)
    press(page, "Remove: __proto__")
    songs = [s for s in answer(site, f"/similar?query=id:20&n={SONGS}")["songs"] if s["title"] != "__proto__"]
    allow = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
    page.find_element("id", "download").click()
    wait(lambda: (tmp_path / "similar.m3u8").exists() and (tmp_path / "similar.m3u8").stat().st_size)
    lines = (tmp_path / "similar.m3u8").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "#EXTM3U"
    assert lines[2::2] == [song["id"] for song in songs]
    lengths = [math.floor(song["length"] + 0.5) for song in songs]
    assert [line.split(",")[0] for line in lines[1:-1:2]] == [f"#EXTINF:{seconds}" for seconds in lengths]
    assert len(lines) == 2 * len(songs) + 2
    page.execute_script("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
    Select(page.find_element("id", "format")).select_by_visible_text("JSON")
    page.find_element("id", "copy").click()
    wait(lambda: said(page, "copy") == "Copied")
    assert json.loads(page.execute_script("return window.copied")) == songs
    Select(page.find_element("id", "format")).select_by_visible_text("Text")
    page.execute_script(  # an address without https
        "Object.defineProperty(navigator, 'clipboard', {value: undefined}); $('copy').textContent = 'Copy';"
        "document.execCommand = () => { window.copied = getSelection().toString(); return true; }"
    )
    page.find_element("id", "copy").click()
    wait(lambda: said(page, "copy") == "Copied")
    assert len(page.execute_script("return window.copied").strip().split("\n")) == len(songs)


def test_words_are_chosen_or_typed(page: Any, site: Site, lib: Library) -> None:
    page.find_element("link text", "By sound").click()
    wait(lambda: page.find_element("id", "words").is_displayed())
    page.find_element("css selector", "#words summary").click()
    names = [word["name"] for word in answer(site, "/words")["words"]]
    buttons = "return [...document.querySelectorAll('#groups button')].map(button => button.textContent)"
    assert sorted(page.execute_script(buttons)) == sorted(names)
    field = page.find_element("name", "words")
    field.send_keys("slow?, no female")
    wait(lambda: page.execute_script("return $('suggestions').children.length"))
    suggested = page.execute_script("return [...$('suggestions').children].map(option => option.value)")
    assert "slow?, no female vocals" in suggested
    assert all(text.startswith("slow?, no female") for text in suggested)
    field.clear()
    field.send_keys("calm")
    piano = page.find_element("css selector", "#groups button[aria-label=piano]")
    piano.click()
    assert field.get_property("value") == "calm, piano"
    pressed = page.find_elements("css selector", "#groups button[aria-pressed=true]")
    assert {button.text for button in pressed} == {"calm", "piano"}
    page.find_element("id", "go").click()
    wait(lambda: shown(page))
    assert text(page, "head") == "Sounds like calm, piano"
    wanted = answer(site, "/sounds?words=calm%2C+piano&n=20")["songs"]
    assert len(titles(page)) == len(wanted) == 20
    piano.click()
    assert field.get_property("value") == "calm"


def test_a_journey(page: Any, site: Site, lib: Library) -> None:
    at(page, site, "similar", query="id:20", n=7)
    page.find_element("id", "onward").click()
    start = page.find_element("name", "from").get_property("value")
    page.find_element("name", "to").send_keys("id:40\n")
    wait(lambda: shown(page) and "From " in text(page, "head"))
    assert "from_id=20&to=id%3A40&n=7" in page.current_url
    wanted = answer(site, "/journey?from_id=20&to=id:40&n=7")["songs"]
    assert titles(page) == [song["title"] for song in wanted]
    assert text(page, "head") == f"From {start} to {wanted[-1]['artist']} - {wanted[-1]['title']}"


def test_errors_are_shown_as_their_sentences(page: Any) -> None:
    for hash_, sentence in (
        (asks("similar", query="no such song"), "no song matches: no such song"),
        (asks("similar", query="year:abc"), "year"),
        (asks("similar", id="999"), "999"),
        (asks("similar", query="id:20", n="-1"), "n has to be"),
        (asks("similar", query="id:20", n="NaN"), "n has to be"),
        (asks("similar", query="x" * 5000), "too long"),
        (asks("similar", query="a\x00b"), "control"),
        (asks("sounds", words="clarinete"), "clarinet"),
        (asks("journey", **{"from": "id:20", "to": "no such song"}), "no song matches"),
    ):
        page.execute_script("location.hash = arguments[0]", hash_)
        wait(lambda sentence=sentence: sentence in text(page, "error"))  # type: ignore[misc]
        assert not page.find_element("id", "again").is_displayed()
        assert not page.find_element("id", "result").is_displayed()
        page.execute_script("location.hash = '#similar?query=id%3A20&n=3'")
        wait(lambda: len(titles(page)) == 3 and shown(page))
        assert not page.find_element("id", "error").is_displayed()


def test_an_address_that_asks_nothing_shows_the_form(page: Any, site: Site) -> None:
    for hash_ in ("__proto__?n=5", "constructor", "../status?n=5", "sounds?n=5", "%", "similar??", "journey?from=x"):
        site.way.asked.clear()
        open_at(page, site, f"#{hash_}")
        wait(lambda: any(each.startswith("/status") for each in site.way.asked))
        assert page.find_element("id", "go").is_displayed()
        assert not page.find_element("id", "result").is_displayed()
        assert {each.split("?")[0] for each in site.way.asked} <= {"/", "/status", "/words"}


def test_a_server_that_is_gone_or_broken(page: Any, site: Site) -> None:
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/similar*"]})
    search(page, "id:20")
    assert text(page, "error-says") == "The server can't be reached. Is beet musrec-serve still running?"
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    site.way.broken = True
    try:
        page.find_element("id", "again").click()
        wait(lambda: "HTTP 502" in text(page, "error-says"))
    finally:
        site.way.broken = False
    page.find_element("id", "again").click()
    wait(lambda: len(titles(page)) == 20)


def test_a_late_answer_does_not_replace_a_newer_one(page: Any, site: Site) -> None:
    site.way.late = "id:21"
    try:
        page.execute_script("location.hash = '#similar?query=id%3A21'")
        wait(lambda: any("21" in each for each in site.way.asked))
        wait(lambda: said(page, "go") == "Searching…")
        page.execute_script("location.hash = '#similar?query=id%3A22&n=3'")
        wait(lambda: len(titles(page)) == 3)
    finally:
        site.way.go_on.set()
        site.way.late = ""
    assert page.find_element("name", "query").get_property("value") == "id:22"
    assert said(page, "go") == "Search"


def test_the_token_is_asked_for_once_and_kept_for_the_tab(page: Any, lib: Library) -> None:
    token = "sesame ö & <b>"
    with Site(lib, token=token) as site:
        open_at(page, site, asks("sounds", words="calm", n=5))  # asks for list, words and status at once
        wait(lambda: page.find_element("id", "token").is_displayed())
        page.find_element("id", "token").send_keys("wrong\n")
        wait(lambda: text(page, "token-says") == "That is not the server's token.")
        page.find_element("id", "token-leave").click()
        wait(lambda: text(page, "error-says") == "The server answers only with its token.")
        page.find_element("id", "again").click()
        wait(lambda: page.find_element("id", "token").is_displayed())
        assert page.find_element("id", "token").get_property("value") == ""
        page.find_element("id", "token").send_keys(f"{token}\n")
        wait(lambda: len(titles(page)) == 5)
        wait(lambda: f"{SONGS} songs" in text(page, "status"))
        assert len(page.find_elements("css selector", "#groups button")) > 5
        assert not page.find_element("id", "token-dialog").is_displayed()
        page.refresh()
        wait(lambda: len(titles(page)) == 5)
        assert page.execute_script("return [localStorage.length, document.cookie]") == [0, ""]
        assert quote("sesame") not in page.current_url
        assert not any("sesame" in each for each in site.way.asked)
        page.execute_script("sessionStorage.clear()")


def test_it_works_below_a_path_of_a_proxy(page: Any, site: Site) -> None:
    site.way.below = "/music/similar"
    try:
        for count, path in enumerate(("/music/similar/", "/music/similar"), 3):
            open_at(page, site, asks("similar", query="id:20", n=count), path)
            wait(lambda: shown(page))
            assert len(titles(page)) == count
    finally:
        site.way.below = ""


def test_the_policy_forbids_what_somebody_puts_into_the_page(page: Any, site: Site) -> None:
    page.execute_script("""
        const script = document.createElement("script");
        script.textContent = "window.broken_in = 1";
        document.body.append(script);
        document.body.setAttribute("onclick", "window.broken_in = 1");
        document.body.click();
        const link = document.createElement("a");
        link.href = "javascript:window.broken_in = 1";
        document.body.append(link);
        link.click();
        fetch("http://127.0.0.2:9/").catch(() => { window.refused = true; });""")
    wait(lambda: page.execute_script("return window.refused"))
    assert page.execute_script("return window.broken_in") is None
    assert len([line for line in severe(page) if "Content Security Policy" in line]) >= 4


@pytest.mark.parametrize(("width", "theme", "ground"), [
    (360, "light", "rgb(255, 255, 255)"), (360, "dark", "rgb(20, 23, 27)"), (1100, "dark", "rgb(20, 23, 27)"),
    (320, "light", "rgb(255, 255, 255)"),
])  # fmt: skip
def test_phones_and_themes(page: Any, site: Site, width: int, theme: str, ground: str) -> None:
    show(page, width, 760, theme)
    for door, wanted in (
        ("similar", {"query": "id:1..13"}),
        ("similar", {"id": 9}),
        ("sounds", {"words": "calm"}),
        ("journey", {"from_id": 9, "to_id": 5}),
        ("similar", {"query": "x" * 2000}),
    ):
        open_at(page, site, asks(door, **wanted, n=SONGS))
        wait(lambda: shown(page))
        if width < 700 and page.find_element("id", "edit").is_displayed():
            page.find_element("id", "edit").click()
        if door == "sounds":
            page.find_element("css selector", "#words summary").click()
        page_width, screen = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert page_width <= screen == width, door
        small = page.execute_script("""
            const parts = "button, select, input, summary, nav a, #seeds a, #onward, #rows li, .editing .handle";
            const size = part => [part.offsetWidth, part.offsetHeight, part.outerHTML.slice(0, 80)];
            return [...document.querySelectorAll(parts)].map(size).filter(([w, h]) => h && (h < 44 || w < 20));""")
        assert width > 700 or small == [], door
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == ground


def test_a_finger_puts_the_list_in_order(page: Any, site: Site) -> None:
    show(page, 360, 760)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        first = at(page, site, "similar", query="id:20", n=4)
        assert not page.find_element("class name", "order").is_displayed()
        page.find_element("id", "edit").click()
        places = page.execute_script("""
            scrollTo(0, 1e6);
            const boxes = [...document.querySelectorAll(".handle")].map(handle => handle.getBoundingClientRect());
            return boxes.map(({x, y, width, height}) => [x + width / 2, y + height / 2])""")
        start, end = places[3], places[1]
        way = [start, *([start[0], start[1] + (end[1] - 60 - start[1]) * k / 5] for k in range(1, 6))]
        for n, (x, y) in enumerate(way):
            event = {"type": "touchMove" if n else "touchStart", "touchPoints": [{"x": x, "y": y}]}
            page.execute_cdp_cmd("Input.dispatchTouchEvent", event)
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait(lambda: titles(page) == [first[0], first[3], first[1], first[2]])
    finally:
        page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_screen_reader_hears_a_name_of_everything(page: Any, site: Site) -> None:
    at(page, site, "similar", query="id:20", n=12)
    page.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    parts = [
        (node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in nodes if not node["ignored"]
    ]
    page.execute_cdp_cmd("Accessibility.disable", {})
    named = {"button", "link", "searchbox", "spinbutton", "combobox", "list", "navigation", "heading", "region"}
    assert [role for role, name in parts if role in named and not name] == []
    assert {
        ("searchbox", "Song"),
        ("spinbutton", "Songs"),
        ("list", "Songs in play order"),
        ("link", "Like a song"),
        ("combobox", "Format of the list"),
    } <= set(parts)
    assert [role for role, _ in parts].count("listitem") == 12


def test_it_can_be_used_with_the_keyboard_alone(page: Any, site: Site) -> None:
    from selenium.webdriver.common.keys import Keys

    page.execute_script("document.querySelector('nav a').focus()")
    page.switch_to.active_element.send_keys(Keys.TAB * 3)
    page.switch_to.active_element.send_keys("id:20\n")
    wait(lambda: len(titles(page)) == 20)
    assert page.switch_to.active_element.get_attribute("name") == "query"  # the focus stays where one types
    seen = []
    for _ in range(10):
        page.switch_to.active_element.send_keys(Keys.TAB)
        style = "const style = getComputedStyle(document.activeElement); return style.outlineStyle + style.outlineWidth"
        assert page.execute_script(style) == "solid2px"
        seen.append(page.execute_script("const {id, name, title, textContent} = document.activeElement; "
                                        "return id || name || title || textContent"))  # fmt: skip
    first = titles(page)[0]
    assert seen[:6] == ["n", "go", "onward", "format", "copy", "download"]
    assert seen[6:] == [first, f"Move up: {first}", f"Move down: {first}", f"Remove: {first}"]


def test_without_scripts_it_says_what_it_needs(page: Any, site: Site) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_at(page, site)
        assert "needs JavaScript" in page.find_element("css selector", "noscript").text
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        open_at(page, site)
