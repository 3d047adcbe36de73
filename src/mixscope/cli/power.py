"""`mixscope study plan --power` and `mixscope power`: number of seeds for a claim, before the first run."""

import argparse
import dataclasses
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope import i18n
from mixscope.cli import table_options
from mixscope.cli.arguments import declare, language
from mixscope.cli.terminal import print_json, spoken
from mixscope.errors import ConfigError, unknown

if TYPE_CHECKING:
    from mixscope.report.texts import Texts


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "power",
        power,
        "power against seeds for the claims, or all gains, of results that were trained anywhere",
        "  mixscope power results.csv\n"
        "  mixscope power results.csv --effect 0.5 --figure power.svg\n"
        "  mixscope power results.csv --claims claims.yaml",
    )
    command.add_argument("results", type=Path, metavar="RESULTS", help=table_options.RESULTS)
    table_options.options(command)
    _declare_effect(command)
    language(command)
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def declare_power(command: argparse.ArgumentParser) -> None:
    """Adds the options of `study plan --power`."""
    command.add_argument(
        "--power", action="store_true", help="show power against seeds for every claim instead of the runs"
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--pilot", type=Path, metavar="RUNS", help="standard deviations between runs of earlier results"
    )
    source.add_argument(
        "--sd",
        action="append",
        metavar="PP",
        help="standard deviation between runs in pp, of all experiments or, as EXPERIMENT=PP, of one; may be"
        " repeated (default: the range of published ones)",
    )
    _declare_effect(command)


def _declare_effect(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--effect", type=float, metavar="PP", help="true effect, in pp (default: the smallest that matters)"
    )
    command.add_argument(
        "--figure", type=Path, metavar="FILE", help="write the curves as a chart, too: .svg, .pdf or .png"
    )


def power_of_study(
    arguments: argparse.Namespace, study: Any, found: Sequence[Any], costs: Sequence[Any]
) -> None:
    """Prints power against seeds for every claim of a study, with the cost of these seeds."""
    from mixscope.claims import planning
    from mixscope.results import sources

    _check("--effect", arguments.effect)
    names = {tuple(levels.values()): name for name, levels in study.experiments()}
    spreads: dict[str, Any] = {}
    if arguments.pilot is not None:
        spreads, otherwise = planning.observed(sources.load(arguments.pilot))
    else:
        given = _given(arguments.sd or (), list(names.values()))
        sets = {stands.run.config.data.name for stands in found}
        spreads = {name: planning.assumed(sd) for name, sd in given.items() if name is not None}
        otherwise = (
            planning.assumed(given[None])
            if None in given
            else planning.published(sets.pop() if len(sets) == 1 else None)
        )
    curves = planning.of_claims(
        study.claims,
        study.factors,
        lambda experiments: {names[tuple(levels.values())]: weight for levels, weight in experiments},
        spreads,
        otherwise,
        looks_at=study.looks,
        effect=arguments.effect,
    )
    seeds = curves[0].seeds if curves else ()
    hours = _hours(found, costs, seeds)
    known = {name: s for name, s in spreads.items() if name in {stands.run.name for stands in found}}
    if arguments.figure is not None:
        _draw(arguments.figure, curves, study.title)
    if arguments.json:
        return print_json(
            {
                "study": study.name,
                "spreads": {name: _plain(spread) for name, spread in known.items()},
                "otherwise": _plain(otherwise),
                "power": [dataclasses.asdict(one) for one in curves],
                "hours": hours,
            }
        )
    texts = spoken(arguments.lang)
    _print(curves, otherwise, known, texts)
    if not curves:
        print(texts("power-nothing"))
    if any(value is not None for value in hours.values()):
        each = [texts("power-hours", n=n, hours=f"{h:.3g}") for n, h in hours.items() if h is not None]
        print("\n" + texts("power-cost", hours=", ".join(each)))
    elif curves:
        why = "; ".join(dict.fromkeys(texts.render(cost.why) for cost in costs if cost.why is not None))
        print("\n" + texts("power-cost-unknown", why=why or texts("power-cost-unmeasured")))
    if arguments.figure is not None:
        print(texts("power-figure", file=str(arguments.figure)))


