"""Nothing leaves the machine, whatever the libraries underneath would like to send."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from musrec_core.card import SHIPPED

SCRIPT = """
import sys
from musrec_core import Encoder

if __name__ == "__main__":
    ((_, outcome),) = Encoder.load().embed_files(sys.argv[1:], workers=1)
    Encoder.load().embed_file(sys.argv[1])
    print(outcome.model)
"""


def test_onnx_runtime_makes_no_device_id_and_no_store_of_events(waltz: Path, tmp_path: Path) -> None:
    """It does not where it sees that it is tested, so the signs of that are taken away."""
    script, home = tmp_path / "embed.py", tmp_path / "home"
    script.write_text(SCRIPT)
    home.mkdir()
    signs = ("CI", "TEST", "GITHUB", "ORT_", "XDG_", "BUILD", "TF_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(signs)}
    done = subprocess.run(
        [sys.executable, str(script), str(waltz)],
        env={**environment, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.startswith(f"{SHIPPED.stem}@"), done
    assert list(home.rglob("*")) == []
