"""Every figure of a report: from the story and the words to charts.

Each function returns the charts of one section, in reading order; a chart whose figures are not there is left
out. What does not belong here: how a chart is drawn (plots.py), and where it stands on the page (page.py).
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mixscope.claims.budget import Budget
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.report import plots, story
from mixscope.report.plots import Bar, Figure, Key, Line, Ribbon, Row
from mixscope.report.story import ArmGains, Cell, DataSet, Run, Story
from mixscope.report.words import Words

TOLD = 8  # how many curves or rows an alternative text spells out
NAMED = 5  # classes named on either end of a sorted figure
RATE = 0.05  # false discovery rate
MAPPED = 24  # classes without superclasses that still fit into a map


def word(*parts: object) -> str:
    """Parts as one word for ids and file names, with a checksum where other signs would be lost."""
    text = " ".join(map(str, parts))
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (
        found
        if re.fullmatch(r"[A-Za-z0-9 -]+", text)
        else f"{found}-{zlib.crc32(text.encode()):08x}".strip("-")
    )


def number(value: float | None, digits: int = 2) -> str:
    """A plain figure; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign; a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    return (f"{0:.{digits}f}" if float(text) == 0 else text).replace("-", "−")


def spoken(rows: Sequence[str]) -> str:
    """The first rows in words."""
    return " ".join(rows[:TOLD]) + (" …" if len(rows) > TOLD else "")


def series_of(story: Story, arm: str | None) -> int:
    """The colour of an arm: its place among the arms."""
    return story.design.arms.index(arm) if arm in story.design.arms else 0


def claim_text(verdict: Verdict, words: Words) -> str:
    """What a claim asserts, in the language of `words`."""
    return words.own(verdict.text)


# --- contrasts ----------------------------------------------------------------------------------


def stratum_name(reading: Reading, words: Words) -> str:
    """The stratum of a reading for people; a text of its own where the claim has but one."""
    return words.levels(reading.stratum) or words("answer.strata_all")


def forests(told: Story, words: Words, *, secondary: bool) -> list[Figure]:
    """A forest plot a claim, a row a stratum."""
    found = []
    for verdict in told.verdicts:
        if verdict.secondary != secondary:
            continue
        bars, rows = [], []
        for reading in verdict.readings:
            name = stratum_name(reading, words)
            points = reading.points
            if points is None:
                rows.append(
                    words("contrasts.row_short", name=name, value=words(f"verdict.{reading.verdict}"))
                )
                bars.append(
                    Bar(name=name, estimate=None, low=None, high=None, value="–", margin=verdict.margin)
                )
                continue
            rows.append(
                words(
                    "contrasts.row_text",
                    name=name,
                    value=signed(points.estimate),
                    low=signed(points.low),
                    high=signed(points.high),
                )
            )
            narrow = reading.narrow if verdict.expect == "equivalent" else None
            bars.append(
                Bar(
                    name=name,
                    estimate=points.estimate,
                    low=points.low,
                    high=points.high,
                    value=f"{signed(points.estimate)} [{signed(points.low)}, {signed(points.high)}]",
                    margin=verdict.margin,
                    inner=(narrow.low, narrow.high) if narrow else None,
                    seeds=list(reading.by_seed.values()),
                    hollow=reading.seeds < 2 or bool(reading.gates),
                    hint=rows[-1],
                )
            )
        if any(bar.estimate is not None for bar in bars):
            text = claim_text(verdict, words)
            found.append(
                plots.forest(
                    f"contrast-{word(verdict.claim)}",
                    bars,
                    title=f"{verdict.claim}: {words(f'answer.expect.{verdict.expect}')}",
                    text=f"{text}. " + words("contrasts.figure_text", rows=spoken(rows)),
                    unit=words("page.unit_pp"),
                    below=words("contrasts.below"),
                    above=words("contrasts.above"),
                )
            )
    return found


# --- results ------------------------------------------------------------------------------------


