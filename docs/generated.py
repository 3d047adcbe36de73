"""Pages of the site that are made when it is built, from the parser, the settings and the examples.

A hook of MkDocs (`hooks:` in mkdocs.yml). It needs no torch: the parser and the settings are imported
without it, and the API is read from source.
"""

import argparse
import ast
import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
# Links to what a page is made from lead to the page; elsewhere, as on GitHub, to the source.
PAGES = {
    "src/mixscope/cli": "reference/commands.md",
    "src/mixscope/study/config.py": "reference/settings.md",
    "src/mixscope/errors.py": "reference/errors.md",
    "src/mixscope": "reference/modules.md",
}
COLAB = "https://colab.research.google.com/github/{repository}/blob/main/examples/{name}.ipynb"


def commands() -> str:
    """Every command with its options and examples."""
    from mixscope.cli import parser
    from mixscope.cli.arguments import EXIT

    top = parser()
    lines = [
        "# Commands",
        "",
        f"`{top.prog} COMMAND --help` prints the same. {EXIT[0].upper()}{EXIT[1:]}.",
        "",
    ]
    with patch.dict(os.environ, COLUMNS="100"):  # the width of usage lines
        for command in _leaves(top):
            lines += _command(command)
    return "\n".join(lines) + "\n"


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    nouns = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not nouns:
        yield parser
    for noun in nouns:
        for child in noun.choices.values():
            yield from _leaves(child)


def _command(parser: argparse.ArgumentParser) -> list[str]:
    usage = re.sub(r"^usage: ", "", parser.format_usage()).rstrip()
    lines = [f"## {parser.prog}", "", parser.description or "", "", "```text", usage, "```", ""]
    shown = [a for a in parser._actions if a.dest != "help" and a.help != argparse.SUPPRESS]
    if shown:
        lines += ["| argument | |", "|---|---|"]
        lines += [f"| {_argument(a)} | {_cell(_help(parser, a))} |" for a in shown]
    examples = re.search(r"examples:\n(.*?)(?:\n(?=\S)|$)", parser.epilog or "", re.DOTALL)
    if examples:
        lines += ["", "```text", inspect.cleandoc(examples.group(1)), "```"]
    return [*lines, ""]


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _argument(action: argparse.Action) -> str:
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest
    )
    if not action.option_strings:
        return f"`{value}`"
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"`{name}{takes}`" for name in action.option_strings)


def settings() -> str:
    """Every setting with its default and meaning, from the dataclasses of `study.config`."""
    from mixscope.study import config

    lines = [
        "# Settings",
        "",
        "Of `mixscope train KEY=VALUE ...`, a `--config` file, and `base` and the levels of a study.",
        "`run.*` says where and how fast; every other setting changes results and is part of a run's name.",
        "",
    ]
    for section in dataclasses.fields(config.RunConfig):
        kind = section.type if isinstance(section.type, type) else None
        if kind is not None and dataclasses.is_dataclass(kind):
            lines += [f"## {section.name}", "", *_settings(kind, f"{section.name}.")]
    return "\n".join([*lines, "## seed", "", *_settings(config.RunConfig, "", only=("seed",))]) + "\n"


def _settings(kind: type, prefix: str, only: tuple[str, ...] = ()) -> list[str]:
    first, meanings = described(inspect.getdoc(kind) or "")
    lines = [first if prefix else "", "", "| setting | default | |", "|---|---|---|"]
    for field in dataclasses.fields(kind):
        if only and field.name not in only:
            continue
        made = field.default_factory
        default = made() if made is not dataclasses.MISSING else field.default
        written = json.dumps(default)
        lines.append(f"| `{prefix}{field.name}` | `{written}` | {_cell(meanings[field.name])} |")
    return [*lines, ""]


def errors() -> str:
    """Exit codes, the error that --json prints, and every code of an error."""
    from mixscope.cli.exit_codes import MEANING, Failure
    from mixscope.errors import CODES

    _, fields = described(inspect.getdoc(Failure) or "")
    return "\n".join(
        [
            "# Errors and exit codes",
            "",
            "A command that fails prints one sentence on standard error. With `--json` it also prints the"
            ' error on standard output, as `{"error": {...}}` with these fields:',
            "",
            *_table("field", {f"`{name}`": text for name, text in fields.items()}),
            "In Python, `mixscope.errors.ConfigError`, `DataError` and `RunFailed` have the attributes"
            " `code`, `key`, `path` and `line`.",
            "",
            "## Exit codes",
            "",
            *_table("code", {str(code): text for code, text in MEANING.items()}),
            "## Codes",
            "",
            "An error in the records of a run has the code of its finding, a message of"
            " `mixscope/i18n/en.ftl`, for instance `record-not-json`.",
            "",
            *_table("code", {f"`{code}`": text for code, text in CODES.items()}),
        ]
    )


