"""Section on the effect of pretraining: every experiment from scratch and from pretrained weights."""

from mixscope.formatting import number, signed
from mixscope.report import plots
from mixscope.report.grouping import mates, series_of, shorter, some
from mixscope.report.naming import spoken, word
from mixscope.report.shapes import Figure
from mixscope.report.story import ReportedExperiment, Story
from mixscope.report.words import Words


def _pairs(story: Story) -> list[tuple[ReportedExperiment, ReportedExperiment]]:
    """Pairs of the same experiment from scratch and from pretrained weights, both with finished runs."""
    roles = story.roles
    if roles.pretraining is None or roles.scratch is None:
        return []
    pairs = []
    for experiments in mates(story, but=[roles.pretraining]).values():
        scratch = [c for c in experiments if c.levels[roles.pretraining] == roles.scratch]
        others = [c for c in experiments if c.levels[roles.pretraining] != roles.scratch]
        pairs += [(a, b) for a in scratch for b in others if a.seeds and b.seeds]
    return pairs


def charts(story: Story, words: Words) -> list[Figure]:
    """One chart per data set: from scratch to pretrained, one row per experiment."""
    roles = story.roles
    by_name: dict[str, list[tuple[ReportedExperiment, ReportedExperiment]]] = {}
    for before, after in _pairs(story):
        by_name.setdefault(before.data, []).append((before, after))
    found = []
    for data, pairs in by_name.items():
        rows, sentences, last = [], [], None
        for before, after in pairs:
            levels = shorter(before.levels, story, data)
            group = words.levels(roles.without(levels, roles.augmentation, roles.pretraining))
            name = words.level(before.levels[roles.augmentation]) if roles.augmentation else before.name
            a, b = before.mean("top1"), after.mean("top1")
            assert a is not None and b is not None
            rows.append(
                plots.Pair(
                    name=name,
                    series=series_of(story, before.levels.get(roles.augmentation or "")),
                    before=some(before.by_seed["top1"].values()),
                    after=some(after.by_seed["top1"].values()),
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


def claims_about(story: Story, factor: str | None) -> set[str]:
    """The claims that compare levels of a factor."""
    return {claim.id for claim in story.results.claims if factor in claim.contrast}