def results(told: Story, words: Words) -> list[Figure]:
    """A dot plot a data set: every cell a row, every seed a mark."""
    found = []
    for data, cells in by_data(told).items():
        values = [v for c in cells for v in (*c.by_seed["top1"].values(), (c.published or {}).get("top1"))]
        known = [v for v in values if v is not None]
        if not any(c.seeds for c in cells):
            continue
        rows, sentences, before = [], [], None
        for cell in arms_together(cells, told):
            group = words.levels(told.design.without(shorter(cell.levels, told, data), told.design.arm))
            name = words.level(cell.levels[told.design.arm]) if told.design.arm else cell.experiment
            mean = cell.mean("top1")
            deviation = cell.deviation("top1")
            rows.append(
                Row(
                    name=name,
                    series=series_of(told, cell.levels.get(told.design.arm or "")),
                    seeds={words("page.seed", seed=s): v for s, v in cell.by_seed["top1"].items()},
                    mean=mean if cell.seeds > 1 else None,
                    value=number(mean) + (f" ± {number(deviation)}" if deviation is not None else ""),
                    published=(cell.published or {}).get("top1"),
                    group=group if group != before else "",
                )
            )
            before = group
            key = "results.row_text" if mean is not None else "results.row_none"
            sentences.append(words(key, name=f"{group}, {name}", mean=number(mean), seeds=cell.seeds))
        found.append(
            plots.dots(
                f"results-{word(data)}",
                rows,
                title=words("results.figure", stratum=words.level(data)),
                text=words("results.figure_text", rows=spoken(sentences)),
                unit="%",
                published=words("results.published"),
                spread=words("results.mean_sd"),
                limits=plots.span(known),
            )
        )
    return found


def shorter(levels: Mapping[str, str], told: Story, data: str) -> dict[str, str]:
    """The levels that tell the cells of one data set apart."""
    cells = by_data(told)[data]
    return {f: v for f, v in levels.items() if len({cell.levels[f] for cell in cells}) > 1}


def by_data(told: Story) -> dict[str, list[Cell]]:
    """Cells by the data set that they were trained on, in order."""
    found: dict[str, list[Cell]] = {}
    for cell in told.cells:
        found.setdefault(cell.data, []).append(cell)
    return found


def arms_together(cells: Sequence[Cell], told: Story) -> list[Cell]:
    """Cells in an order in which the arms of one model and stratum follow each other."""
    design = told.design
    outer = [f for f in design.factors if f != design.arm]
    place = {f: list(levels) for f, levels in design.factors.items()}
    return sorted(
        cells,
        key=lambda c: [place[f].index(c.levels[f]) for f in (*outer, *((design.arm,) if design.arm else ()))],
    )


def mates(told: Story, *, but: Iterable[str | None]) -> dict[tuple[tuple[str, str], ...], list[Cell]]:
    """Cells that agree in all factors but some, in order."""
    found: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
    left_out = list(but)
    for cell in told.cells:
        found.setdefault(told.design.without(cell.levels, *left_out), []).append(cell)
    return found


# --- pretraining --------------------------------------------------------------------------------


def pretrained_pairs(told: Story) -> list[tuple[Cell, Cell]]:
    """Cells from scratch with the same cell from pretrained weights, where both have a finished run."""
    design = told.design
    if design.pretrained is None or design.scratch is None:
        return []
    pairs = []
    for cells in mates(told, but=[design.pretrained]).values():
        scratch = [c for c in cells if c.levels[design.pretrained] == design.scratch]
        others = [c for c in cells if c.levels[design.pretrained] != design.scratch]
        pairs += [(a, b) for a in scratch for b in others if a.seeds and b.seeds]
    return pairs


def pretraining(told: Story, words: Words) -> list[Figure]:
    """A chart a data set: from scratch to pretrained, a row a cell."""
    design = told.design
    by_name: dict[str, list[tuple[Cell, Cell]]] = {}
    for before, after in pretrained_pairs(told):
        by_name.setdefault(before.data, []).append((before, after))
    found = []
    for data, pairs in by_name.items():
        rows, sentences, last = [], [], None
        for before, after in pairs:
            levels = shorter(before.levels, told, data)
            group = words.levels(design.without(levels, design.arm, design.pretrained))
            name = words.level(before.levels[design.arm]) if design.arm else before.experiment
            a, b = before.mean("top1"), after.mean("top1")
            assert a is not None and b is not None
            rows.append(
                plots.Pair(
                    name=name,
                    series=series_of(told, before.levels.get(design.arm or "")),
                    before=list(before.by_seed["top1"].values()),
                    after=list(after.by_seed["top1"].values()),
                    value=signed(b - a),
                    group=group if group != last else "",
                )
            )
            last = group
            gap = signed(b - a)
            sentences.append(
                words(
                    "pretraining.row_text",
                    name=f"{group}, {name}",
                    before=number(a),
                    after=number(b),
                    difference=gap,
                )
            )
        found.append(
            plots.pairs(
                f"pretraining-{word(data)}",
                rows,
                title=words("pretraining.figure", data=words.level(data)),
                text=words("pretraining.figure_text", rows=spoken(sentences)),
                unit="%",
                difference=words("page.unit_pp"),
                names=(words("pretraining.scratch"), words("pretraining.pretrained")),
            )
        )
    return found


