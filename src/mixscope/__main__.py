"""Where every start begins: the console script, `python -m mixscope` and `torchrun -m mixscope`.

What does not belong here: anything but the beginning (cli/ has the commands).
"""

import sys


def main() -> int:
    """As cli.main; Ctrl-C is one sentence also while the grammar is imported."""
    try:
        from mixscope.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted     [exit 130]\n")
        return 130
    return command()


if __name__ == "__main__":
    raise SystemExit(main())
