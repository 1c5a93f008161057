"""Run the demo: `python -m demo [FILE...]`."""

import signal
import sys
from types import FrameType

_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


def _main() -> int:
    # SIGINT too: who starts us in the background may have it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        from demo.command import main  # noqa: PLC0415  # takes a second, which may be interrupted

        return main()
    except KeyboardInterrupt:
        sys.stdout.write("\nStopped. Nothing is left running.\n")
        return _INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(_main())
