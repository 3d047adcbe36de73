"""Ranges of top-1 accuracy in the literature, as plain data.

A value outside its range is not an error but a reason to check. The ranges are for models trained from
scratch with published recipes (CutMix, Yun et al., arXiv 1905.04899; OpenMixup's benchmark; CCT, Hassani et
al., 2104.05704; Lee et al., 2112.13492; Wightman et al., 2110.00476), rounded outward to whole points.
"""

from dataclasses import dataclass

from mixscope.findings import Finding


@dataclass(frozen=True, slots=True)
class Band:
    """A range of top-1 in percent, both ends included.

    Attributes:
        data: "cifar100" or "tiny-imagenet".
        family: "resnet50" or "vit".
        recipe: Training recipe: a message `band-<recipe>` of mixscope/i18n.
        low: Lower end; None if the literature gives only an upper end.
        high: Upper end.
        mixing: "none", "mixup", "cutmix", or None for any.
        stem: "small" or "imagenet" as in a model's settings, None for any.
    """

    data: str
    family: str
    recipe: str
    low: float | None
    high: float
    mixing: str | None = None
    stem: str | None = None

    def holds(self, top1: float) -> bool:
        """Whether a top-1 in percent is inside."""
        return (self.low is None or self.low <= top1) and top1 <= self.high

    def finding(self) -> Finding:
        """The description for readers."""
        recipe = Finding(f"band-{self.recipe}")
        return Finding("band", params={"low": self.low, "high": self.high, "recipe": recipe})


BANDS = (
    Band("cifar100", "resnet50", "small-stem", 76, 80, mixing="none", stem="small"),
    Band("cifar100", "resnet50", "small-stem", 78, 82, mixing="mixup", stem="small"),
    Band("cifar100", "resnet50", "small-stem", 79, 82, mixing="cutmix", stem="small"),
    Band("cifar100", "resnet50", "imagenet-stem", None, 60, stem="imagenet"),
    Band("cifar100", "vit", "full-recipe", 70, 77),
    Band("cifar100", "vit", "weak-recipe", 40, 52),
    Band("tiny-imagenet", "resnet50", "published", 60, 68),
    Band("tiny-imagenet", "vit", "published", 50, 61),
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
