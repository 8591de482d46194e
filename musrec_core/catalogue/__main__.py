"""``python -m musrec_core.catalogue COMMAND``: see `cli`."""

import os
import sys


def _leave_working_folder() -> None:
    """Take the working folder, which ``-m`` puts first, off `sys.path`: code in a folder of music must not run.

    Unless this package itself lies there, as in a checkout that is not installed.
    """
    try:
        here = os.getcwd()
    except OSError:  # it was deleted: nothing lies there
        return
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if here != ours:
        sys.path[:] = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]


if __name__ == "__main__":
    _leave_working_folder()  # before anything is imported that is not loaded yet
    from musrec_core.catalogue.cli import main

    sys.exit(main())
