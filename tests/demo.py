"""``make demo``: the main job on a scratch library, every command printed before its output."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

CONFIG = """\
directory: {directory}
library: library.db
plugins: musrec
threaded: yes
create_backup_before_migrations: no  # a scratch library
import:
  autotag: no
  copy: no
  move: no
  write: no
  quiet: yes
  timid: no
  resume: no
  log: import.log
musrec:
  playlist:
    dir: .
"""


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the scratch library")
    parser.add_argument("--music", type=Path, help="a real music folder; nothing in it is copied, moved or written")
    options = parser.parse_args()
    music = options.music.expanduser().resolve() if options.music else None
    if music is not None and not music.is_dir():
        print(f"demo: {music} is not a folder", file=sys.stderr)
        return 1
    home = options.out.resolve()
    home.mkdir(parents=True, exist_ok=True)
    for old in ("library.db", "config.yaml", "state.pickle", "similar.m3u8"):
        (home / old).unlink(missing_ok=True)
    folder = music or _compose(home / "music")
    (home / "config.yaml").write_text(CONFIG.format(directory=_quoted(folder)), encoding="utf-8")
    return _show(home, folder)


def _quoted(path: Path) -> str:
    """A path as a YAML string."""
    return "'" + str(path).replace("'", "''") + "'"


def _compose(folder: Path) -> Path:
    """The composed collection, written once."""
    from . import music

    finished = folder / ".complete"
    if not finished.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print("Composing 30 short songs in five styles ...", flush=True)
        music.main(folder)
        finished.touch()
    return folder


def _show(home: Path, folder: Path) -> int:
    beet = Beet(home)
    beet("import", "-A", str(folder))
    if not beet.output("ls", "-f", "$id"):
        print(f"demo: beets found no music in {folder}", file=sys.stderr)
        return 1
    embedded = beet.output("ls", "musrec_embedding::.", "-f", "$id")
    if not embedded:
        print("demo: no song could be embedded; the lines above say why", file=sys.stderr)
        return 1
    seed = f"id:{embedded[0]}"
    beet("similar", seed)
    beet("similar", "-n", "2", "--space", "embedding", "--metric", "cosine", seed)
    beet("similar", "-n", "5", "--space", "genre", "--metric", "euclidean", seed)
    beet("genreguess", seed)
    beet("similar", "-n", "10", seed, "-m", "similar.m3u8")
    print("$ cat similar.m3u8")
    print((home / "similar.m3u8").read_text(encoding="utf-8", errors="replace"))
    print(f"The library is {home / 'library.db'}, the playlist {home / 'similar.m3u8'}.")
    print(
        "Nothing in the music folder was copied, moved or written."
        if folder.parent != home
        else f"The songs are in {folder}."
    )
    print("Next, try:")
    print(f"  export BEETSDIR={shlex.quote(str(home))}")
    for line in ("similar QUERY", "genreguess QUERY", "ls -f '$artist - $title: $musrec_genres'", "help similar"):
        print(f"  {shlex.quote(str(beet.program))} {line}")
    return beet.worst


class Beet:
    """Runs the real program on the scratch library."""

    def __init__(self, home: Path) -> None:
        self.program = Path(sys.executable).parent / "beet"
        self.home = home
        self.worst = 0

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "BEETSDIR": str(self.home), "PYTHONIOENCODING": "utf-8"}

    def __call__(self, *arguments: str) -> None:
        print("$ beet " + " ".join(shlex.quote(argument) for argument in arguments), flush=True)
        status = subprocess.run(
            [self.program, *arguments], env=self._environment(), cwd=self.home, check=False
        ).returncode
        self.worst = max(self.worst, abs(status))
        print(flush=True)

    def output(self, *arguments: str) -> list[str]:
        """What a command prints, line by line, without showing it."""
        done = subprocess.run(
            [self.program, *arguments], env=self._environment(), cwd=self.home, check=True, stdout=subprocess.PIPE
        )
        return done.stdout.decode("utf-8", "replace").splitlines()


if __name__ == "__main__":
    sys.exit(main())
