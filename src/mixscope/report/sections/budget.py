"""Section on training budget: contrasts and gains by epoch."""

from collections.abc import Sequence

from mixscope.claims.budget import Budget
from mixscope.formatting import signed
from mixscope.report import plots
from mixscope.report.content import ReportContent
from mixscope.report.grouping import series_of, some
from mixscope.report.labels import spoken, word
from mixscope.report.plots import Line, Ribbon
from mixscope.report.shapes import Figure, Key
from mixscope.report.texts import Texts


def gains(content: ReportContent, texts: Texts) -> list[Figure]:
    """Gains of the augmentations by epoch, one chart per model and stratum."""
    roles = content.roles
    together: dict[tuple[tuple[str, str], ...], list[Budget]] = {}
    for budget in content.gain_budgets:
        together.setdefault(roles.without(budget.stratum, roles.augmentation), []).append(budget)
    found = []
    for levels, budgets in together.items():
        name = texts.levels(levels) or content.results.name
        lines_of = [
            (
                series_of(content, b.stratum[roles.augmentation or ""]),
                texts.level(b.stratum[roles.augmentation or ""]),
                b,
            )
            for b in budgets
        ]
        figure_id = f"budget-gain-{word(*(level for _, level in levels)) if levels else 'all'}"
        found.append(_budget(figure_id, name, lines_of, texts, band=None))
    return found


def contrasts(content: ReportContent, texts: Texts) -> list[Figure]:
    """The claimed contrasts by epoch, one chart per claim, one curve per stratum."""
    found = []
    for verdict in content.verdicts:
        mine = [b for b in content.budgets if b.claim == verdict.claim]
        if verdict.secondary or not mine:
            continue
        name = texts("budget.figure_claim", claim=verdict.claim)
        lines_of = [
            (i + 1, texts.levels(b.stratum) or texts("answer.strata_all"), b) for i, b in enumerate(mine)
        ]
        found.append(_budget(f"budget-{word(verdict.claim)}", name, lines_of, texts, band=verdict.margin))
    return found


def _budget(
    id: str, name: str, lines_of: Sequence[tuple[int, str, Budget]], texts: Texts, *, band: float | None
) -> Figure:
    curves, rows, ribbons = [], [], []
    for series, label, budget in lines_of:
        seeds = budget.seeds
        if len(seeds) > 1:
            for seed in some(seeds):
                points = [(float(p.epoch), p.by_seed[seed]) for p in budget.points if seed in p.by_seed]
                hint = f"{label}, {texts('page.seed', seed=seed)}"
                curves.append(Line(series=series, points=points, look="thin", hint=hint))
        low_high = [
            (float(p.epoch), p.low, p.high) for p in budget.points if p.low is not None and p.high is not None
        ]
        if len(low_high) > 1:
            ribbons.append(Ribbon(series=series, points=low_high))
        # The mean only where all seeds exist: it must not change because a seed drops out.
        whole = [(float(p.epoch), p.estimate) for p in budget.points if len(p.by_seed) == len(seeds)]
        curves.append(Line(series=series, points=whole, look="bold", hint=label, dots=len(whole) < 16))
        if whole:
            rows.append(
                texts(
                    "budget.row_text",
                    name=label,
                    first=signed(whole[0][1]),
                    start=int(whole[0][0]),
                    last=signed(whole[-1][1]),
                    end=int(whole[-1][0]),
                    seeds=len(seeds),
                )
            )
    split = texts(f"budget.split.{lines_of[0][2].split}")
    return plots.lines(
        id,
        title=name,
        text=texts("budget.figure_text", split=split, rows=spoken(rows)),
        curves=curves,
        keys=[Key(series=series, name=label) for series, label, _ in lines_of],
        x_name=texts("curves.epoch"),
        unit=texts("page.unit_pp"),
        zero=True,
        band=band,
        ribbons=ribbons,
    )
