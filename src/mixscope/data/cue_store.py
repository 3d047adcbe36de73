"""The dials that a prepared set of cues was made with, as its manifest keeps them."""

import dataclasses

from mixscope.data.cues import Dials, dials
from mixscope.data.store import Store
from mixscope.errors import ConfigError


def of(store: Store) -> Dials | None:
    """The dials that a prepared set was made with; None when it is another set."""
    kept = store.manifest["source"].get("cues")
    return None if kept is None else dials(kept, where=str(store.folder / "manifest.json"))


def compare(store: Store, wanted: Dials) -> None:
    """Raises ConfigError, which names the dials, when a prepared set was made with others."""
    there = dataclasses.asdict(of(store) or Dials()) if "cues" in store.manifest["source"] else {}
    changed = [
        f"{k}: {there.get(k)} -> {v}" for k, v in dataclasses.asdict(wanted).items() if there.get(k) != v
    ]
    if changed:
        raise ConfigError(
            f"{store.folder}: is prepared with other dials ({', '.join(changed)}); delete the folder, or give"
            " --as NAME"
        )


def refuse_moves(store: Store, base: str, policy: str = "none") -> None:
    """Raises ConfigError for an augmentation that would change L and G behind the label's back."""
    for name, value in (("base", base), ("policy", policy)):
        if value != "none" and "cues" in store.manifest["source"]:
            raise ConfigError(
                f"augment.{name}={value} mirrors, moves or recolours images, which changes the cues of"
                f" {store.name} but not its labels; use augment.{name}=none"
            )
