"""The file of a study: where it is found, what it may contain, and how it is checked, with lines in errors.

name: my-study
title: What is compared, in one line
base: {train.epochs: 50, ...}              settings of every run
factors:                                   each level is a set of settings
  model: {resnet50: {model.arch: resnet50}, vit: {model.arch: vit_small_patch16_224}}
rules:                                     settings that depend on several levels
  - {when: {model: vit, data: tiny}, set: {model.patch_size: 8}}
seeds: [0, 1, 2]
names: {Control-1: {model: resnet50, ...}, ...}   one per combination; default: joined levels
claims: {H1: ...}                          see claim.py; or a shared set of claims, see claim_sets.py
looks: [3, 5, 8, 12]                       numbers of seeds at which claims are judged, if more than once
extends: resnet-vs-vit                     a built-in study to extend: this file overrides it key by key;
                                           lists are replaced as a whole
"""

import dataclasses
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from mixscope.errors import ConfigError, unknown
from mixscope.study import claim, claim_sets, document, path_names
from mixscope.study.document import Document
from mixscope.study.study import Study

KEYS = ("extends", "name", "title", "base", "factors", "rules", "seeds", "names", "claims", "looks")
KEPT = "study.yaml"  # copy of the study file in the folder of its runs
MOST_RUNS = 10_000  # of a study: every status command reads all of them
MOST_SEED = 2**63 - 1


def builtin() -> list[str]:
    """Names of the built-in studies."""
    folder = resources.files("mixscope.study") / "builtin"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load(study: str) -> Study:
    """Loads a study: a YAML file, a folder of its runs, or a built-in study by name.

    Raises:
        ConfigError: If it is invalid; with file, line and key.
    """
    folder = folder_of(study)
    return parse(source(study), file=study if folder is None else str(folder / KEPT))


def source(study: str) -> str:
    """The text of a study file, of the study of a folder, or of a built-in one.

    Raises:
        ConfigError: If it cannot be read or does not exist.
    """
    if study.endswith((".yaml", ".yml")):
        return document.read_text(Path(study))
    folder = folder_of(study)
    if folder is not None:
        return document.read_text(folder / KEPT)
    if study not in builtin():
        if Path(study).is_dir():
            raise ConfigError(
                "missing-file",
                f"{study} is a folder without {KEPT}, so it is not known which study its runs belong"
                " to; give the study, and the folder as --out",
                key="STUDY",
            )
        raise ConfigError(
            "unknown-name", unknown("built-in study (or .yaml file or folder)", study, builtin()), key="STUDY"
        )
    return (resources.files("mixscope.study") / "builtin" / f"{study}.yaml").read_text(encoding="utf-8")


def shadows(study: str) -> bool:
    """Whether `study` is a built-in study although a file or folder of that name exists, too."""
    return study in builtin() and Path(study).exists()


def folder_of(study: str) -> Path | None:
    """The folder of a study's runs, if `study` is one; a built-in name is always the built-in study."""
    named = study not in builtin() and (Path(study) / KEPT).is_file()
    return Path(study) if named else None


def around(run: Path) -> dict[str, Any] | None:
    """The record of the study to whose folder a run belongs; None for a run outside of a study.

    Returns:
        name: of the study. claims: digest of its claims. rules: version of the verdict rules. seeds: planned
        seeds in order. factors: their levels. looks: numbers of seeds at which claims are judged. Earlier
        versions recorded the number of seeds, and no factors.
    """
    try:
        study = parse(document.read_text(run.parent / KEPT), file=str(run.parent / KEPT))
    except ConfigError:  # missing, or a file of that name that is not a study
        return None
    if all(planned.directory != run.name for planned in study.expand()):
        return None
    return {
        "name": study.name,
        "claims": study.claims_digest,
        "rules": claim.RULES,
        "seeds": list(study.seeds),
        "looks": list(study.looks),
        "factors": {factor: list(levels) for factor, levels in study.factors.items()},
    }


def copied(study: str, name: str) -> str:
    """The text of a study under another name, as a template for a new study.

    Raises:
        ConfigError: If the study or the name is invalid.
    """
    text = re.sub(r"(?m)^name:.*$", lambda _: f"name: {name}", source(study), count=1)
    parse(text, file=f"{name}.yaml")
    return text


