"""The command line, called in this process."""

from mixscope import cli


def call(capsys, *words) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `mixscope WORDS`."""
    code = cli.main([*map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err
