"""Build the Lambda functions' zips, build/dist/<function>.zip. `make package` runs this; see `checkout.py`."""

import os
import sys

if __name__ == "__main__":
    if not sys.flags.isolated:
        # Keep PYTHONPATH, PYTHONOPTIMIZE and a user's site-packages out: start again before importing anything.
        os.execv(sys.executable, [sys.executable, "-I", "-B", *sys.argv])  # noqa: S606 -- the same program again
    _folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 -- see above
    # Last, so that no file here shadows a module of Python or of the toolchain.
    sys.path += [_folder, os.path.dirname(_folder)]  # noqa: PTH120
    from tools import terminal  # isort: skip -- first, for interruptions

    from checkout import package

    terminal.main("make package", package, interrupted="interrupted; every zip is complete: the old one or the new one")
