"""Section on theory and literature for each claim, with the results."""

from typing import Any

from mixscope.formatting import signed
from mixscope.report import literature
from mixscope.report.naming import stratum_name
from mixscope.report.story import Story
from mixscope.report.words import Words


def by_claim(story: Story, words: Words) -> list[dict[str, Any]]:
    """For each claim its theory, its papers, and the results as a sentence."""
    found = []
    for verdict in story.verdicts:
        papers = literature.papers(verdict.claim, words.language)
        if verdict.secondary and not papers:
            continue
        strata = "; ".join(
            f"{stratum_name(r, words)} {signed(r.points.estimate)} {words('page.unit_pp')}"
            f" [{signed(r.points.low)}, {signed(r.points.high)}]"
            for r in verdict.readings
            if r.points is not None
        )
        found.append(
            {
                "verdict": verdict,
                "theory": literature.theory(verdict.claim, words.language),
                "ours": words(f"literature.ours_text.{verdict.verdict}", strata=strata or words("page.none")),
                "papers": papers,
            }
        )
    return found
