"""Answers for players and media servers over HTTP: `beet musrec-serve`."""
