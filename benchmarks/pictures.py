"""The pictures of the documents, of synthetic songs: ``python -m benchmarks.pictures`` draws them into ``docs/``.

The server's page needs Chromium and its driver (Debian's packages `chromium` and `chromium-driver`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .synthetic_library import make_library, write_config

DOCS = Path(__file__).parents[1] / "docs"
BEET = Path(sys.executable).parent / "beet"
SONGS = 3_000
WIDTH, HEIGHT = 900, 720  # of the page [pixels]
QUESTION = "#similar?query=Wupo+Pluclezo&n=7"


def main() -> None:
    """Draw the map of a synthetic library, and the server's page, with the real programs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_config(home)
        make_library(home / "library.db", SONGS)
        subprocess.run([BEET, "musicmap", "-o", DOCS / "map.png"], env=_environment(home), check=True)
        with _server(home) as url:
            _photograph(f"{url}/{QUESTION}", DOCS / "page.png")


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "BEETSDIR": str(home)}


@contextmanager
def _server(home: Path) -> Iterator[str]:
    """`beet musrec-serve` at a free port: its address."""
    words = [str(BEET), "musrec-serve", "--port", "0"]
    with subprocess.Popen(words, env=_environment(home), stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            (url,) = re.findall(r"http://\S+", server.stderr.readline())
            yield url
        finally:
            server.terminate()


def _photograph(url: str, file: Path) -> None:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.wait import WebDriverWait

    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "hide-scrollbars", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get(url)
        WebDriverWait(browser, 60).until(lambda page: page.find_elements("css selector", "#rows li"))
        WebDriverWait(browser, 60).until(lambda page: page.find_elements("css selector", "#status span"))
        browser.save_screenshot(str(file))
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