def parse(text: str, *, file: str) -> Study:
    """Parses a study from YAML text and checks every combination.

    Raises:
        ConfigError: If it is invalid; with file, line and key.
    """
    found = _document(text, file)
    tree = found.tree
    for key in ("name", "factors", "seeds"):
        if tree.get(key) in (None, "", [], {}):
            raise found.error("missing-key", f"{key} is missing; a study needs name, factors and seeds", key)
    name = found.words.get(("name",), str(tree["name"]))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise found.error(
            "wrong-type",
            f"becomes a folder: letters, digits, dot, hyphen and underscore only, got {tree['name']!r}",
            "name",
        )
    if (why := path_names.unfit(name)) is not None:
        raise found.error("wrong-type", f"becomes a folder, but {why}; choose a shorter name", "name")
    factors = _factors(found)
    _check_size(found, factors)
    full = claim_sets.resolved(found, list(factors))
    study = Study(
        name=name,
        title=str(tree.get("title", name)),
        base=_mapping(tree.get("base") or {}, found, "base"),
        factors=factors,
        rules=_rules(found, factors),
        seeds=_seeds(found),
        names={
            str(n): _combination(c, factors, found, "names", n)
            for n, c in _mapping(tree.get("names") or {}, found, "names").items()
        },
        claims=claim.read(full, factors),
        looks=_looks(found),
        text=text,
        file=found,
    )
    _check_names(study, found)
    _check_paths(study, found)
    study.check()
    complete = "extends" not in tree and full is found
    return study if complete else dataclasses.replace(study, text=written(study))


def _document(text: str, file: str) -> Document:
    """A study file merged with the built-in study that it extends."""
    found = document.parse(text, file=file)
    for key in found.tree:
        if key not in KEYS:
            raise found.error("unknown-name", unknown("key of a study", key, KEYS), key)
    if "extends" not in found.tree:
        return found
    parent = str(found.tree["extends"])
    if parent not in builtin():
        raise found.error("unknown-name", unknown("built-in study", parent, builtin()), "extends")
    return document.over(_document(source(parent), parent), found)


def written(study: Study) -> str:
    """The text of a file that defines the study in full; parsing it gives the same study."""
    tree = {
        "name": study.name,
        "title": study.title,
        "base": study.base,
        "factors": study.factors,
        "rules": study.rules,
        "seeds": study.seeds,
        "names": study.names,
        "claims": {
            c.id: {**c.text, **{k: v for k, v in c.to_dict().items() if k not in ("id", "text")}}
            for c in study.claims
        },
        "looks": study.looks,
    }
    plain = json.loads(json.dumps({key: value for key, value in tree.items() if value}))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def _seeds(file: Document) -> list[int]:
    seeds = file.tree["seeds"]
    whole = isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
    if not whole or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) > MOST_SEED:
        raise file.error(
            "wrong-type",
            f"expected a list of different whole numbers from 0 to {MOST_SEED}, got {_short(seeds)}",
            "seeds",
        )
    return list(seeds)


def _looks(file: Document) -> tuple[int, ...]:
    looks = claim.read_looks(file)
    seeds = len(file.tree["seeds"])
    if looks and seeds < looks[0]:
        raise file.error(
            "conflict",
            f"the first look is at {looks[0]} seeds and the study has {seeds}; list"
            " more under seeds, or `looks: null` to judge once, at all of them",
            "looks",
        )
    return looks


def _factors(file: Document) -> dict[str, dict[str, dict[str, Any]]]:
    factors: dict[str, dict[str, dict[str, Any]]] = {}
    for factor, levels in _mapping(file.tree["factors"], file, "factors").items():
        if factor in ("name", "seed"):
            raise file.error("conflict", "every study has that already; name it otherwise", "factors", factor)
        _printable(factor, file, "factors", factor)
        factors[factor] = {
            level: dict(_mapping(values or {}, file, "factors", factor, level))
            for level, values in _mapping(levels, file, "factors", factor).items()
        }
        if not factors[factor]:
            raise file.error("missing-key", "has no level", "factors", factor)
        for level in factors[factor]:
            _printable(level, file, "factors", factor, level)
    return factors