def _print(curves: Sequence[Any], otherwise: Any, spreads: dict[str, Any], texts: "Texts") -> None:
    """Prints the standard deviations and the curves."""
    from mixscope.claims import planning

    known = {"known": otherwise.low == otherwise.high, "low": otherwise.low, "high": otherwise.high}
    print(texts("power-spread", **known, source=otherwise.source, own=len(spreads)))
    print(texts("power-counted") + "\n")
    for line in planning.lines(curves, texts.language):
        print(line)


def _plain(spread: Any) -> dict[str, Any]:
    """A standard deviation for JSON, its origin in English."""
    return dataclasses.asdict(spread) | {"source": i18n.render(spread.source)}


def power(arguments: argparse.Namespace) -> None:
    """Prints power against seeds for the claims of any results, or for all gains if there are no claims."""
    from mixscope.claims import planning

    _check("--effect", arguments.effect)
    found = table_options.load(arguments, arguments.results)
    spreads, otherwise = planning.observed(found)
    if found.claims:
        curves = planning.of_claims(
            found.claims,
            found.factors,
            found.weights,
            spreads,
            otherwise,
            looks_at=found.looks,
            effect=arguments.effect,
        )
    else:
        effect = 1.0 if arguments.effect is None else arguments.effect
        curves = [
            planning.curve(
                planning.Target(
                    name=_name(contrast),
                    strata=[(contrast.stratum, weights)],
                    expect="above",
                    margin=effect,
                    effect=effect,
                ),
                spreads,
                otherwise,
            )
            for contrast, weights in found.contrasts("gain", "difference of gains")
        ]
    if arguments.figure is not None:
        _draw(arguments.figure, curves, found.title or found.name)
    if arguments.json:
        return print_json(
            {
                "results": found.name,
                "spreads": {name: _plain(spread) for name, spread in spreads.items()},
                "power": [dataclasses.asdict(one) for one in curves],
            }
        )
    texts = spoken(arguments.lang)
    _print(curves, otherwise, spreads, texts)
    if not curves:
        print(texts("power-nothing" if found.claims else "power-no-baseline"))


def _name(contrast: Any) -> str:
    parts = (contrast.kind, contrast.augmentation, contrast.model)
    over = f"over {contrast.over}" if contrast.over else None
    every = (*parts, over, *contrast.stratum.values())
    return " ".join(dict.fromkeys(part for part in every if part))


def _given(pairs: Sequence[str], experiments: Sequence[str]) -> dict[str | None, float]:
    """Standard deviations by experiment, and under None that of all others. Raises ConfigError."""
    found: dict[str | None, float] = {}
    for pair in pairs:
        name, _, value = pair.rpartition("=")
        if name and name not in experiments:
            raise ConfigError("unknown-name", unknown("experiment", name, experiments), key="--sd")
        try:
            found[name or None] = float(value)
        except ValueError:
            raise ConfigError(
                "wrong-type", f"expected PP or EXPERIMENT=PP, for instance 0.4, got {pair!r}", key="--sd"
            ) from None
        _check("--sd", found[name or None])
    return found


def _check(option: str, value: float | None) -> None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise ConfigError("out-of-range", f"expected percentage points above 0, got {value:g}", key=option)


def _hours(found: Sequence[Any], costs: Sequence[Any], seeds: Sequence[int]) -> dict[int, float | None]:
    """Computing time in hours for each number of seeds; None where the cost of an experiment is unknown."""
    each: dict[str, list[float]] = {}
    for stands, cost in zip(found, costs, strict=True):
        each.setdefault(stands.run.name, [])
        if cost.seconds is not None:
            each[stands.run.name].append(cost.seconds)
    if not all(each.values()):
        return dict.fromkeys(seeds)
    one = sum(statistics.fmean(values) for values in each.values()) / 3600
    return {n: n * one for n in seeds}


def _draw(file: Path, curves: Sequence[Any], title: str) -> None:
    from mixscope.report import power_figure

    if curves:
        power_figure.chart(curves, title=title).save(file)
