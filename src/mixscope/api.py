"""The functions of `import mixscope`: each takes results, or anything results can be read from.

`mixscope.report` is the package of that name, which is callable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mixscope.claims import judgement
from mixscope.claims.judgement import Contrasted, Judgement
from mixscope.results import Results, claims_files
from mixscope.results.results import LAST
from mixscope.results.runs_table import Reading
from mixscope.results.sources import load as read

if TYPE_CHECKING:
    import pandas

    from mixscope.report.figures import Figures

Source: TypeAlias = "str | Path | Results | pandas.DataFrame | Mapping[str, Any]"


def load(
    source: Source,
    *,
    claims: str | Path | None = None,
    baseline: str | None = None,
    columns: Mapping[str, str] | None = None,
    n_test: int | None = None,
    checkpoint: str = LAST,
) -> Results:
    """Reads results of trained models, from mixscope or elsewhere.

    Args:
        source: Folder of a study (also while it runs) or a run, a bundle, a table (CSV, TSV, JSON lines,
            Parquet, Markdown, HTML), a DataFrame, or a mapping of columns. A table has one row per run, or
            one per experiment with mean and standard deviation.
        claims: File of claims written before the results were known (`mixscope claims new`). In place of a
            study's own claims they count as post hoc, unless its runs recorded the same claims.
        baseline: The level that augmentations are compared with, if it cannot be inferred or another is
            wanted.
        columns: Columns of a table, `{role: heading}`, for instance `{"accuracy": "val_acc"}`.
        n_test: Number of test examples of a table without such a column.
        checkpoint: Checkpoint of a study whose predictions are validated: "last" or "selected".

    Returns:
        The results; `to_frame()` has one row per run, `outcomes()` one per run and test example.

    Raises:
        DataError: If the source cannot be read.
        ConfigError: If a column, a baseline or a claim does not fit.
    """
    claimed = None if claims is None else claims_files.read(Path(claims))
    reading = Reading(
        columns=tuple((columns or {}).items()),
        baseline=baseline,
        n_test=n_test,
        factors=() if claimed is None else claimed.factors,
    )
    found = read(source, checkpoint=checkpoint, reading=reading)
    return found if claimed is None else claimed.put_into(found)


def judge(results: Source, *, checkpoint: str = LAST) -> "Judgement[Any]":
    """Judges the claims, or explores all gains if there are no claims.

    Args:
        results: Results, or their source: a path, a DataFrame, a mapping of columns.
        checkpoint: "last" or "selected" (by validation accuracy).

    Returns:
        A sequence of verdicts that prints as a table and has `to_markdown()`, `to_latex()` and `sentences()`.

    Raises:
        DataError: If results cannot be read or there is nothing to judge.
    """
    return judgement.judge(read(results, checkpoint=checkpoint), checkpoint=checkpoint)


def contrast(
    results: Source,
    weights: Mapping[str, Mapping[str, float]],
    *,
    where: Mapping[str, str] | None = None,
    checkpoint: str = LAST,
) -> Judgement[Contrasted]:
    """Estimates a weighted comparison in every stratum.

    Args:
        results: Results, or their source: a path, a DataFrame, a mapping of columns.
        weights: `{factor: {level: weight}}`; factors by name or role ("model", "augmentation",
            "pretraining"). The weights of a factor sum to 0 and are scaled to a difference of means.
        where: `{factor: level}` that restricts the strata; default: all strata.
        checkpoint: "last" or "selected" (by validation accuracy).

    Returns:
        One estimate per stratum, in percentage points, with its 95 % interval and two-sided p-value.

    Raises:
        ConfigError: If a factor or level does not exist, or weights do not sum to 0.
        DataError: If results cannot be read.
    """
    found = read(results, checkpoint=checkpoint)
    return judgement.contrast(found, weights, where=where, checkpoint=checkpoint)


def figures(results: Source, *, lang: str = "en") -> "Figures":
    """Returns the report's charts by name; inline in notebooks, `.save("x.svg")` (.pdf, .png) writes a file.

    Args:
        results: Results, or their source.
        lang: "en" or "ko".
    """
    from mixscope.report import page

    return page.figures(read(results), lang)


def train(
    model: str,
    data: str,
    *,
    mix: str = "none",
    seed: int = 0,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    root: str | Path | None = None,
    quiet: bool = False,
) -> Results:
    """Trains and evaluates one run, or resumes it where it was interrupted.

    Args:
        model: Name of a timm model.
        data: Name of a prepared data set; embedded ones (digits, cues) are prepared on demand.
        mix: "none", a mixing method or "switch".
        seed: Seed of initial weights, sampling order and augmentation.
        epochs: Number of epochs; default: that of the setting train.epochs.
        settings: Further settings by their dotted keys, for instance `{"optim.lr": 0.01}`.
        out: Folder of the run; default: runs/NAME-OF-SETTINGS.
        root: Folder of prepared data sets; default: `$MIXSCOPE_DATA`, else a folder in the user's home.
        quiet: Print nothing.

    Returns:
        Results of the run.

    Raises:
        ConfigError: If a setting is invalid.
        DataError: If the data set is not prepared or damaged.
        RunFailed: If the run cannot continue.
        Interrupted: If the run was asked to stop; the same call resumes it.
    """
    from mixscope.data import formats, prepare
    from mixscope.data.store import data_root, is_prepared
    from mixscope.results import folders
    from mixscope.runs import display, execute, records
    from mixscope.study import config

    tree: dict[str, Any] = {}
    given = {"model.arch": model, "data.name": data, "augment.mix": mix, "seed": seed}
    if epochs is not None:
        given["train.epochs"] = epochs
    for key, value in {**given, **(settings or {})}.items():
        config.set_key(tree, key, value)
    made = config.from_dict(tree)
    place = data_root(None if root is None else Path(root))
    known = formats.SETS.get(data)
    if known is not None and known.embedded and not is_prepared(place, data):
        prepare.prepare(data, root=place)
    path = Path(out) if out is not None else Path("runs") / records.name_of(made)
    execute.run(made, root=place, out=path, show=display.silent() if quiet else display.terminal())
    return folders.run(path)
