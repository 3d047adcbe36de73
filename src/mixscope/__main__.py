"""Where every start begins: the console script, `python -m mixscope` and `torchrun -m mixscope`.

What does not belong here: anything but the beginning (cli/ has the commands).
"""

import os
import signal
import sys

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


def leave(number: int) -> None:
    """Ends the process where it is: nothing is written yet, and it may be deep in an import."""
    name = signal.Signals(number).name
    said = f"stopped by {name} while it started; nothing is lost, the same command starts it again"
    os.write(2, f"error: {said}     [exit 75]\n".encode())
    os._exit(75)


if __name__ == "__main__":
    raise SystemExit(main())
