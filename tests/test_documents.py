"""What the documents say of options is so, their configurations can be used, and their links lead somewhere."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from .plugin.conftest import Beet

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("training/*.md")])
REFERENCE = ROOT / "docs" / "configuration.md"
COMPARISON = ROOT / "docs" / "other-tools.md"  # is about others
ROW = re.compile(r"^\| `([a-z_.]+)` \| (?:`([^`]*)`)? ?\| ", re.MULTILINE)
YAML = re.compile(r"^(?P<before>[^\n]*)\n+```yaml\n(?P<block>.*?)^```", re.MULTILINE | re.DOTALL)
PACKAGES = {
    "mpdstats": ("mpd", "python-mpd2"),
    "lastgenre": ("pylast", "beets[lastgenre]"),
}  # plugin -> module, package
OPEN = {"similar.weigh", "genreguess.map"}  # what is below them is the user's

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def flat(settings: dict[str, Any], before: str = "") -> dict[str, Any]:
    """``{"similar": {"count": 5}}`` -> ``{"similar.count": 5}``."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and value and name not in OPEN:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def rows(text: str) -> dict[str, Any]:
    """Option -> the default that tables give it; an empty text, an empty map and nothing count as the same."""
    return {name: _filled(yaml.safe_load(default)) for name, default in ROW.findall(text)}


def _filled(value: Any) -> Any:
    return value if value or value is False or value == 0 else None


def configurations(page: Path) -> list[dict[str, Any]]:
    """The blocks of YAML on a page that configure us."""
    blocks = map(yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL))
    return [block["musrec"] for block in blocks if "musrec" in block]


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every option, as beets has it where the user says nothing."""
    home = tmp_path_factory.mktemp("documents")
    beet = Beet(home, home / "music")
    (home / "config.yaml").write_text("plugins: musrec\n", encoding="utf-8")
    return flat(yaml.safe_load(beet("config", "-d").out)["musrec"])


def test_every_option_is_described_with_its_default(defaults: dict[str, Any]) -> None:
    described = rows(text_of(REFERENCE).partition("## Whole configurations")[0])
    assert sorted(described) == sorted(defaults)
    assert described == {name: _filled(default) for name, default in defaults.items()}


def test_other_pages_give_the_same_defaults(defaults: dict[str, Any]) -> None:
    said = rows(text_of(ROOT / "README.md").partition("## Configuration")[2].partition("\n## ")[0])
    assert len(said) >= 5
    for page in PAGES:
        prefix = "musrec."
        said |= {name[len(prefix) :]: value for name, value in rows(text_of(page)).items() if name.startswith(prefix)}
    assert said == {name: _filled(defaults[name]) for name in said}


def test_configurations_use_options_that_exist(defaults: dict[str, Any]) -> None:
    found = [(page.name, flat(block)) for page in PAGES for block in configurations(page)]
    assert len([name for name, _ in found if name == REFERENCE.name]) >= 8
    for name, block in found:
        assert set(block) <= set(defaults), name
        for option, value in block.items():
            default = defaults[option]
            kind = (int, float) if isinstance(default, int | float) and not isinstance(default, bool) else type(default)
            assert default is None or isinstance(value, kind), (name, option)


def shown() -> list[Any]:
    """Each configuration that a page shows, the line before it, and the page."""
    found = [(page, match["before"], match["block"]) for page in PAGES for match in YAML.finditer(text_of(page))]
    return [pytest.param(*one, id=f"{one[0].stem}-{n}") for n, one in enumerate(found)]


def pasted(home: Path, page: Path, block: str) -> str:
    """A configuration with folders of ours, and without the plugins whose packages are not here."""
    text = re.sub(r"(?<![\w/~.])/(srv|tank|var)/", rf"{home}/\1/", block)
    for plugin in [plugin for plugin in PACKAGES if re.search(rf"^plugins:.*\b{plugin}\b", text, re.MULTILINE)]:
        module, package = PACKAGES[plugin]
        assert package in text_of(page), f"{page.name} has to name the package that {plugin} wants"
        if find_spec(module) is None:
            text = re.sub(rf"^(plugins:.*) {plugin}\b", r"\1", text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize(("page", "before", "block"), shown())
def test_a_configuration_works_in_an_empty_file(
    waltz: Path, tmp_path: Path, page: Path, before: str, block: str
) -> None:
    """What names `plugins:` is whole; anything else is added to what the README tells to write first."""
    text = block
    if "plugins" not in yaml.safe_load(block):
        assert re.search(r"\b[Aa]dd\b", before), f"{page.name} has to say that this is added: {block}"
        (first,) = (
            match["block"] for match in YAML.finditer(text_of(ROOT / "README.md")) if "plugins:" in match["block"]
        )
        text = first + block
    assert {"musicbrainz", "musrec"} <= set(yaml.safe_load(text)["plugins"].split())
    beet = Beet(tmp_path / "home", tmp_path)
    (beet.home / "config.yaml").write_text(pasted(tmp_path, page, text), encoding="utf-8")
    (tmp_path / "incoming").mkdir()
    shutil.copy(waltz, tmp_path / "incoming")
    said = beet("import", "-A", "-q", str(tmp_path / "incoming"), HOME=str(tmp_path), USERPROFILE=str(tmp_path))
    complaints = [
        line for line in said.err.splitlines() if line != str(tmp_path / "incoming")
    ]  # beets says where it is
    assert [
        line for line in complaints if not re.search(r"\bmix\b.*\bmatch", line)
    ] == []  # as one song can't match all
    assert len(beet.sql("SELECT id FROM items")) == 1
    assert len(beet.attributes("musrec_embedding")) == yaml.safe_load(text).get("musrec", {}).get("auto", True)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives a page's headings."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):  # on the web
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", sorted({*ROOT.glob("docs/*.md")} - {COMPARISON}), ids=lambda page: str(page.name))
def test_each_page_opens_with_a_terminal(page: Path) -> None:
    heading, _, session = text_of(page).partition("\n\n")
    assert heading.startswith("# ")
    assert session.startswith("```\n$ "), "a command and what it prints"
