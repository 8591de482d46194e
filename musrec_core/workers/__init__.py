"""Worker processes that isolate crashes and hangs of decoders."""
