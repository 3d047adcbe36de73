"""Entry point of the console script, `python -m mixscope` and `torchrun -m mixscope`."""

import signal
import sys

from mixscope.signals import leave

# Not SIGINT, which Python raises as KeyboardInterrupt.
EARLY = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main() -> int:
    """Runs cli.main; a signal during imports ends with one sentence too.

    Only the start of the interpreter, about 20 ms, comes before. When the command begins, the previous
    handlers are restored until the command installs its own (training/stop.py).
    """
    before = {number: signal.signal(number, lambda number, _: leave(number)) for number in EARLY}
    try:
        from mixscope.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted     [exit 130]\n")
        return 130

    def begin() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return command(begin=begin)


if __name__ == "__main__":
    raise SystemExit(main())
