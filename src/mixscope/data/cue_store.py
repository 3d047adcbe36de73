"""The parameters of a prepared `cues` data set, as kept in its manifest."""

import dataclasses

from mixscope.data.cues import Parameters, parsed
from mixscope.data.store import Store
from mixscope.errors import ConfigError


def of(store: Store) -> Parameters | None:
    """Returns the parameters of a prepared set of cues; None for any other data set."""
    kept = store.manifest["source"].get("cues")
    return None if kept is None else parsed(kept, file=store.folder / "manifest.json")


def compare(store: Store, wanted: Parameters) -> None:
    """Checks that a prepared set was made with the wanted parameters.

    Raises:
        ConfigError: If it was not; names the parameters that differ.
    """
    there = dataclasses.asdict(of(store) or Parameters()) if "cues" in store.manifest["source"] else {}
    changed = [
        f"{k}: {there.get(k)} -> {v}" for k, v in dataclasses.asdict(wanted).items() if there.get(k) != v
    ]
    if changed:
        raise ConfigError(
            "changed",
            f"is prepared with other parameters ({', '.join(changed)}); delete the folder, or give --as NAME",
            path=store.folder,
        )


def refuse_moves(store: Store, base: str, policy: str = "none") -> None:
    """Rejects augmentations that would change the cues L and G without changing the labels.

    Raises:
        ConfigError: If the set has cues and an augmentation changes them.
    """
    for name, value in (("base", base), ("policy", policy)):
        if value != "none" and "cues" in store.manifest["source"]:
            raise ConfigError(
                "conflict",
                f"augment.{name}={value} mirrors, moves or recolours images, which changes the cues of"
                f" {store.name} but not its labels; use augment.{name}=none",
                key=f"augment.{name}",
            )
