"""``python -m tests.core.catalogue.slow_driver MANIFEST OUT MODEL ADDRESS``: embeds slowly, with many commits."""

from __future__ import annotations

import sys

from musrec_core.catalogue.embedding import driver as embedding
from musrec_core.catalogue.embedding import run as embedding_run

from .jobs import slowly


def main(manifest: str, out: str, model: str, address: str) -> None:
    """Embed, and print the report."""
    vars(embedding_run).update(COMMIT_SECONDS=0.5, PASSES=(4, 4, 1))
    print(embedding.embed(manifest, out, model=model, address=address, job=slowly))


if __name__ == "__main__":
    main(*sys.argv[1:])
