"""`mixscope judge`: verdicts on claims, or on all gains if there are no claims."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.cli import table_options
from mixscope.cli.arguments import checkpoint, declare, language
from mixscope.cli.terminal import print_json, spoken
from mixscope.formatting import count_range, ends, padded

if TYPE_CHECKING:
    from mixscope.report.texts import Texts

FORMATS = ("text", "markdown", "latex")


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "judge",
        judge,
        "judge claims: intervals, verdicts, what caps them, and seeds needed",
        "  mixscope judge runs/quickstart\n"
        "  mixscope judge runs/quickstart --checkpoint selected\n"
        "  mixscope judge results.csv --baseline default        # without claims: all gains, exploratory\n"
        "  mixscope judge results.csv --claims claims.yaml --column accuracy=val_acc",
    )
    command.add_argument("results", type=Path, metavar="RESULTS", help=table_options.RESULTS)
    table_options.options(command)
    checkpoint(command, "judge")
    language(command)
    command.add_argument("--budget", action="store_true", help="show the contrasts at every recorded epoch")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command.add_argument(
        "--format", choices=FORMATS, default="text", help="text, or the table for a paper (default: text)"
    )


def judge(arguments: argparse.Namespace) -> None:
    """Prints verdicts, what caps them, and the seeds needed."""
    from mixscope import i18n
    from mixscope.claims import budget, exploratory, health, judgement, post_hoc, rules, verdicts

    found = table_options.load(arguments, arguments.results, arguments.checkpoint)
    judged = verdicts.judge(found, checkpoint=arguments.checkpoint)
    explored: tuple[exploratory.Explored, ...] = ()
    if not found.claims and (found.plan is None or found.roles.baseline is not None):
        explored = exploratory.explore(found, checkpoint=arguments.checkpoint)
    problems = health.examine(found, arguments.checkpoint)
    done, planned = health.complete(found)
    budgets = budget.follow(found) if arguments.budget or arguments.json else []
    left_out = post_hoc.uncounted(found)
    if arguments.json:
        uncounted = left_out and {**left_out.params, "sentence": i18n.render(left_out)}
        return print_json(
            {
                "study": found.name,
                "checkpoint": arguments.checkpoint,
                "rules": rules.RULES,
                "runs": {"done": done, "asked": planned},
                "recorded": post_hoc.claimed(found),
                "post_hoc": [gate.sentence for gate in post_hoc.edits(found)],
                "uncounted": uncounted,
                "lost": [dataclasses.asdict(lost) for lost in health.lost(found)],
                "verdicts": [v.to_dict() for v in judged],
                "problems": [{**dataclasses.asdict(p), "sentence": p.sentence} for p in problems],
                "budget": [_row(b, point) for b in budgets for point in b.points],
                "exploratory": [dataclasses.asdict(e) | {"said": e.said} for e in explored],
                "notes": found.said(),
                "unchecked": health.unchecked(found),
            }
        )
    if arguments.format != "text":
        made = judgement.judge(found, checkpoint=arguments.checkpoint)
        lang = spoken(arguments.lang).language
        print(made.to_latex(lang) if arguments.format == "latex" else made.to_markdown(lang), end="")
        return
    texts = spoken(arguments.lang)
    if found.plan is None:
        print(f"{arguments.results}: {_size(found, texts)}")
        for line in table_options.notes(found, texts):
            print(line)
        if judged:
            print(texts("answer.rules", rules=rules.RULES))
    else:
        about = {"checkpoint": arguments.checkpoint, "rules": rules.RULES}
        print(texts("judge.head", name=found.name, done=done, asked=planned, **about))
        if judged and not post_hoc.claimed(found):
            print(texts("answer.unrecorded"))
        for gate in post_hoc.edits(found):
            print(texts.render(gate.finding))
        if left_out is not None:
            print(texts.render(left_out))
    if explored:
        print("\n" + exploratory.heading(explored, texts.language))
        print("\n".join(exploratory.to_text(explored, texts.language)))
    lost = "; ".join(f"{each.experiment} {each.lost}/{each.planned}" for each in health.lost(found))
    if lost:
        print(texts("judge.lost", runs=lost))
    for line in _lines(judged, texts):
        print(line)
    if problems:
        print(f"\n{texts('health.problems')}")
        for problem in problems:
            kind = padded(texts(f"problem.{problem.kind}"), 18)
            print(f"  {kind} {texts.render(problem.finding)}{_caps(problem, judged, texts)}")
    if budgets:
        print("\n" + texts("judge.budget", split=texts(f"budget.split.{budgets[0].split}")))
        for one in budgets:
            for point in one.points:
                where = f"{one.claim:<14} {padded(_stratum(one.stratum, texts), 28)}"
                print(f"  {where}  {texts('judge.epoch', epoch=point.epoch)}  {_with_ends(point, texts)}")


def _size(found: Any, texts: "Texts") -> str:
    return texts(
        "judge.size", runs=len(found.done), rows=len(found.summaries), experiments=len(found.experiments)
    )


def _row(one: Any, point: Any) -> dict[str, Any]:
    """A point of a budget curve with its claim and stratum."""
    whose = {"claim": one.claim, "stratum": dict(one.stratum), "split": one.split}
    return whose | dataclasses.asdict(point) | {"estimate": point.estimate, "seeds": len(point.by_seed)}


def _lines(judged: Any, texts: "Texts") -> Iterator[str]:
    """Primary claims, then secondary ones: a line for each stratum, with remarks below."""
    for secondary in (False, True):
        mine = [v for v in judged if v.secondary == secondary]
        if mine and secondary:
            yield f"\n{texts('answer.secondary')}"
        for verdict in mine:
            yield f"\n{verdict.claim}  {texts.own(verdict.text)}"
            first = verdict.readings[0]
            said_below = len(verdict.readings) == 1 and (first.gates or first.missing)
            yield f"  {_word(verdict.verdict, texts)}" + (
                "" if said_below else f": {texts.render(verdict.why)}"
            )
            for reading in verdict.readings:
                stratum, word = _stratum(reading.stratum, texts), _word(reading.verdict, texts)
                yield f"  {padded(stratum, 28)} {padded(word, 15)} {_estimate(reading, texts)}"
                for sentence in _remarks(reading, texts):
                    yield f"  {'':<28} {sentence}"


def _word(verdict: str, texts: "Texts") -> str:
    """A verdict as one word; in English in capitals, as in docs/guides/claims.md."""
    word = texts(f"verdict.{verdict}")
    return verdict.replace("POST-HOC", "POST HOC") if texts.language == "en" else word


def _estimate(reading: Any, texts: "Texts") -> str:
    if reading.points is None:
        missing = ", ".join(reading.missing)
        return texts("why.missing", experiments=missing) if missing else ""
    shown = [_with_ends(reading.points, texts)]
    if reading.seeds > 1:
        shown.append(texts("judge.seeds", seeds=reading.seeds, df=f"{reading.degrees:.3g}"))
    return "  ".join(shown)


def _remarks(reading: Any, texts: "Texts") -> Iterator[str]:
    yield from map(texts.render, reading.findings)
    if reading.points is None:
        return
    look = reading.look
    if look is not None and look.of > 1:
        yield texts(
            "judge.look",
            number=look.number,
            of=look.of,
            seeds=look.seeds,
            level=f"{100 * reading.judged.level:.4g}",
            low=reading.judged.low,
            high=reading.judged.high,
            next=look.next or "none",
        )
    yield from _what_it_would_take(reading, texts)
    if reading.shared is not None and reading.verdict != "ESTIMATE":
        less = "less" if reading.shared >= 0 else "more"
        yield texts("judge.paired", percent=f"{abs(100 * reading.shared):.0f}", change=less)
    if reading.bound is not None:
        yield texts("judge.bound", interval=_with_ends(reading.bound, texts))
    if reading.paired_points is not None:
        yield texts("judge.paired_interval", interval=_with_ends(reading.paired_points, texts))
    if reading.chosen_on_test is not None:
        bias = reading.chosen_on_test.estimate - reading.points.estimate
        yield texts("judge.chosen", interval=_with_ends(reading.chosen_on_test, texts), bias=bias)
    for finding in (*reading.warnings, *reading.caveats):
        yield texts("answer.mind", gates=finding)


def _what_it_would_take(reading: Any, texts: "Texts") -> Iterator[str]:
    if reading.seeds == 1:
        yield texts("judge.one_seed")
        sd = reading.tipping_sd
        yield texts("answer.open") if sd is None else texts("answer.tipping", sd=f"{sd:.2f}")
    elif reading.verdict == "INCONCLUSIVE" and set(reading.gate_kinds) <= {"seeds", "holm", "unfinished"}:
        if reading.seeds_low is None:
            if reading.look is None or reading.look.of == 1:
                yield texts("judge.too_small")
        elif (settling := reading.seeds_would_settle) is not None:
            yield texts("answer.seeds_needed", n=count_range(*settling))


def _caps(problem: Any, judged: Any, texts: "Texts") -> str:
    claims = [v.claim for v in judged if any(problem.kind in r.gate_kinds for r in v.readings)]
    return f"; {texts('judge.limits', claims=claims)}" if problem.caps and claims else ""


def _with_ends(point: Any, texts: "Texts") -> str:
    found = f"{point.estimate:+.2f} {texts('page.unit_pp')}"
    return found if point.low is None else f"{found} {ends(point.low, point.high)}"


def _stratum(stratum: Any, texts: "Texts") -> str:
    shown = stratum.values() if texts.language == "en" else map(texts.level, stratum.values())
    return ", ".join(shown) or texts("answer.strata_all")
