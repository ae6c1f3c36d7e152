"""Command lines end with a sentence and an exit code, not a stack trace, when the user can do something about it."""

from __future__ import annotations

import sys
from collections.abc import Callable

EXPECTED = (OSError, ValueError, MemoryError, FloatingPointError)


def run_main(main: Callable[[], int]) -> int:
    """0 done, 1 ran and failed, 2 wrong usage (argparse), 130 stopped with Ctrl-C."""
    try:
        return main()
    except KeyboardInterrupt:
        return 130
    except EXPECTED as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
