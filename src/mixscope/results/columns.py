"""Roles of the columns of a table of runs.

Inferred from headings and cells, reported, and overridden by name.

Roles of columns:

    accuracy      top-1 accuracy of a run on the test set, percent or fraction; with a spread: "76.4 ± 0.2"
    error         error rate in place of accuracy
    seed, state   of a run; predictions: a file with its predictions
    n_test        number of test examples
    spread, spread_kind, n_seeds   of a row that represents several runs
    experiment    name of the row
    model, augmentation, pretraining, dataset   factors with a known role
    factor        any other factor; ignore: neither factor nor result
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding
from mixscope.results import frames, printed_values, score_columns, vocabulary
from mixscope.results.table_files import Table

MANY = ("factor", "ignore")  # roles that several columns may have
FACTORS = ("model", "augmentation", "pretraining", "dataset")
RESULTS = ("accuracy", "error", "seed", "state", "predictions", "n_test", "spread", "spread_kind", "n_seeds")
ROLES = (*RESULTS, "experiment", *FACTORS, *MANY)
METRICS = ("top5", "precision", "recall", "f1", "nll", "brier", "ece", "classes_never_predicted")

EPOCHS = ("epoch", "epochs", "step")  # headings, as `plain` has them

_WORDS = {
    "state": ("state", "status", "run state", "상태", "状态", "状態"),
    "predictions": (
        "predictions",
        "prediction file",
        "prediction files",
        "preds",
        "pred file",
        "predictions file",
    ),
    "n_test": (
        "n test",
        "ntest",
        "test size",
        "test examples",
        "n test examples",
        "num test",
        "test n",
        "n examples",
        "테스트 이미지 수",
    ),
    "spread": (
        "spread",
        "sd",
        "sd0",
        "std",
        "stdev",
        "std dev",
        "se",
        "sem",
        "stderr",
        "std err",
        "ci95",
        "ci 95",
    ),
    "spread_kind": ("spread kind", "kind of spread"),
    "n_seeds": ("n seeds", "n runs", "num seeds", "num runs", "number of seeds", "runs", "nseeds"),
}
_KINDS = {"sd": "sd", "sd0": "sd0", "se": "se", "sem": "se", "stderr": "se", "std err": "se"} | {
    "ci95": "ci95",
    "ci 95": "ci95",
}
_SPREAD_OF = re.compile(
    r"^(?:acc|accuracy|top ?1|test acc|test accuracy)? ?(std|sd0?|sem?|stderr|ci ?95|stdev|spread)$"
)
_MEAN = re.compile(r"^(?:mean|avg|average)(?: .*)?$|^(?:acc|accuracy|top ?1) (?:mean|avg|average)$")
FEWEST_ROWS = 3  # with fewer rows, a column that differs in each row is not conclusive
_SPLIT = re.compile(r"\b(test|eval|evaluation|val|valid|validation|dev|final|last|best|max|mean|ema)\b")
_NO_FACTOR = re.compile(
    r"\b(name|created|updated|runtime|duration|time|date|timestamp|user|host|hostname|notes?|tags?|sweep|commit|url"
    r"|link|uri|path|dir|directory|folder|file|output|log|device|gpu|epoch|step|loss|params?|flops|memory|throughput|lr"
    r"|speed|best|top ?5|acc|accuracy|precision|recall|f1|ece|nll|brier|auc|checkpoint|digest|packages"
    r"|seconds|error|protocol|train|val|valid|validation|eval|grad|norm|experiment|id)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The columns of a table by role; positions from 0.

    Attributes:
        of: `{role: position}` of the roles with one column.
        factors: `{name of the factor: position}`, in order.
        parts: `{"model", "augmentation", "pretraining" or "dataset": name of the factor}`.
        metrics: `{metric: position}` of other test metrics.
        spread_kind: Kind of the spread if its heading states it.
        best: Whether the accuracy is the best over epochs, by its heading.
        validation: Whether it is validation accuracy, by its heading.
        assumed: Whether nothing says that these are accuracies, not error rates.
        unused: Headings of columns that differ between rows and have no role.
        said: Findings on each column that is read.
    """

    of: Mapping[str, int]
    factors: Mapping[str, int]
    parts: Mapping[str, str]
    metrics: Mapping[str, int]
    spread_kind: str | None
    best: bool
    validation: bool
    assumed: bool
    unused: tuple[str, ...]
    said: tuple[Finding, ...]


def declared(given: Iterable[str]) -> list[tuple[str, str]]:
    """Parses `["accuracy=val_acc", ...]` from the command line to pairs.

    Raises:
        ConfigError: If a role is unknown.
    """
    pairs = []
    for text in given:
        role, sign, heading = text.partition("=")
        if not sign or not heading:
            raise ConfigError(
                "wrong-type",
                f"--column {text}: expected ROLE=HEADING, for instance accuracy=val_acc",
                key="--column",
            )
        if role not in ROLES:
            raise ConfigError("unknown-name", unknown("role of a column", role, ROLES), key="--column")
        pairs.append((role, heading))
    return pairs


