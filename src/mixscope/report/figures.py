"""The charts of a report by name, for notebooks and papers."""

from collections.abc import Iterator, Mapping, Sequence

from mixscope.report.shapes import Figure

# Short names of kinds, for the first chart of each kind.
KINDS = {"forest": "contrast", "accuracy": "results", "calibration": "reliability", "budget": "budget-gain"}


class Figures(Mapping[str, Figure]):
    """Charts by id, for instance "contrast-h1"; "forest" and other kinds return the first chart of the kind.

    Attributes:
        KINDS: Short names of kinds.
    """

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._figures = {figure.id: figure for figure in figures}

    def __getitem__(self, name: str) -> Figure:
        found = self._figures.get(name)
        found = self._first(name) if found is None else found
        if found is None:
            raise KeyError(f"no figure {name!r}; there are: {', '.join(self)}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        """Short names of the existing kinds, then all ids."""
        return [*(kind for kind in KINDS if self._first(kind) is not None), *self._figures]

    def _first(self, name: str) -> Figure | None:
        start = f"{KINDS.get(name, name)}-"
        return next((f for key, f in self._figures.items() if key.startswith(start)), None)

    def __repr__(self) -> str:
        """The names of the charts."""
        return f"<Figures: {', '.join(self)}>"
