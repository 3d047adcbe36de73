"""`mixscope judge`: verdicts on claims, or on all gains if there are no claims."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.cli import tables
from mixscope.cli.grammar import checkpoint, declare, language, print_json, spoken
from mixscope.formatting import padded

if TYPE_CHECKING:
    from mixscope.report.words import Words

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
    command.add_argument("results", type=Path, metavar="RESULTS", help=tables.RESULTS)
    tables.options(command)
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
    from mixscope.claims import budget, exploratory, health, judgement, recorded, rules, verdicts

    found = tables.load(arguments, arguments.results, arguments.checkpoint)
    judged = verdicts.judge(found, checkpoint=arguments.checkpoint)
    explored: tuple[exploratory.Explored, ...] = ()
    if not found.claims and (found.plan is None or found.roles.baseline is not None):
        explored = exploratory.explore(found, checkpoint=arguments.checkpoint)
    problems = health.examine(found, arguments.checkpoint)
    done, planned = health.complete(found)
    budgets = budget.follow(found) if arguments.budget or arguments.json else []
    left_out = recorded.uncounted(found)
    if arguments.json:
        uncounted = left_out and {**left_out.params, "sentence": i18n.render(left_out)}
        return print_json(
            {
                "study": found.name,
                "checkpoint": arguments.checkpoint,
                "rules": rules.RULES,
                "runs": {"done": done, "asked": planned},
                "recorded": recorded.claimed(found),
                "post_hoc": [gate.sentence for gate in recorded.edits(found)],
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
    words = spoken(arguments.lang)
    if found.plan is None:
        print(f"{arguments.results}: {_size(found, words)}")
        for line in tables.notes(found, words):
            print(line)
        if judged:
            print(words("answer.rules", rules=rules.RULES))
    else:
        about = {"checkpoint": arguments.checkpoint, "rules": rules.RULES}
        print(words("judge.head", name=found.name, done=done, asked=planned, **about))
        if judged and not recorded.claimed(found):
            print(words("answer.unrecorded"))
        for gate in recorded.edits(found):
            print(words.render(gate.finding))
        if left_out is not None:
            print(words.render(left_out))
    if explored:
        print("\n" + exploratory.heading(explored, words.language))
        print("\n".join(exploratory.to_text(explored, words.language)))
    lost = "; ".join(f"{each.experiment} {each.lost}/{each.planned}" for each in health.lost(found))
    if lost:
        print(words("judge.lost", runs=lost))
    for line in _lines(judged, words):
        print(line)
    if problems:
        print(f"\n{words('health.problems')}")
        for problem in problems:
            kind = padded(words(f"problem.{problem.kind}"), 18)
            print(f"  {kind} {words.render(problem.finding)}{_caps(problem, judged, words)}")
    if budgets:
        print("\n" + words("judge.budget", split=words(f"budget.split.{budgets[0].split}")))
        for one in budgets:
            for point in one.points:
                where = f"{one.claim:<14} {padded(_stratum(one.stratum, words), 28)}"
                print(f"  {where}  {words('judge.epoch', epoch=point.epoch)}  {_figures(point, words)}")


def _size(found: Any, words: "Words") -> str:
    return words(
        "judge.size", runs=len(found.done), rows=len(found.summaries), experiments=len(found.experiments)
    )


def _row(one: Any, point: Any) -> dict[str, Any]:
    """A point of a budget curve with its claim and stratum."""
    whose = {"claim": one.claim, "stratum": dict(one.stratum), "split": one.split}
    return whose | dataclasses.asdict(point) | {"estimate": point.estimate, "seeds": len(point.by_seed)}


def _lines(judged: Any, words: "Words") -> Iterator[str]:
    """Primary claims, then secondary ones: a line for each stratum, with remarks below."""
    for secondary in (False, True):
        mine = [v for v in judged if v.secondary == secondary]
        if mine and secondary:
            yield f"\n{words('answer.secondary')}"
        for verdict in mine:
            yield f"\n{verdict.claim}  {words.own(verdict.text)}"
            first = verdict.readings[0]
            said_below = len(verdict.readings) == 1 and (first.gates or first.missing)
            yield f"  {_word(verdict.verdict, words)}" + (
                "" if said_below else f": {words.render(verdict.why)}"
            )
            for reading in verdict.readings:
                stratum, word = _stratum(reading.stratum, words), _word(reading.verdict, words)
                yield f"  {padded(stratum, 28)} {padded(word, 15)} {_estimate(reading, words)}"
                for sentence in _remarks(reading, words):
                    yield f"  {'':<28} {sentence}"


def _word(verdict: str, words: "Words") -> str:
    """A verdict as one word; in English in capitals, as in docs/guides/claims.md."""
    word = words(f"verdict.{verdict}")
    return verdict.replace("POST-HOC", "POST HOC") if words.language == "en" else word


def _estimate(reading: Any, words: "Words") -> str:
    if reading.points is None:
        missing = ", ".join(reading.missing)
        return words("why.missing", experiments=missing) if missing else ""
    shown = [_interval(reading.points, words)]
    if reading.seeds > 1:
        shown.append(words("judge.seeds", seeds=reading.seeds, df=f"{reading.degrees:.3g}"))
    return "  ".join(shown)


def _remarks(reading: Any, words: "Words") -> Iterator[str]:
    yield from map(words.render, reading.findings)
    if reading.points is None:
        return
    look = reading.look
    if look is not None and look.of > 1:
        yield words(
            "judge.look",
            number=look.number,
            of=look.of,
            seeds=look.seeds,
            level=f"{100 * reading.judged.level:.4g}",
            low=reading.judged.low,
            high=reading.judged.high,
            next=look.next or "none",
        )
    yield from _what_it_would_take(reading, words)
    if reading.shared is not None and reading.verdict != "ESTIMATE":
        less = "less" if reading.shared >= 0 else "more"
        yield words("judge.paired", percent=f"{abs(100 * reading.shared):.0f}", change=less)
    if reading.bound is not None:
        yield words("judge.bound", interval=_interval(reading.bound, words))
    if reading.paired_points is not None:
        yield words("judge.paired_interval", interval=_interval(reading.paired_points, words))
    if reading.chosen_on_test is not None:
        bias = reading.chosen_on_test.estimate - reading.points.estimate
        yield words("judge.chosen", interval=_interval(reading.chosen_on_test, words), bias=bias)
    for finding in (*reading.warnings, *reading.caveats):
        yield words("answer.mind", gates=finding)


def _what_it_would_take(reading: Any, words: "Words") -> Iterator[str]:
    if reading.seeds == 1:
        yield words("judge.one_seed")
        sd = reading.tipping_sd
        yield words("answer.open") if sd is None else words("answer.tipping", sd=f"{sd:.2f}")
    elif reading.verdict == "INCONCLUSIVE" and set(reading.gate_kinds) <= {"seeds", "holm", "unfinished"}:
        if reading.seeds_low is None:
            if reading.look is None or reading.look.of == 1:
                yield words("judge.too_small")
        elif (settling := reading.seeds_would_settle) is not None:
            low, high = settling
            seeds = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
            yield words("answer.seeds_needed", n=seeds)


def _caps(problem: Any, judged: Any, words: "Words") -> str:
    claims = [v.claim for v in judged if any(problem.kind in r.gate_kinds for r in v.readings)]
    return f"; {words('judge.limits', claims=claims)}" if problem.caps and claims else ""


def _figures(point: Any, words: "Words") -> str:
    unit = words("page.unit_pp")
    if point.low is None:
        return f"{point.estimate:+.2f} {unit}"
    return f"{point.estimate:+.2f} {unit} [{point.low:+.2f}, {point.high:+.2f}]"


def _interval(found: Any, words: "Words") -> str:
    return f"{found.estimate:+.2f} {words('page.unit_pp')} [{found.low:+.2f}, {found.high:+.2f}]"


def _stratum(stratum: Any, words: "Words") -> str:
    shown = stratum.values() if words.language == "en" else map(words.level, stratum.values())
    return ", ".join(shown) or words("answer.strata_all")