# --- training curves ----------------------------------------------------------------------------

CURVES = ("loss", "accuracy", "lr", "speed")


def training(told: Story, words: Words) -> dict[str, list[Figure]]:
    """By stratum and model, four charts: loss, accuracy, learning rate and throughput, a curve a run."""
    design = told.design
    found = {}
    for levels, cells in mates(told, but=[design.arm]).items():
        if not any(run.epochs for cell in cells for run in cell.runs):
            continue
        name = words.levels(levels) or told.study.name
        found[name] = [_curves(what, cells, name, levels, told, words) for what in CURVES]
    return found


def judged_split(run: Run) -> str | None:
    """On which images accuracy was judged after every epoch."""
    return next(
        (s for s in ("val", "test") if run.epochs and run.epochs[0].get(f"{s}_top1") is not None), None
    )


def _curves(
    what: str,
    cells: Sequence[Cell],
    name: str,
    levels: Iterable[tuple[str, str]],
    told: Story,
    words: Words,
) -> Figure:
    drawn: list[Line] = []
    rows: list[str] = []
    for cell in cells:
        arm = cell.levels.get(told.design.arm or "")
        series = series_of(told, arm)
        for log in cell.published_curves if what in ("loss", "accuracy") else ():
            ours = max((row["epoch"] for run in cell.runs for row in run.epochs), default=0)
            values = log.top1 if what == "accuracy" else log.train_loss
            points = [
                (float(e), v)
                for e, v in zip(log.epoch, values, strict=True)
                if v is not None and e <= max(ours, 1)
            ]
            hint = f"{words('curves.published')}: {words.level(arm or cell.experiment)} ({log.segment})"
            drawn.append(Line(series=series, points=points, look="ghost", hint=hint))
        for run in cell.runs:
            hint = f"{words.level(arm or cell.experiment)}, {words('page.seed', seed=run.seed)}"
            split = judged_split(run)
            keys = {
                "loss": [("train_loss", "solid")],
                "accuracy": [(f"{split}_top1", "solid"), ("clean_train_top1", "dash")],
                "lr": [("lr", "solid")],
                "speed": [("images_per_second", "solid")],
            }[what]
            for key, look in keys:
                points = [(float(r["epoch"]), float(r[key])) for r in run.epochs if r.get(key) is not None]
                if points:
                    drawn.append(Line(series=series, points=points, look=look, hint=hint))
                if points and look == "solid":
                    digits = 4 if what == "lr" else 2
                    rows.append(
                        words(
                            "curves.row_text",
                            name=hint,
                            first=number(points[0][1], digits),
                            last=number(points[-1][1], digits),
                            epochs=int(points[-1][0]),
                        )
                    )
    title = words(f"curves.{what}")
    return plots.lines(
        f"curves-{what}-{word(*(level for _, level in levels)) if levels else 'all'}",
        title=title,
        text=words("curves.figure_text", what=title, cell=name, rows=spoken(rows)),
        curves=drawn,
        keys=arm_keys(told, cells, words),
        x_name=words("curves.epoch"),
        unit="",
        width=264.0,
        height=196.0,
    )


def arm_keys(told: Story, cells: Sequence[Cell], words: Words) -> list[Key]:
    """The arms of these cells, for a legend."""
    arms = dict.fromkeys(cell.levels.get(told.design.arm or "", cell.experiment) for cell in cells)
    return [Key(series=series_of(told, arm), name=words.level(arm)) for arm in arms]


# --- gain against budget ------------------------------------------------------------------------


