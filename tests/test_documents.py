"""The documents agree with the code: options, configurations, figures, examples in Python, and links."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from musrec_core import Card, Encoder

from .plugin.conftest import Beet

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("training/*.md")])
REFERENCE = ROOT / "docs" / "configuration.md"
LIBRARY = ROOT / "docs" / "library.md"
COMPARISON = ROOT / "docs" / "other-tools.md"  # is about others
ROW = re.compile(r"^\| `([a-z_.]+)` \| (?:`([^`]*)`)? ?\| ", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^(?P<before>[^\n]*)\n+```yaml\n(?P<block>.*?)^```", re.MULTILINE | re.DOTALL)
PACKAGES = {
    "mpdstats": ("mpd", "python-mpd2"),
    "lastgenre": ("pylast", "beets[lastgenre]"),
}  # plugin -> module, package
OPEN = {
    "similar.weigh", "genreguess.map", "playlist.targets", "serve.options", "serve.subsonic.paths", "radio.options",
}  # what is below is the user's # fmt: skip

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
    return flat(yaml.safe_load(Beet(home, home / "music", musrec=None)("config", "-d", "-c").out)["musrec"])


def test_every_option_is_described_with_its_default(defaults: dict[str, Any]) -> None:
    described = rows(text_of(REFERENCE).partition("## Complete configurations")[0])
    assert sorted(described) == sorted(defaults)
    assert described == {name: _filled(default) for name, default in defaults.items()}


@pytest.mark.parametrize("page", [page for page in PAGES if page != REFERENCE], ids=lambda page: page.name)
def test_defaults_are_stated_on_one_page(page: Path, defaults: dict[str, Any]) -> None:
    assert {name.removeprefix("musrec.") for name in rows(text_of(page))}.isdisjoint(defaults)


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
        (first,) = (match["block"] for match in YAML.finditer(text_of(README)) if "plugins:" in match["block"])
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


def links(page: Path) -> list[str]:
    """Where a page's links lead, but for those to the web."""
    found = re.findall(r"\]\(([^)\s]+)\)", text_of(page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    there = (page.parent / name).resolve() if name else page
    return there.exists() and (not anchor or anchor in anchors(there))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not leads_somewhere(page, target)] == []


def test_there_are_links_files_and_modules_to_look_at() -> None:
    """Or the tests around this one would look at nothing."""
    assert sum(len(links(page)) for page in PAGES) > 20
    assert sum(len(NAMED.findall(text_of(page))) for page in PAGES) > 20
    assert sum(len(RUN.findall(text_of(page))) for page in PAGES) > 5


@pytest.mark.parametrize("page", sorted({*ROOT.glob("docs/*.md")} - {COMPARISON}), ids=lambda page: str(page.name))
def test_each_page_opens_with_a_terminal(page: Path) -> None:
    heading, _, session = text_of(page).partition("\n\n")
    assert heading.startswith("# ")
    assert session.startswith("```\n$ "), "a command and what it prints"


def test_the_readme_is_a_first_page() -> None:
    text = text_of(README)
    assert len(text.splitlines()) <= 150
    first_screen = text.splitlines()[:35]
    assert any("make demo" in line for line in first_screen)
    assert any("make test" in line for line in first_screen)


def figures_of(page: Path) -> list[tuple[str, list[float]]]:
    """A table's rows about systems: the name, and every number that follows; not those of other benchmarks."""
    text = text_of(page).split("\n### Many seeds\n")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| .* \| \**0\.\d\d", line)]
    return [(cells[0].strip(" *"), [float(n) for n in re.findall(r"\d\.\d\d", " ".join(cells[1:]))]) for cells in lines]


def test_figures_are_those_of_the_model_card() -> None:
    card = Card.load()
    emotify, taffc = (card.metrics["test"]["retrieval"][name]["systems"] for name in ("emotify", "taffc"))
    found = figures_of(ROOT / "docs" / "evaluation.md")
    assert len(found) == 10
    for system, figures in found:
        expected: list[float] = []
        for group in (emotify[system], taffc[system]):
            expected += [group["precision_at_10"], *group["precision_at_10_interval"], group["average_precision"]]
        assert figures == pytest.approx(expected, abs=0.00501), system
    same = {"random": "random", "MFCC statistics": "MFCC statistics", "MusiCNN": "teacher msd_musicnn, tags, cosine",
            "musrec-1": "musrec-1, embedding, cosine", card.name: f"{card.name}, embedding, cosine"}  # fmt: skip
    first = {re.split(",", name)[0]: figures for name, figures in figures_of(README)}
    assert set(first) == set(same)
    for name, system in same.items():
        expected = [group[system]["precision_at_10"] for group in (emotify, taffc)]
        if len(first[name]) > 2:
            expected = [n for g in (emotify, taffc)
                        for n in (g[system]["precision_at_10"], *g[system]["precision_at_10_interval"])]  # fmt: skip
        assert first[name] == pytest.approx(expected, abs=0.00501), name


@pytest.mark.parametrize("page", [README, LIBRARY], ids=lambda page: str(page.name))
def test_python_examples_run(
    page: Path, songs: Path, waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block continues the one before, in a folder with a song."""
    shutil.copy(waltz, tmp_path / "song.mp3")
    monkeypatch.chdir(tmp_path)
    blocks = PYTHON.findall(text_of(page))
    assert blocks
    paths = sorted(path for path in songs.rglob("*.*") if path.is_file())
    encoder = Encoder.load()
    vectors = [encoder.embed_file(path).vector for path in paths] if page == LIBRARY else []
    ids = list(range(len(vectors)))
    names: dict[str, Any] = {"paths": paths[:2], "ids": ids, "vectors": vectors, "artists": dict.fromkeys(ids, "A")}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
    assert names["track"].vector.shape == (128,)


def test_the_script_on_the_library_page_finds_the_song_itself(songs: Path, waltz: Path, tmp_path: Path) -> None:
    script = text_of(LIBRARY).partition("$ cat nearest.py\n")[2].partition("\n$ ")[0]
    (tmp_path / "nearest.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "nearest.py", str(waltz), str(songs)],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"0.000  {waltz.name}"
    assert len(done.stdout.splitlines()) == 3


RUN = re.compile(r"python -m ((?:benchmarks|tests|training)[\w.]*)")
NAMED = re.compile(r"`((?:beetsplug|musrec_core|training|benchmarks|tests|docs)/[\w./-]+)`")
WALK = re.compile(r"^[ │├└─]*([\w/]+\.py) +([\w.]+(?:, [\w.]+)*)(?=  |$)", re.MULTILINE)


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [name for name in NAMED.findall(text_of(page)) if not (ROOT / name).exists() and "NAME" not in name]
    assert missing == []


@each_page
def test_modules_that_are_run_exist(page: Path) -> None:
    assert [module for module in RUN.findall(text_of(page)) if find_spec(module.rstrip(".")) is None] == []


def names_in(module: Path) -> set[str]:
    """Functions, classes and methods (``Class.method``)."""
    defined = ast.FunctionDef | ast.ClassDef
    body = [node for node in ast.parse(text_of(module)).body if isinstance(node, defined)]
    methods = {
        f"{c.name}.{m.name}" for c in body if isinstance(c, ast.ClassDef) for m in c.body if isinstance(m, defined)
    }
    return {node.name for node in body} | methods


def test_walks_lead_through_functions_that_exist() -> None:
    walks = text_of(ROOT / "CONTRIBUTING.md").partition("## Three walks")[2].partition("\n## ")[0]
    stops = WALK.findall(walks)
    assert len(stops) >= 20
    for file, functions in stops:
        (module,) = (path for path in (ROOT / "beetsplug" / "musrec" / file, ROOT / file) if path.exists())
        assert set(functions.split(", ")) <= names_in(module), file
