"""Validates data set, model and method names of a study before it starts, with their line in its file."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from mixscope import mixing
from mixscope.data import formats
from mixscope.data.store import is_prepared
from mixscope.errors import ConfigError, unknown
from mixscope.study import display_names
from mixscope.study.study import PlannedRun, Study


def check(study: Study, runs: Sequence[PlannedRun], *, root: Path) -> None:
    """Looks up every name once.

    Args:
        study: The study.
        runs: Its runs.
        root: Folder of prepared data sets.

    Raises:
        ConfigError: If a name is unknown; with file, line and key.
    """
    sources = _networks()
    firsts = {(r.config.augment.mix, r.config.data.name, r.config.model.arch): r for r in reversed(runs)}
    for (_, data, arch), run in reversed(firsts.items()):
        try:
            mixing.make(
                run.config.augment,
                seed=0,
                epochs=run.config.train.epochs,
                size=16,
                batch_size=1,
                examples=1,
                patch=4,  # which the network has is known when it is built
            )
        except ConfigError as problem:
            raise study.blamed(problem, run.levels, "augment.mix") from problem
        if data not in formats.SETS and not is_prepared(root, data):
            known = {*formats.SETS, *(p.parent.name for p in root.glob("*/manifest.json"))}
            unknown_data = ConfigError("unknown-name", unknown("data set", data, known))
            raise study.blamed(unknown_data, run.levels, "data.name")
        name = arch.partition(".")[0]
        if sources and not re.search(rf"\b{re.escape(name)}\b", sources):
            networks = re.findall(r"@register_model\s+def (\w+)\(", sources)
            unknown_arch = ConfigError("unknown-name", display_names.unknown_network(name, networks))
            raise study.blamed(unknown_arch, run.levels, "model.arch")


def _networks() -> str:
    """The source text of timm's networks: importing it takes seconds, reading it does not."""
    found = importlib.util.find_spec("timm")
    places = found.submodule_search_locations if found is not None else None
    return "\n".join(
        file.read_text(encoding="utf-8")
        for place in places or ()
        for file in sorted((Path(place) / "models").glob("*.py"))
    )
