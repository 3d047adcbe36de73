"""What the literature reaches: bands of top-1, as plain data.

A figure outside its band is no error; it is a reason to look. The bands are those of models trained from
scratch, of published recipes (CutMix, Yun et al., arXiv 1905.04899; OpenMixup's benchmark; CCT, Hassani et
al., 2104.05704; Lee et al., 2112.13492; Wightman et al., 2110.00476), rounded outward to whole points.
"""

from dataclasses import dataclass

from mixscope.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Top-1 in percent, both ends included. low: None where the literature gives only what can be reached.

    data: "cifar100" or "tiny-imagenet". family: "resnet50" or "vit". mixing: "none", "mixup", "cutmix", or
    None for whichever. stem: "small" or "imagenet" as in a model's settings, None where it does not matter.
    recipe: what the models had in common: a message `band-<recipe>` of mixscope/i18n.
    """

    data: str
    family: str
    mixing: str | None
    stem: str | None
    recipe: str
    low: float | None
    high: float

    def holds(self, top1: float) -> bool:
        """Whether a top-1 in percent lies inside."""
        return (self.low is None or self.low <= top1) and top1 <= self.high

    def finding(self) -> Finding:
        """What a reader is told of it."""
        recipe = Finding(f"band-{self.recipe}")
        return Finding("band", params={"low": self.low, "high": self.high, "recipe": recipe})


_SMALL = "small-stem"
BANDS = (
    Band(data="cifar100", family="resnet50", mixing="none", stem="small", recipe=_SMALL, low=76, high=80),
    Band(data="cifar100", family="resnet50", mixing="mixup", stem="small", recipe=_SMALL, low=78, high=82),
    Band(data="cifar100", family="resnet50", mixing="cutmix", stem="small", recipe=_SMALL, low=79, high=82),
    Band(
        data="cifar100",
        family="resnet50",
        mixing=None,
        stem="imagenet",
        recipe="imagenet-stem",
        low=None,
        high=60,
    ),
    Band(
        data="cifar100",
        family="vit",
        mixing=None,
        stem=None,
        recipe="full-recipe",
        low=70,
        high=77,
    ),
    Band(data="cifar100", family="vit", mixing=None, stem=None, recipe="weak-recipe", low=40, high=52),
    Band(
        data="tiny-imagenet",
        family="resnet50",
        mixing=None,
        stem=None,
        recipe="published",
        low=60,
        high=68,
    ),
    Band(
        data="tiny-imagenet",
        family="vit",
        mixing=None,
        stem=None,
        recipe="published",
        low=50,
        high=61,
    ),
)


def of(*, data: str, family: str, mixing: str | None = None, stem: str | None = None) -> tuple[Band, ...]:
    """The bands that may apply; None for what is not known, which then excludes nothing."""
    return tuple(
        band
        for band in BANDS
        if (band.data, band.family) == (data, family)
        and (mixing is None or band.mixing in (None, mixing))
        and (stem is None or band.stem in (None, stem))
    )
