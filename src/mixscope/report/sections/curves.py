"""Section on training curves: loss, accuracy, learning rate and throughput, one curve per run."""

from collections.abc import Iterable, Sequence

from mixscope.formatting import number
from mixscope.report import plots
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import augmentation_keys, mates, series_of, some
from mixscope.report.labels import spoken, word
from mixscope.report.plots import Line
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts
from mixscope.results import Run

CURVES = ("loss", "accuracy", "lr", "speed")


def charts(content: ReportContent, texts: Texts) -> dict[str, list[Figure]]:
    """By stratum and model, four charts: loss, accuracy, learning rate and throughput, one curve per run."""
    roles = content.roles
    found = {}
    for levels, experiments in mates(content, but=[roles.augmentation]).items():
        if not any(run.epochs for experiment in experiments for run in experiment.runs):
            continue
        name = texts.levels(levels) or content.results.name
        found[name] = [_curves(what, experiments, name, levels, content, texts) for what in CURVES]
    return found


def judged_split(run: Run) -> str | None:
    """The split on which accuracy was evaluated after every epoch."""
    return next(
        (s for s in ("val", "test") if run.epochs and run.epochs[0].get(f"{s}_top1") is not None), None
    )


def _curves(
    what: str,
    experiments: Sequence[ReportedExperiment],
    name: str,
    levels: Iterable[tuple[str, str]],
    content: ReportContent,
    texts: Texts,
) -> Figure:
    drawn: list[Line] = []
    rows: list[str] = []
    for experiment in experiments:
        augmentation = experiment.levels.get(content.roles.augmentation or "")
        series = series_of(content, augmentation)
        for log in experiment.published_curves if what in ("loss", "accuracy") else ():
            ours = max((row["epoch"] for run in experiment.runs for row in run.epochs), default=0)
            values = log.top1 if what == "accuracy" else log.train_loss
            points = [
                (float(e), v)
                for e, v in zip(log.epoch, values, strict=True)
                if v is not None and e <= max(ours, 1)
            ]
            hint = (
                f"{texts('curves.published')}: {texts.level(augmentation or experiment.name)} ({log.segment})"
            )
            drawn.append(Line(series=series, points=points, look="ghost", hint=hint))
        for run in some(experiment.runs):
            hint = f"{texts.level(augmentation or experiment.name)}, {texts('page.seed', seed=run.seed)}"
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
                        texts(
                            "curves.row_text",
                            name=hint,
                            first=number(points[0][1], digits),
                            last=number(points[-1][1], digits),
                            epochs=int(points[-1][0]),
                        )
                    )
    title = texts(f"curves.{what}")
    return plots.lines(
        f"curves-{what}-{word(*(level for _, level in levels)) if levels else 'all'}",
        title=title,
        text=texts("curves.figure_text", what=title, experiment=name, rows=spoken(rows)),
        curves=drawn,
        keys=augmentation_keys(content, experiments, texts),
        x_name=texts("curves.epoch"),
        unit="",
        width=264.0,
        height=196.0,
    )
