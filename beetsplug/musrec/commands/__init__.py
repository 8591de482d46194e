"""One module a command; each has a function ``command(plugin)``."""
