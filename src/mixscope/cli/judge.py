"""`mixscope judge`: what runs say of claims, or of all gains where nothing was claimed."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixscope.cli import tables
from mixscope.cli.grammar import checkpoint, declare, print_json

FORMATS = ("text", "markdown", "latex")


def add(commands: Any) -> None:
    """What this file adds to the grammar."""
    command = declare(
        commands,
        "judge",
        judge,
        "judge claims: intervals, verdicts, what caps them and what it would take",
        "  mixscope judge runs/quickstart\n"
        "  mixscope judge runs/quickstart --checkpoint selected\n"
        "  mixscope judge results.csv --baseline default        # without claims: all gains, exploratory\n"
        "  mixscope judge results.csv --claims claims.yaml --column accuracy=val_acc",
    )
    command.add_argument("results", type=Path, metavar="RESULTS", help=tables.RESULTS)
    tables.options(command)
    checkpoint(command, "judge")
    command.add_argument("--budget", action="store_true", help="show the contrasts at every recorded epoch")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command.add_argument(
        "--format", choices=FORMATS, default="text", help="text, or the table for a paper (default: text)"
    )


def judge(arguments: argparse.Namespace) -> None:
    """Prints a study's verdicts, with what caps them and what they would take."""
    from mixscope.claims import budget, exploratory, health, rules, statements, verdicts

    found = tables.load(arguments, arguments.results, arguments.checkpoint)
    judged = verdicts.judge(found, checkpoint=arguments.checkpoint)
    explored: tuple[exploratory.Explored, ...] = ()
    if not found.claims and (found.plan is None or found.roles.baseline is not None):
        explored = exploratory.explore(found, checkpoint=arguments.checkpoint)
    problems = health.examine(found, arguments.checkpoint)
    done, asked = health.complete(found)
    budgets = budget.follow(found) if arguments.budget or arguments.json else []
    if arguments.json:
        return print_json(
            {
                "study": found.name,
                "checkpoint": arguments.checkpoint,
                "rules": rules.RULES,
                "runs": {"done": done, "asked": asked},
                "lost": [dataclasses.asdict(lost) for lost in health.lost(found)],
                "verdicts": [dataclasses.asdict(v) for v in judged],
                "problems": [dataclasses.asdict(p) for p in problems],
                "budget": [_row(b, point) for b in budgets for point in b.points],
                "exploratory": [dataclasses.asdict(e) | {"said": e.said} for e in explored],
                "notes": found.notes,
                "unchecked": health.unchecked(found),
            }
        )
    if arguments.format != "text":
        said = [e.statement for e in explored] or statements.of_verdicts(judged, found.claims, found.roles)
        print((statements.to_latex if arguments.format == "latex" else statements.to_markdown)(said), end="")
        return
    if found.plan is None:
        print(f"{arguments.results}: {_size(found)}")
        for line in tables.notes(found):
            print(line)
    else:
        print(
            f"{found.name}: {done} of {asked} runs done, {arguments.checkpoint} checkpoint, test split,"
            f" verdict rules {rules.RULES}"
        )
    if explored:
        tests = sum(e.p is not None for e in explored)
        holm = f"Holm over {tests} contrasts" if tests else "no spread between runs is known, so no p"
        print(f"\nexploratory: nothing was claimed before these runs; {holm}")
        print("\n".join(exploratory.to_text(explored)))
    for line in _lost(health.lost(found)):
        print(line)
    for line in _lines(judged):
        print(line)
    if problems:
        print("\nwhat is not as the study asks")
        for problem in problems:
            print(f"  {problem.kind:<11} {problem.sentence}{_caps(problem, judged)}")
    if budgets:
        print(f"\nat every epoch, {budgets[0].split} split, interval from seeds only")
        for one in budgets:
            for point in one.points:
                print(f"  {_where(one.claim, one.stratum)}  epoch {point.epoch:>3}  {_figures(point)}")


def _size(found: Any) -> str:
    summaries = f", {len(found.summaries)} rows with mean and spread" if found.summaries else ""
    return f"{len(found.done)} finished runs{summaries}, {len(found.experiments)} experiments"


def _lost(found: Any) -> Iterator[str]:
    """Runs that did not finish, by experiment: what the estimates are of."""
    if found:
        shown = "; ".join(f"{each.experiment} {each.lost} of {each.planned}" for each in found)
        yield f"runs that did not finish: {shown}; estimates are of runs that finish"


def _row(one: Any, point: Any) -> dict[str, Any]:
    """A point of a budget with whose it is."""
    whose = {"claim": one.claim, "stratum": dict(one.stratum), "split": one.split}
    return whose | dataclasses.asdict(point) | {"estimate": point.estimate, "seeds": len(point.by_seed)}


