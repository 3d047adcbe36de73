"""Where every start begins: the console script, `python -m mixscope` and `torchrun -m mixscope`."""

import signal
import sys

from mixscope.signals import leave

# Ctrl-C is not among them: Python makes an exception of it by itself.
EARLY = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main() -> int:
    """As cli.main; a signal is one sentence also while the grammar is imported.

    Only the interpreter's own start, some 20 ms, comes before. When the command begins, signals do what they
    did before, until the command itself listens (training/stop.py).
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
