"""Formatting of names and values in a report: numbers, experiments, classes, strata."""

import re
import zlib
from collections.abc import Sequence

from mixscope import i18n
from mixscope.claims.verdicts import Reading
from mixscope.formatting import count_range
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import shorter
from mixscope.report.texts import Texts
from mixscope.results import DataSet

TOLD = 8  # curves or rows listed in an alternative text


def word(*parts: object) -> str:
    """Joins parts to one word for ids and file names, with a checksum if other characters are lost."""
    text = " ".join(map(str, parts))
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (
        found
        if re.fullmatch(r"[A-Za-z0-9 -]+", text)
        else f"{found}-{zlib.crc32(text.encode()):08x}".strip("-")
    )


def limits(reading: Reading, language: str) -> tuple[str, ...]:
    """What limits a verdict, in sentences."""
    return tuple(i18n.render(finding, language) for finding in reading.findings)


def seeds_range(reading: Reading) -> str:
    """Number of seeds that would settle a reading, "from-to" over the uncertainty of the variance."""
    low, high = reading.seeds_low, reading.seeds_high
    return "–" if low is None else count_range(low, high, dash="–")


def spoken(rows: Sequence[str]) -> str:
    """The first rows as a sentence."""
    return " ".join(rows[:TOLD]) + (" …" if len(rows) > TOLD else "")


def stratum_name(reading: Reading, texts: Texts) -> str:
    """Display name of a reading's stratum; a fixed text if the claim has only one."""
    return texts.levels(reading.stratum) or texts("answer.strata_all")


def class_name(data: DataSet, number: int) -> str:
    """Display name of a class, with spaces for underscores."""
    return readable(data.class_name(number))


def readable(name: str) -> str:
    """A name with spaces for underscores."""
    return name.replace("_", " ")


def short_name(experiment: ReportedExperiment, content: ReportContent, texts: Texts) -> str:
    """Name of an experiment within its data set, without the levels common to all."""
    return texts.levels(shorter(experiment.levels, content, experiment.data)) or experiment.name