def budget_gains(told: Story, words: Words) -> list[Figure]:
    """What the arms gain after every epoch, a chart for each model and stratum."""
    design = told.design
    together: dict[tuple[tuple[str, str], ...], list[Budget]] = {}
    for budget in told.gain_budgets:
        together.setdefault(design.without(budget.stratum, design.arm), []).append(budget)
    found = []
    for levels, budgets in together.items():
        name = words.levels(levels) or told.study.name
        lines_of = [
            (series_of(told, b.stratum[design.arm or ""]), words.level(b.stratum[design.arm or ""]), b)
            for b in budgets
        ]
        figure_id = f"budget-gain-{word(*(level for _, level in levels)) if levels else 'all'}"
        found.append(_budget(figure_id, name, lines_of, words, band=None))
    return found


def budget_contrasts(told: Story, words: Words) -> list[Figure]:
    """The claimed contrasts after every epoch, a chart a claim, a curve a stratum."""
    found = []
    for verdict in told.verdicts:
        mine = [b for b in told.budgets if b.claim == verdict.claim]
        if verdict.secondary or not mine:
            continue
        name = words("budget.figure_claim", claim=verdict.claim)
        lines_of = [
            (i + 1, words.levels(b.stratum) or words("answer.strata_all"), b) for i, b in enumerate(mine)
        ]
        found.append(_budget(f"budget-{word(verdict.claim)}", name, lines_of, words, band=verdict.margin))
    return found


def _budget(
    id: str, name: str, lines_of: Sequence[tuple[int, str, Budget]], words: Words, *, band: float | None
) -> Figure:
    curves, rows, ribbons = [], [], []
    for series, label, budget in lines_of:
        seeds = budget.seeds
        if len(seeds) > 1:
            for seed in seeds:
                points = [(float(p.epoch), p.by_seed[seed]) for p in budget.points if seed in p.by_seed]
                hint = f"{label}, {words('page.seed', seed=seed)}"
                curves.append(Line(series=series, points=points, look="thin", hint=hint))
        low_high = [
            (float(p.epoch), p.low, p.high) for p in budget.points if p.low is not None and p.high is not None
        ]
        if len(low_high) > 1:
            ribbons.append(Ribbon(series=series, points=low_high))
        # The mean only where every seed is there: it must not move because a seed drops out.
        whole = [(float(p.epoch), p.estimate) for p in budget.points if len(p.by_seed) == len(seeds)]
        curves.append(Line(series=series, points=whole, look="bold", hint=label, dots=len(whole) < 16))
        if whole:
            rows.append(
                words(
                    "budget.row_text",
                    name=label,
                    first=signed(whole[0][1]),
                    start=int(whole[0][0]),
                    last=signed(whole[-1][1]),
                    end=int(whole[-1][0]),
                    seeds=len(seeds),
                )
            )
    split = words(f"budget.split.{lines_of[0][2].split}")
    return plots.lines(
        id,
        title=name,
        text=words("budget.figure_text", split=split, rows=spoken(rows)),
        curves=curves,
        keys=[Key(series=series, name=label) for series, label, _ in lines_of],
        x_name=words("curves.epoch"),
        unit=words("page.unit_pp"),
        zero=True,
        band=band,
        ribbons=ribbons,
    )


# --- classes ------------------------------------------------------------------------------------


def class_name(data: DataSet, number: int) -> str:
    """A class as people write it: data sets put underscores for blanks."""
    return readable(data.classes[number]) if number < len(data.classes) else str(number)


def readable(name: str) -> str:
    """A name with blanks for underscores."""
    return name.replace("_", " ")


def certain(one: ArmGains) -> np.ndarray:
    """bool (n_classes,): which classes differ from 0, all of them looked at together."""
    result: np.ndarray = np.nan_to_num(one.gains.q, nan=1.0) <= RATE
    return result