def _check_size(file: Document, factors: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises ConfigError for too many runs, before any is built."""
    seeds = file.tree["seeds"]
    count = math.prod(map(len, factors.values())) * (len(seeds) if isinstance(seeds, list) else 1)
    if count > MOST_RUNS:
        sizes = " x ".join(f"{len(levels)} {factor}" for factor, levels in factors.items())
        raise file.error(
            "out-of-range",
            f"{sizes} x {len(seeds)} seeds are more than the {MOST_RUNS:,} runs that a"
            " study can have; list fewer seeds or levels, or divide it into several studies",
            "seeds",
        )


def _rules(file: Document, factors: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    rules = file.tree.get("rules") or []
    if not isinstance(rules, list):
        raise file.error("wrong-type", f"expected a list of {{when: ..., set: ...}}, got {rules!r}", "rules")
    return [_rule(rule, factors, file, i) for i, rule in enumerate(rules)]


def _rule(rule: object, factors: Mapping[str, Mapping[str, Any]], file: Document, i: int) -> dict[str, Any]:
    found = _mapping(rule, file, "rules", i)
    if set(found) != {"when", "set"}:
        raise file.error("wrong-type", f"expected when and set, got {', '.join(map(str, found))}", "rules", i)
    when = {
        f: _level(f, level, factors, file, "rules", i, "when", f)
        for f, level in _mapping(found["when"], file, "rules", i, "when").items()
    }
    return {"when": when, "set": _mapping(found["set"], file, "rules", i, "set")}


def _combination(
    given: object, factors: Mapping[str, Mapping[str, Any]], file: Document, *at: str | int
) -> dict[str, str]:
    levels = {f: _level(f, level, factors, file, *at, f) for f, level in _mapping(given, file, *at).items()}
    missing = [f for f in factors if f not in levels]
    if missing:
        if not file.own(*at):
            raise _not_named(file, "factor", levels, missing[0])
        raise file.error(
            "missing-key", f"says nothing of {', '.join(missing)}; a name belongs to one combination", *at
        )
    return {f: levels[f] for f in factors}


def _not_named(file: Document, kind: str, known: Iterable[str], *at: str) -> ConfigError:
    """The error for a factor or level that the names of the extended study do not cover."""
    return file.error(
        "unknown-name",
        f"{unknown(f'{kind} with names', at[-1], known)}; give every combination a name, or"
        " `names: null` to have names made of levels",
        "factors",
        *at,
    )


def _level(
    factor: str, level: object, factors: Mapping[str, Mapping[str, Any]], file: Document, *at: str | int
) -> str:
    if factor not in factors:
        raise file.error("unknown-name", unknown("factor", factor, factors), *at)
    # A level may be named yes, no or 4: its literal text is used, not the YAML value.
    name = file.words.get(at, str(level))
    if name not in factors[factor]:
        raise file.error("unknown-name", unknown("level", name, factors[factor]), *at)
    return name


def _check_names(study: Study, file: Document) -> None:
    """Checks that either all combinations have a name of their own, or none has. Raises ConfigError."""
    if not study.names:
        return
    named = [tuple(levels.values()) for levels in study.names.values()]
    twice = next((n for n, c in zip(study.names, named, strict=True) if named.count(c) > 1), None)
    if twice is not None:
        raise file.error("duplicate", "another name has the same combination", "names", twice)
    missing = [c for c in itertools.product(*study.factors.values()) if c not in named]
    if missing:
        for i, (factor, level) in enumerate(zip(study.factors, missing[0], strict=True)):
            known = sorted({levels[i] for levels in named})
            if level not in known and not file.own("names"):
                raise _not_named(file, "level", known, factor, level)
        raise file.error("missing-key", f"the combination {', '.join(missing[0])} has no name", "names")


def _printable(name: str, file: Document, *at: str) -> None:
    """Raises ConfigError for a name with control characters, which messages and tables would print."""
    if (why := path_names.unprintable(name)) is not None:
        raise file.error("wrong-type", f"the name {why}; choose another name", *at)


def _check_paths(study: Study, file: Document) -> None:
    """Checks that names of experiments are unique and valid as folder names. Raises ConfigError."""
    first: dict[str, Mapping[str, str]] = {}
    for name, levels in study.experiments():
        if name in first:
            # The combinations differ in the shown levels.
            pair = [
                ", ".join(f"{f}={c[f]}" for f in c if first[name][f] != levels[f])
                for c in (first[name], levels)
            ]
            factor = next(f for f in levels if first[name][f] != levels[f])
            raise file.error(
                "duplicate",
                f"{pair[0]} and {pair[1]} are both called"
                f' "{name}" where levels are joined by hyphens, so that their results would be mixed; rename'
                " a level, or give every combination a name under names",
                "factors",
                factor,
                levels[factor],
            )
        first[name] = levels
        why = path_names.unfit(name)
        if why is None:
            continue
        if name in study.names:
            raise file.error(
                "wrong-type",
                f"an experiment's name becomes a folder, but this one {why}; choose another name",
                "names",
                name,
            )
        factor, level = next(
            ((f, each) for f, each in levels.items() if path_names.unfit(each) is not None),
            next(iter(levels.items())),
        )
        raise file.error(
            "wrong-type",
            f"levels joined by hyphens become a folder, but"
            f' "{name[:40]}{"..." if len(name) > 40 else ""}" {why}; rename the level, or give every'
            " combination a name under names",
            "factors",
            factor,
            level,
        )


def _short(value: object) -> str:
    """A value as text, truncated."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _mapping(value: object, file: Document, *at: str | int) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise file.error("wrong-type", f"expected `key: value`, got {value!r}", *at)
    return value