def modules() -> str:
    """Every module with the first line of its docstring, a table for each package."""
    lines = [
        "# Modules",
        "",
        "What each file of `src/mixscope` is for, in the first line of its docstring.",
        "",
    ]
    source = ROOT / "src" / "mixscope"
    for folder in (source, *sorted(path.parent for path in source.rglob("*/__init__.py"))):
        said = {
            f"`{file.name}`": (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n")[0]
            for file in sorted(folder.glob("*.py"))
        }
        lines += [f"## `{folder.relative_to(source.parent).as_posix()}/`", "", *_table("module", said)]
    return "\n".join(lines)


def _table(heading: str, rows: Mapping[str, str]) -> list[str]:
    return [
        f"| {heading} | |",
        "|---|---|",
        *(f"| {name} | {_cell(text)} |" for name, text in rows.items()),
        "",
    ]


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a Google-style docstring, and what its Attributes say of each field."""
    said, _, attributes = docstring.partition("\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", attributes, re.DOTALL | re.MULTILINE)
    return said.strip(), {name: " ".join(text.split()) for name, text in found}


def example(name: str, repository: str | None) -> str:
    """A notebook of examples/ as a page: its text, code and what it printed."""
    cells = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    lines = []
    for number, cell in enumerate(cells):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [text, ""]
        else:
            lines += ["```python", text, "```", ""]
            lines += [part for output in cell["outputs"] for part in _output(output)]
        if number == 0:
            lines += [_opening(name, repository), ""]
    return "\n".join(lines) + "\n"


def _opening(name: str, repository: str | None) -> str:
    files = f"[Notebook]({name}.ipynb) and script: `examples/{name}.ipynb`, `examples/{name}.py`."
    if repository is None:  # the notebook says the form of the link
        return files
    return f"{files} [Open in Colab]({COLAB.format(repository=repository, name=name)})."


def _output(output: dict[str, Any]) -> list[str]:
    data = output.get("data", {})
    if "image/svg+xml" in data:
        return ['<div class="figure">', "".join(data["image/svg+xml"]), "</div>", ""]
    if "text/html" in data:
        return ["".join(data["text/html"]), ""]
    text = "".join(output.get("text", data.get("text/plain", "")))
    return ["```text", text.rstrip(), "```", ""] if text.strip() else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def repository() -> str | None:
    """`owner/name` of the GitHub repository that this checkout came from, or None."""
    asked = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    try:
        url = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return None
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?$", url)
    return found.group(1) if found else None


# --- what MkDocs calls ----------------------------------------------------------------------------------


def on_config(config: Any) -> Any:
    """Names the repository, where it is known."""
    sys.path.insert(0, str(ROOT / "src"))  # here, since MkDocs undoes it around the import of hooks
    if repository() is not None:
        config.repo_url = f"https://github.com/{repository()}"
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages and the notebooks."""
    from mkdocs.structure.files import File

    made = dict(zip(PAGES.values(), (commands(), settings(), errors(), modules()), strict=True))
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        made[f"examples/{notebook.stem}.md"] = example(notebook.stem, repository())
        files.append(File.generated(config, f"examples/{notebook.name}", abs_src_path=str(notebook)))
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Leads links to files outside docs/ to the repository, and puts signatures into the page of the API."""

    made_from = {ROOT / source: made for source, made in PAGES.items()}
    made_from |= {file: f"examples/{file.stem}.md" for file in (ROOT / "examples").glob("*.ipynb")}

    def outside(found: re.Match[str]) -> str:
        text, link = found.groups()
        folder = Path(config.docs_dir, page.file.src_uri).parent
        target = folder.joinpath(link).resolve()
        if re.match(r"\w+:|#", link) or target.is_relative_to(config.docs_dir):
            return found.group(0)
        if target in made_from:
            return f"[{text}]({os.path.relpath(Path(config.docs_dir, made_from[target]), folder)})"
        if config.repo_url is None:
            return text
        return f"[{text}]({config.repo_url}/blob/main/{target.relative_to(ROOT)})"

    markdown = re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)", outside, markdown)
    if page.file.src_uri == "reference/api.md":
        first, *sections = re.split(r"(?m)^(?=## `mixscope\.)", markdown)
        markdown = first + "".join(map(_with_signature, sections))
    return markdown


def _with_signature(section: str) -> str:
    """A section of the API's page under a short heading, followed by signature and arguments."""
    import mixscope

    heading, _, said = section.partition("\n")
    name = re.findall(r"mixscope\.(\w+)", heading)[0]
    place = (
        f"{mixscope._HOMES[name]}.{name}" if name in mixscope._HOMES else "mixscope.report._Report.__call__"
    )
    signature = f"```python\n{heading.removeprefix('## ').strip('`')}\n```\n" if "(" in heading else ""
    return f"## mixscope.{name}\n{signature}{said.rstrip()}\n\n::: {place}\n\n"