def _lines(judged: Any) -> Iterator[str]:
    """Primary claims, then secondary ones; a line for each stratum, and below it what there is to say."""
    for secondary in (False, True):
        mine = [v for v in judged if v.secondary == secondary]
        if mine and secondary:
            yield "\nsecondary"
        for verdict in mine:
            yield f"\n{verdict.claim}  {verdict.text['en']}"
            said_below = len(verdict.readings) == 1 and (
                verdict.readings[0].gates or verdict.readings[0].missing
            )
            yield f"  {_word(verdict.verdict)}" + ("" if said_below else f": {verdict.why}")
            for reading in verdict.readings:
                yield f"  {_stratum(reading.stratum):<28} {_word(reading.verdict):<15} {_estimate(reading)}"
                for sentence in _remarks(reading):
                    yield f"  {'':<28} {sentence}"


def _word(verdict: str) -> str:
    return "POST HOC" if verdict == "POST-HOC" else verdict


def _estimate(reading: Any) -> str:
    if reading.points is None:
        return f"no finished run of {', '.join(reading.missing)}" if reading.missing else ""
    words = [_interval(reading.points, "pp")]
    if reading.seeds > 1:
        words.append(f"{reading.seeds} seeds, {reading.degrees:.3g} df")
    return "  ".join(words)


def _remarks(reading: Any) -> Iterator[str]:
    from mixscope import i18n

    for kind, sentence in zip(reading.gate_kinds, reading.gates, strict=True):
        yield f"{kind}: {sentence}"
    if reading.points is None:
        return
    yield from _look(reading)
    yield from _what_it_would_take(reading)
    if reading.shared is not None and reading.verdict != "ESTIMATE":
        does = "take off" if reading.shared >= 0 else "add"
        yield f"pairing by seed would {does} {abs(100 * reading.shared):.0f} % of the variance over seeds"
    if reading.bound is not None:
        yield f"counting other test examples too: {_interval(reading.bound, 'pp')} at most"
    if reading.paired_points is not None:
        yield f"paired by seed: {_interval(reading.paired_points, 'pp')}"
    if reading.chosen_on_test is not None:
        flattery = reading.chosen_on_test.estimate - reading.points.estimate
        yield f"epoch chosen on the test split: {_interval(reading.chosen_on_test, 'pp')}, {flattery:+.2f} pp"
    for sentence in (*map(i18n.render, reading.warnings), *reading.caveats):
        yield f"note: {sentence}"


def _look(reading: Any) -> Iterator[str]:
    """At which look it is judged, and when the next one is."""
    look = reading.look
    if look is None or look.of == 1:
        return
    low, high, level = reading.judged.low, reading.judged.high, 100 * reading.judged.level
    after = f"; the next look is at {look.next} seeds" if look.next else "; this was the last look"
    yield (
        f"look {look.number} of {look.of}, at {look.seeds} seeds: {level:.4g} % interval"
        f" [{low:+.2f}, {high:+.2f}]{after}"
    )


def _what_it_would_take(reading: Any) -> Iterator[str]:
    if reading.seeds == 1:
        yield "the interval counts test examples only: it is of these checkpoints, not of new runs"
        if reading.tipping_sd is None:
            yield "test examples alone leave it open"
        else:
            yield f"a standard deviation between runs of {reading.tipping_sd:.2f} pp would erase it"
    elif reading.verdict == "INCONCLUSIVE" and set(reading.gate_kinds) <= {"seeds", "holm", "unfinished"}:
        if reading.seeds_low is None:
            yield "no number of seeds up to 1,000 would settle it: the test split is too small"
        else:
            more = f"{reading.seeds_low} or more" if reading.seeds_high is None else _from_to(reading)
            yield f"{more} seeds would settle it either way (80 % power, if the effect is as estimated)"


def _from_to(reading: Any) -> str:
    low, high = reading.seeds_low, reading.seeds_high
    return f"about {low}" if low == high else f"{low} to {high}"


def _caps(problem: Any, judged: Any) -> str:
    claims = [v.claim for v in judged if any(problem.kind in r.gate_kinds for r in v.readings)]
    return f"; caps {', '.join(claims)}" if problem.caps and claims else ""


def _figures(point: Any) -> str:
    if point.low is None:
        return f"{point.estimate:+.2f} pp"
    return f"{point.estimate:+.2f} pp [{point.low:+.2f}, {point.high:+.2f}]"


def _where(claim: str, stratum: Any) -> str:
    return f"{claim:<14} {_stratum(stratum):<28}"


def _interval(found: Any, unit: str) -> str:
    return f"{found.estimate:+.2f} {unit} [{found.low:+.2f}, {found.high:+.2f}]"


def _stratum(stratum: Any) -> str:
    return ", ".join(stratum.values()) or "all"
