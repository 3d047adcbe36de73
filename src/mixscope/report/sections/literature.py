"""Section on theory and literature for each claim, with the results."""

from typing import Any

from mixscope.formatting import signed, signed_ends
from mixscope.report import literature
from mixscope.report.content import ReportContent
from mixscope.report.labels import stratum_name
from mixscope.report.texts import Texts


def by_claim(content: ReportContent, texts: Texts) -> list[dict[str, Any]]:
    """For each claim its theory, its papers, and the results as a sentence."""
    found = []
    for verdict in content.verdicts:
        papers = literature.papers(verdict.claim, texts.language)
        if verdict.secondary and not papers:
            continue
        strata = "; ".join(
            f"{stratum_name(r, texts)} {signed(r.points.estimate)} {texts('page.unit_pp')}"
            f" {signed_ends(r.points.low, r.points.high)}"
            for r in verdict.readings
            if r.points is not None
        )
        found.append(
            {
                "verdict": verdict,
                "theory": literature.theory(verdict.claim, texts.language),
                "ours": texts(f"literature.ours_text.{verdict.verdict}", strata=strata or texts("page.none")),
                "papers": papers,
            }
        )
    return found