def find(table: Table, given: Sequence[tuple[str, str]] = (), named: Iterable[str] = ()) -> Columns:
    """Determines the roles of columns.

    Args:
        table: A table with one row per run or experiment.
        given: (role, heading) of columns given by the user, which take precedence.
        named: Factors in claims; columns with these names are factors whatever they contain.

    Raises:
        ConfigError: If a heading does not exist, or a column has two roles.
    """
    headings = [plain(h) for h in table.headings]
    of: dict[str, int] = {}
    several: dict[int, str] = {}
    taken: dict[int, str] = {}
    for role, heading in given:
        if role not in ROLES:
            raise ConfigError("unknown-name", unknown("role of a column", role, ROLES), key="--column")
        at = _position(table, heading)
        if taken.setdefault(at, role) != role:
            raise ConfigError(
                "duplicate",
                f"--column {role}={heading}: the column is named {taken[at]} already",
                key="--column",
            )
        if role in MANY:
            several[at] = role
        elif of.setdefault(role, at) != at:
            raise ConfigError(
                "duplicate", f"--column {role}={heading}: a second column is named {role}", key="--column"
            )
    ours = {"experiment", "checkpoint", "state"} <= set(headings)  # a table written by to_frame()
    for at, heading in enumerate(headings):
        cells = [_cell(row.cells, at) for row in table.rows]
        guess = None if at in taken else _role(heading, kind(table.headings[at]), cells)
        if guess and guess not in of:
            of[guess], taken[at] = at, guess
    best = validation = assumed = False
    if "accuracy" not in of and "error" not in of:
        where = _accuracy(table, headings, taken)
        if where is not None:
            direction = score_columns.directions(table, _scores(table, headings))[where]
            what = "error" if direction.error else "accuracy"
            of[what], taken[where] = where, what
            assumed = direction.basis == "assumed"
    read = of.get("accuracy", of.get("error"))
    if read is not None:
        best = bool(re.search(r"\bbest\b|\bmax\b", headings[read]))
        validation = bool(re.search(r"\b(val|valid|validation|dev)\b", headings[read]))
    metrics = {m: headings.index(m.replace("_", " ")) for m in METRICS if m.replace("_", " ") in headings}
    metrics = {m: at for m, at in metrics.items() if at not in taken}
    names = list(named)
    factors, parts = {}, {}
    for at, heading in enumerate(table.headings):
        known = taken.get(at) or kind(heading)
        part = "pretraining" if known == "pretrained" else known
        forced = several.get(at) == "factor" or taken.get(at) in FACTORS or heading in names
        if at in metrics.values() or (at in taken and not forced):
            continue
        if ours and _foreign(headings[at]) and not forced:
            continue
        own = ours and not _foreign(headings[at])
        if forced or own or part in FACTORS or _varies(table, at, headings[at]):
            name = heading.removeprefix("factor.")
            factors[name] = at
            if part in FACTORS and part not in parts:
                parts[part] = name
    if not any(at in several or table.headings[at] in names for at in factors.values()) and not ours:
        factors = _without_followers(table, _without_names(table, factors, parts), parts)
    label = next(
        (
            at
            for at, h in enumerate(table.headings)
            if at not in taken and at not in factors.values() and kind(h) == "experiment"
        ),
        None,
    )
    if "experiment" not in of and label is not None:
        of["experiment"] = label
    if not factors and "experiment" in of:
        factors = {table.headings[of["experiment"]]: of["experiment"]}
    spread = headings[of["spread"]] if "spread" in of else ""
    spread_kind = next((_KINDS[w] for w in sorted(_KINDS, key=len, reverse=True) if spread.endswith(w)), None)
    return Columns(
        of=of,
        factors=factors,
        parts={p: n for p, n in parts.items() if n in factors},
        metrics=metrics,
        spread_kind=spread_kind if "std" not in spread.split() else None,
        best=best,
        validation=validation,
        unused=tuple(
            table.headings[at]
            for at in range(len(headings))
            if at not in (*of.values(), *factors.values(), *metrics.values())
            and several.get(at) != "ignore"
            and not (rank(headings[at]) and {"accuracy", "error"} & of.keys())
            and not (ours and _foreign(headings[at]))
            and headings[at] not in EPOCHS
            and len({_cell(row.cells, at) for row in table.rows}) > 1
        ),
        assumed=assumed,
        said=tuple(_notes(table, headings, of)),
    )


def _notes(table: Table, headings: Sequence[str], of: Mapping[str, int]) -> Iterable[Finding]:
    """Findings on the column of each role, and on other columns of accuracies that are ignored."""
    for role in (*RESULTS, "experiment"):
        if role in of:
            yield Finding("read-role", params={"role": role, "heading": table.headings[of[role]]})
    others = [at for at, heading in enumerate(headings) if rank(heading) and at not in of.values()]
    if others and ("accuracy" in of or "error" in of):
        yield Finding("read-left-out", params={"headings": [f'"{table.headings[at]}"' for at in others]})


