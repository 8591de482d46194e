"""Reading a whole library by SQL: rows, vectors, recordings, song keys."""
