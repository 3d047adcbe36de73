"""Ranges of top-1 accuracy in the literature, as plain data.

A value outside its range is not an error but a reason to check. The ranges are for models trained from
scratch with published recipes (CutMix, Yun et al., arXiv 1905.04899; OpenMixup's benchmark; CCT, Hassani et
al., 2104.05704; Lee et al., 2112.13492; Wightman et al., 2110.00476), rounded outward to whole points.
"""

from dataclasses import dataclass

from mixscope.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """A range of top-1 in percent, both ends included.

    Attributes:
        data: "cifar100" or "tiny-imagenet".
        family: "resnet50" or "vit".
        mixing: "none", "mixup", "cutmix", or None for any.
        stem: "small" or "imagenet" as in a model's settings, None for any.
        recipe: Training recipe: a message `band-<recipe>` of mixscope/i18n.
        low: Lower end; None if the literature gives only an upper end.
        high: Upper end.
    """

    data: str
    family: str
    mixing: str | None
    stem: str | None
    recipe: str
    low: float | None
    high: float

    def holds(self, top1: float) -> bool:
        """Whether a top-1 in percent is inside."""
        return (self.low is None or self.low <= top1) and top1 <= self.high

    def finding(self) -> Finding:
        """The description for readers."""
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
    """The ranges that may apply; None for an unknown property, which excludes nothing."""
    return tuple(
        band
        for band in BANDS
        if (band.data, band.family) == (data, family)
        and (mixing is None or band.mixing in (None, mixing))
        and (stem is None or band.stem in (None, stem))
    )
