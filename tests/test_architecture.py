"""The import structure: who imports whom. `make lint` checks folders, this checks files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from .plugin.conftest import Beet

ROOT = Path(__file__).parents[1]
PACKAGES = ("beetsplug", "musrec_core", "training", "benchmarks")
# Encoder.embed_files starts workers when it is called, and a worker loads an Encoder
LAZY = ("musrec_core.encoder", "musrec_core.workers.pool")
HEAVY = {
    "av", "librosa", "matplotlib", "ncnn", "numpy", "onnxruntime", "plotly", "scipy", "sklearn", "soxr",
    "threadpoolctl", "torch", "tqdm", "voyager",
}  # fmt: skip
ENGINES = {"ray", "lance", "lancedb", "pyarrow", "fsspec", "aiohttp", "yarl"}  # of the extra `catalogue`


def modules() -> dict[str, Path]:
    """Name -> file of every module of ours."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(name: str, file: Path) -> Iterator[str]:
    """What a module imports anywhere: at its top, inside functions, for its annotations."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports; ``from package import name`` is an import of the package."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, file in known.items():
        targets = {target if target in known else target.rpartition(".")[0] for target in imports(name, file)}
        found[name] = targets & known.keys() - {name}
    return found


@pytest.fixture(scope="module")
def house() -> dict[str, set[str]]:
    return graph()


def test_every_module_and_import_is_seen(house: dict[str, set[str]]) -> None:
    assert "musrec_core.search.index" in house["musrec_core.sequence.journey"]
    assert "musrec_core.front_end" in house["training.recipe"]
    assert "beetsplug.musrec.attributes.fields" in house["beetsplug.musrec"]


def test_no_file_imports_itself_in_a_circle(house: dict[str, set[str]]) -> None:
    importer, imported = LAZY
    assert imported in house[importer]  # an exception that is no longer needed goes
    without = house | {importer: house[importer] - {imported}}
    try:
        TopologicalSorter(without).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_nothing_imports_the_plugin_class(house: dict[str, set[str]]) -> None:
    assert [name for name, targets in house.items() if "beetsplug.musrec" in targets] == []


def test_catalogues_alone_import_their_engines() -> None:
    importers = {
        name
        for name, file in modules().items()
        if any(target.split(".")[0] in ENGINES for target in imports(name, file))
    }
    assert "musrec_core.catalogue.dataset" in importers
    assert {name for name in importers if not name.startswith(("musrec_core.catalogue", "benchmarks."))} == set()


def test_the_start_of_beet_loads_few_modules(tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music")

    def loaded() -> set[str]:
        printed = beet.after("import atexit\natexit.register(lambda: print(*sys.modules))", "ls")
        return set(printed.lines[-1].split())

    with_us = loaded()
    beet.configure(plugins=[])
    brought = with_us - loaded()  # beets itself imports some of the heavy ones, where they are installed
    assert not any(name.startswith("musrec_core.catalogue") for name in brought)
    ours = {name for name in brought if name.split(".")[0] == "musrec_core" or name.startswith("beetsplug.musrec")}
    assert "beetsplug.musrec" in ours
    assert not brought & (HEAVY | ENGINES | {"hashlib"})  # json reads the card, whose genres are names of attributes
    assert len(ours) <= 12, sorted(ours)