def plain(heading: str) -> str:
    """A heading normalised for comparison: "valAcc" and "val/acc" are "val acc"."""
    return vocabulary.plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading))


def kind(heading: str) -> str:
    """`vocabulary.heading` of a heading, or of its last part, as in "config.model"."""
    found = vocabulary.heading(heading).kind
    last = re.split(r"[./]", heading)[-1]
    return vocabulary.heading(last).kind if found == "other" and last else found


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _position(table: Table, heading: str) -> int:
    if heading in table.headings:
        return table.headings.index(heading)
    known = [plain(h) for h in table.headings]
    if known.count(plain(heading)) == 1:
        return known.index(plain(heading))
    raise ConfigError("unknown-name", unknown("heading", heading, table.headings), key="--column")


def _role(heading: str, kind: str, cells: Sequence[str]) -> str | None:
    """The role that a heading names. kind: its kind in the vocabulary."""
    if kind == "seed":
        return "seed"
    for role, words in _WORDS.items():
        if heading in words or (role == "spread" and _SPREAD_OF.match(heading)):
            return role
    if heading == "experiment":
        return "experiment"
    return "accuracy" if _MEAN.match(heading) and numeric(cells) else None


def numeric(cells: Sequence[str]) -> bool:
    """Whether most non-empty cells are numbers."""
    filled = [c for c in cells if c]
    return bool(filled) and 2 * sum(printed_values.read(c) is not None for c in filled) > len(filled)


def _accuracy(table: Table, headings: Sequence[str], taken: Mapping[int, str]) -> int | None:
    """The column that most likely contains test accuracy or error, or None."""
    ranked = sorted(
        (
            (-rank(h), at)
            for at, h in enumerate(headings)
            if at not in taken and rank(h) and numeric([_cell(row.cells, at) for row in table.rows])
        )
    )
    return ranked[0][1] if ranked else None


def _scores(table: Table, headings: Sequence[str]) -> dict[int, vocabulary.Heading]:
    """Parsed headings of all columns of scores."""
    printed = [vocabulary.heading(h) for h in table.headings]  # with their arrows, which `plain` drops
    found = [
        p if p.kind == "metric" else vocabulary.heading(h) for p, h in zip(printed, headings, strict=True)
    ]
    return dict(enumerate(found))


def rank(heading: str) -> int:
    """Likelihood that a heading (from `plain`) is that of test accuracy; 0 if it is not an accuracy.

    Test comes before no named split, then eval, then validation; last before best.
    """
    words = set(_SPLIT.findall(heading))
    bare = _SPLIT.sub(" ", heading).strip()
    found = vocabulary.heading("acc" if re.fullmatch(r"acc ?(@|at)? ?1", bare) else bare)
    named = found.metric == "top1" or (found.metric == "score" and found.error)
    if re.search(r"\btrain", heading) or found.kind != "metric" or not named:
        return 0
    if "test" in words:
        split = 4
    elif words & {"val", "valid", "validation", "dev"}:
        split = 1
    else:
        split = 2 if words & {"eval", "evaluation"} else 3
    return 10 * split - 5 * bool(words & {"best", "max"}) - ("ema" in words)


def _foreign(heading: str) -> bool:
    """Whether a column of `to_frame()` is not a factor."""
    return heading.replace(" ", "_") in frames.COLUMNS


def _varies(table: Table, at: int, heading: str) -> bool:
    """Whether a column with an unknown heading distinguishes experiments.

    Two or more values, text or repeated numbers.
    """
    cells = [_cell(row.cells, at) for row in table.rows]
    values = set(cells)
    if len(values) < 2 or _NO_FACTOR.search(heading) or kind(table.headings[at]) == "metric":
        return False
    if kind(table.headings[at]) == "experiment":
        return False
    return len(values) < len(cells) or not numeric(cells)


def _without_names(table: Table, factors: Mapping[str, int], parts: Mapping[str, str]) -> dict[str, int]:
    """Removes columns with a unique name per row, such as paths, if other columns distinguish experiments."""
    if not parts or len(table.rows) < FEWEST_ROWS:
        return dict(factors)
    return {
        name: at
        for name, at in factors.items()
        if name in parts.values()
        or kind(table.headings[at]) == "by-content"
        or len({_cell(row.cells, at) for row in table.rows}) < len(table.rows)
    }


def _without_followers(table: Table, factors: Mapping[str, int], parts: Mapping[str, str]) -> dict[str, int]:
    """Removes columns of numbers determined by others, such as the number of parameters."""
    kept = dict(factors)
    for name, at in factors.items():
        if name in parts.values() or not numeric([_cell(row.cells, at) for row in table.rows]):
            continue
        others = [c for n, c in kept.items() if n != name]
        seen: dict[tuple[str, ...], str] = {}
        if (
            others
            and all(
                seen.setdefault(tuple(_cell(r.cells, c) for c in others), _cell(r.cells, at))
                == _cell(r.cells, at)
                for r in table.rows
            )
            and len(seen) < len(table.rows)
        ):
            del kept[name]
    return kept
