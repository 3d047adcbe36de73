"""Arguments of commands: the parser, and the options that several commands have."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mixscope.cli.exit_codes import Usage
from mixscope.errors import ConfigError
from mixscope.formatting import printable

EXIT = """exit codes: 0 ok, 1 failure, 2 usage, 4 data missing or corrupt, 75 interrupted and resumable"""


# Settings by their names in other tools.
_SETTINGS = {
    "model": "model.arch",
    "arch": "model.arch",
    "data": "data.name",
    "dataset": "data.name",
    "opt": "optim.name",
    "optimizer": "optim.name",
    "scheduler": "optim.schedule",
    "learning_rate": "optim.lr",
    "mix": "augment.mix",
    "augmentation": "augment.mix",
    "device": "run.device",
}


class Parser(argparse.ArgumentParser):
    """An argument parser for exact option names, with options between and after positional arguments.

    Its subparsers have the same type. argparse accepts abbreviations, and of `a=1 --out DIR b=2` only a=1.
    Arguments after `--` are not options.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Disables abbreviations: a misspelt option must not start a long run."""
        super().__init__(*arguments, **{"allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message, and ends the process."""
        with suppress(SystemExit):
            super().error(message)
        raise Usage(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses with all positional arguments moved together."""
        words = list(sys.argv[1:] if args is None else args)
        odd = next((word for word in words if printable(word) != word), None)
        if odd is not None:
            self.error(f"{printable(odd)}: holds control characters, which no name or path of ours has")
        if self._subparsers:
            return super().parse_known_args(words, namespace)
        found, left = super().parse_known_args(self._parted(words), namespace)
        options = words[: words.index("--")] if "--" in words else words
        unknown = [i for i, word in enumerate(options) if word in left and word.startswith("-")]
        if unknown:
            self.error("; ".join(self._refusal(options, i) for i in unknown))
        return found, left

    def _refusal(self, words: Sequence[str], at: int) -> str:
        """The message for an unknown option, with the most likely option or setting."""
        from mixscope.errors import nearest

        name, given, value = words[at].partition("=")
        if not given:
            following = words[at + 1 : at + 2]
            value = "" if not following or following[0].startswith("-") else following[0]
        problem = f"no option {name}"
        if any(action.metavar == "key=value" and not action.option_strings for action in self._actions):
            if (key := setting_called(name.lstrip("-"))) is not None:
                return f"{problem}; settings are written without hyphens: {key}={value or '...'}"
        near = nearest(name, self._option_string_actions)
        return f"{problem} (nearest: {', '.join(near)})" if near else problem

    def _parted(self, words: Sequence[str]) -> list[str]:
        named: list[str] = []
        others: list[str] = []
        ended = words.index("--") if "--" in words else len(words)
        before, after = iter(words[:ended]), words[ended + 1 :]
        for word in before:
            if not word.startswith("-") or word == "-":
                others.append(word)
                continue
            named.append(word)
            known = self._option_string_actions.get(word)
            # Options take one value or none (ensured by a test).
            if known is not None and known.nargs is None:
                named += [value for value in (next(before, None),) if value is not None]
        return [*named, "--", *others, *after] if after else others + named


def setting_called(name: str) -> str | None:
    """The setting that a user means by a name without its group, or by its name in other tools.

    >>> setting_called("lr"), setting_called("batch-size"), setting_called("model"), setting_called("foo")
    ('optim.lr', 'train.batch_size', 'model.arch', None)
    """
    from mixscope.errors import nearest
    from mixscope.study.config import RunConfig

    wanted = name.replace("-", "_").lower()
    keys = {key.rpartition(".")[2]: key for key in RunConfig().flat()}
    if wanted in keys.values() or wanted in _SETTINGS:
        return _SETTINGS.get(wanted, wanted)
    near = nearest(wanted, keys)
    return keys[near[0]] if near else None


def declare_group(
    commands: Any, name: str, help: str, examples: str, *, more: str = "", verbs: str = "VERB"
) -> Any:
    """Adds a command with subcommands; returns the object to which they are added.

    Args:
        commands: Result of add_subparsers.
        name: Name of the command.
        help: One sentence without full stop.
        examples: Lines, indented.
        more: Further sentences of its description.
        verbs: Placeholder of its subcommands in the usage line.
    """
    made = _added(commands, name, help, examples, more)
    return made.add_subparsers(dest="verb", required=True, metavar=verbs)


def declare(
    commands: Any, name: str, do: Callable[[argparse.Namespace], int | None], help: str, examples: str
) -> argparse.ArgumentParser:
    """Adds a command.

    Args:
        commands: Result of add_subparsers.
        name: Name of the command.
        do: Executes it; returns its exit code, None for 0.
        help: One sentence without full stop.
        examples: Lines, indented.
    """
    made = _added(commands, name, help, examples)
    made.set_defaults(do=do)
    return made


def _added(commands: Any, name: str, help: str, examples: str, more: str = "") -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=" ".join(filter(None, (f"{help[0].upper()}{help[1:]}.", more))),
        epilog=f"examples:\n{examples}\n{EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def root_and_json(command: argparse.ArgumentParser) -> None:
    """Adds --root (default None) and --json."""
    command.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="data folder (default: $MIXSCOPE_DATA, else a per-user folder)",
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def picture(path: Path) -> Path:
    """Checks that an image can be written to `path`, before the seconds of work to draw it.

    Raises:
        ConfigError: If the file ending is not that of an image, or the folder does not exist or is not
            writable.
    """
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(
            "wrong-type", f"{path} has no ending of a picture; expected .png or .jpg", key="--sheet"
        )
    try:
        new = not path.exists()
        with path.open("ab"):
            pass
        if new:
            path.unlink()
    except OSError as problem:
        raise ConfigError(
            "no-access",
            f"{path} cannot be written ({problem.strerror or problem}); choose another place",
            key="--sheet",
        ) from problem
    return path


def checkpoint(command: argparse.ArgumentParser, verb: str) -> None:
    """Adds --checkpoint."""
    command.add_argument(
        "--checkpoint",
        choices=("last", "selected"),
        default="last",
        help=f"{verb} the last epoch or the one that validation selected (default: last)",
    )


def declare_slots(command: argparse.ArgumentParser) -> None:
    """Adds --slots for runs that are looked at in parallel."""
    command.add_argument(
        "--slots", type=int, default=1, metavar="N", help="runs looked at in parallel (default: 1)"
    )


def language(command: argparse.ArgumentParser) -> None:
    """Adds --lang."""
    command.add_argument("--lang", default="en", metavar="LANG", help="en or ko (default: en)")
