"""`python -m mixscope` (and `torchrun -m mixscope`) is the console script."""

from mixscope.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
