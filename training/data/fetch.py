"""Published archives -> a folder: ``python -m training fetch fma-small DIR``. Resumes, checks, unpacks."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from ..recipe import Recipe, RecipeError

CHUNK = 1 << 16  # bytes; a broken connection loses less than one
TIMEOUT = 60  # seconds without a byte


def fetch(recipe: Recipe, folder: Path) -> None:
    """Download the recipe's archives and unpack them.

    Runs again where it was interrupted: a finished archive is checked, a part is continued, an unpacked file is kept.

    Raises
    ------
    RecipeError
        The recipe names no archive, the server does not answer, the disk is too small, or a checksum differs.
    """
    if not recipe.fetch.archives:
        raise RecipeError(f"the recipe {recipe.name} names no archive to fetch")
    folder.mkdir(parents=True, exist_ok=True)
    for archive in recipe.fetch.archives:
        path = folder / archive.file
        if not path.exists():
            _download(f"{recipe.fetch.server.rstrip('/')}/{archive.file}", path)
        _require_sha1(path, archive.sha1)
        unpack(path, folder)


def _download(url: str, path: Path) -> None:
    """Into ``NAME.part``, continued where an earlier run stopped, renamed when whole."""
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    try:
        with requests.get(
            url, stream=True, timeout=TIMEOUT, headers={"Range": f"bytes={have}-"} if have else {}
        ) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                answer.close()  # the part is whole already, or of another file: the checksum will tell
            else:
                answer.raise_for_status()
                if answer.status_code != requests.codes.partial_content:
                    have = 0  # a server without ranges starts anew
                _receive(answer, part, have, path.name)
    except requests.RequestException as error:
        kept = f"; {part.stat().st_size / 1e6:.0f} MB are kept, run it again to go on" if part.exists() else ""
        raise RecipeError(f"{url} can't be fetched: {type(error).__name__}{kept}") from None
    part.replace(path)


def _receive(answer: requests.Response, part: Path, have: int, name: str) -> None:
    left = int(answer.headers.get("Content-Length", 0))
    _require_space(part.parent, left)
    with (
        part.open("ab" if have else "wb") as file,
        tqdm(total=have + left, initial=have, unit="B", unit_scale=True, desc=name, dynamic_ncols=True) as bar,
    ):
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    if part.stat().st_size < have + left:
        raise requests.ConnectionError("the connection ended early")


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RecipeError(f"{folder} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed")


def _require_sha1(path: Path, sha1: str) -> None:
    with path.open("rb") as file:
        digest: Any = hashlib.sha1(usedforsecurity=False)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha1:
        raise RecipeError(f"{path} is damaged or not the published file (its SHA-1 differs): delete it and fetch again")


def unpack(path: Path, folder: Path) -> None:
    """Unpack what is not unpacked yet; `zipfile` keeps every name inside the folder."""
    with zipfile.ZipFile(path) as archive:
        missing = [
            info
            for info in archive.infolist()
            if not info.is_dir() and not _is_whole(folder / info.filename, info.file_size)
        ]
        _require_space(folder, sum(info.file_size for info in missing))
        for info in tqdm(missing, unit=" files", desc=f"unpack {path.name}", disable=not missing, dynamic_ncols=True):
            archive.extract(info, folder)


def _is_whole(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size
