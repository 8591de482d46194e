"""One module a command, imported when it runs: ``add_arguments(parser)`` and ``run(arguments)``."""
