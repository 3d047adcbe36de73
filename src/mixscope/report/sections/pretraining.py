"""Section on the effect of pretraining: every experiment from scratch and from pretrained weights."""

from mixscope.formatting import number, signed
from mixscope.report import plots
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import mates, series_of, shorter, some
from mixscope.report.labels import spoken, word
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts


def _pairs(content: ReportContent) -> list[tuple[ReportedExperiment, ReportedExperiment]]:
    """Pairs of the same experiment from scratch and from pretrained weights, both with finished runs."""
    roles = content.roles
    if roles.pretraining is None or roles.scratch is None:
        return []
    pairs = []
    for experiments in mates(content, but=[roles.pretraining]).values():
        scratch = [c for c in experiments if c.levels[roles.pretraining] == roles.scratch]
        others = [c for c in experiments if c.levels[roles.pretraining] != roles.scratch]
        pairs += [(a, b) for a in scratch for b in others if a.seeds and b.seeds]
    return pairs


def charts(content: ReportContent, texts: Texts) -> list[Figure]:
    """One chart per data set: from scratch to pretrained, one row per experiment."""
    roles = content.roles
    by_name: dict[str, list[tuple[ReportedExperiment, ReportedExperiment]]] = {}
    for before, after in _pairs(content):
        by_name.setdefault(before.data, []).append((before, after))
    found = []
    for data, pairs in by_name.items():
        rows, sentences, last = [], [], None
        for before, after in pairs:
            levels = shorter(before.levels, content, data)
            group = texts.levels(roles.without(levels, roles.augmentation, roles.pretraining))
            name = texts.level(before.levels[roles.augmentation]) if roles.augmentation else before.name
            a, b = before.mean("top1"), after.mean("top1")
            assert a is not None and b is not None
            rows.append(
                plots.Pair(
                    name=name,
                    series=series_of(content, before.levels.get(roles.augmentation or "")),
                    before=some(before.by_seed["top1"].values()),
                    after=some(after.by_seed["top1"].values()),
                    value=signed(b - a),
                    group=group if group != last else "",
                )
            )
            last = group
            gap = signed(b - a)
            sentences.append(
                texts(
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
                title=texts("pretraining.figure", data=texts.level(data)),
                text=texts("pretraining.figure_text", rows=spoken(sentences)),
                unit="%",
                difference=texts("page.unit_pp"),
                names=(texts("pretraining.scratch"), texts("pretraining.pretrained")),
            )
        )
    return found


def claims_about(content: ReportContent, factor: str | None) -> set[str]:
    """The claims that compare levels of a factor."""
    return {claim.id for claim in content.results.claims if factor in claim.contrast}