def class_gains(told: Story, words: Words) -> dict[str, list[tuple[Figure, ArmGains]]]:
    """By data set, sorted bars for each arm, model and stratum, on one scale a data set."""
    found: dict[str, list[tuple[Figure, ArmGains]]] = {}
    for name, gains in told.class_gains.items():
        data = told.data[name]
        limits = plots.span((v for one in gains for v in one.gains.gain), around=0.0)
        for one in gains:
            known = np.flatnonzero(np.isfinite(one.gains.gain))
            order = known[np.argsort(-one.gains.gain[known], kind="stable")]
            ends = [
                ", ".join(
                    f"{class_name(data, int(k))} {signed(float(one.gains.gain[k]), 1)}" for k in part[:NAMED]
                )
                for part in (order, order[::-1])
            ]
            sure = certain(one)
            where = words.levels(shorter(one.levels, told, name)) or words.level(name)
            title = words("classes.figure", arm=words.level(one.arm), cell=where)
            figure = plots.sorted_bars(
                f"classes-{word(*one.levels.values(), one.arm)}",
                [float(one.gains.gain[k]) for k in known],
                [class_name(data, int(k)) for k in known],
                [bool(sure[k]) for k in known],
                faint=[float(one.gains.shrunken[k]) for k in known],
                series=series_of(told, one.arm),
                title=title,
                text=words(
                    "classes.figure_text",
                    classes=len(known),
                    certain=int(sure.sum()),
                    top=ends[0],
                    bottom=ends[1],
                ),
                unit=words("page.unit_pp"),
                x_name=words("classes.sorted") if len(known) > 12 else "",
                limits=limits,
            )
            found.setdefault(name, []).append((figure, one))
    return found


def class_maps(told: Story, words: Words) -> dict[str, Figure]:
    """By data set, a map of gains: superclasses, or the classes where they are few, against cells."""
    found = {}
    for name, gains in told.class_gains.items():
        data = told.data[name]
        if data.superclasses:
            rows: Sequence[str] = [readable(name) for name in data.superclasses]
            columns = [story.superclass_gains(one, data) for one in gains]
        elif len(data.classes) <= MAPPED:
            rows = [readable(name) for name in data.classes]
            columns = [one.gains.shrunken for one in gains]
        else:
            continue
        names = [_map_column(one, name, told, words) for one in gains]
        values = np.array(columns).T
        order = np.argsort(-np.nan_to_num(values.mean(axis=1)), kind="stable")
        sentences = [
            f"{rows[i]}: "
            + ", ".join(f"{n} {signed(float(v), 1)}" for n, v in zip(names, values[i], strict=True))
            + "."
            for i in order
        ]
        found[name] = plots.heat(
            f"class-map-{word(name)}",
            values[order],
            [rows[i] for i in order],
            names,
            title=words("classes.heat" if data.superclasses else "classes.heat_classes"),
            text=words("classes.heat_text", rows=spoken(sentences)),
            unit=words("page.unit_pp"),
        )
    return found


def _map_column(one: ArmGains, data: str, told: Story, words: Words) -> str:
    return " ".join([words.level(one.arm), *map(words.level, shorter(one.levels, told, data).values())])


# --- calibration --------------------------------------------------------------------------------


def reliabilities(told: Story, words: Words) -> list[Figure]:
    """A reliability diagram for each model and stratum, a curve an arm."""
    found = []
    for levels, cells in mates(told, but=[told.design.arm]).items():
        curves, rows = [], []
        for cell in cells:
            if cell.judged is None:
                continue
            arm = cell.levels.get(told.design.arm or "", cell.experiment)
            r = cell.judged.reliability
            points = [(100 * float(c), 100 * float(a)) for c, a in zip(r.confidence, r.accuracy, strict=True)]
            curves.append(Line(series=series_of(told, arm), points=points, hint=words.level(arm), dots=True))
            rows.append(words("calibration.row_text", name=words.level(arm), ece=number(cell.mean("ece"))))
        if curves:
            name = words.levels(levels) or told.study.name
            found.append(
                plots.reliability(
                    f"reliability-{word(*(level for _, level in levels)) if levels else 'all'}",
                    curves,
                    arm_keys(told, [c for c in cells if c.judged is not None], words),
                    title=words("calibration.figure", cell=name),
                    text=words("calibration.figure_text", rows=spoken(rows)),
                    x_name=words("calibration.confidence"),
                    unit=words("calibration.right"),
                )
            )
    return found


def ece_rows(cells: Sequence[Cell], told: Story, words: Words) -> Mapping[str, str]:
    """ECE of each arm in percentage points, every seed."""
    return {
        words.level(c.levels.get(told.design.arm or "", c.experiment)): ", ".join(
            number(v) for v in c.by_seed["ece"].values()
        )
        for c in cells
        if c.by_seed["ece"]
    }
