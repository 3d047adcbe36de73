"""Display names of levels: ResNet50 for `resnet50`, ViT-Small/16 for timm's vit_small_patch16_224.

A level named like a data set, an architecture or a method is shown by what it sets, so that a level
`resnet50` that sets another network is never shown as ResNet50. Other levels keep their names.
Machine-readable files contain the levels themselves.
"""

import re
from collections.abc import Iterable, Mapping

from mixscope import i18n
from mixscope.errors import unknown
from mixscope.study.config import Model, RunConfig
from mixscope.study.roles import Roles

CHECK, CROSS = "✓", "✗"
_ARCHITECTURE = re.compile(r"(resnet|vit|deit)[\w./-]*")
_VIT = re.compile(r"(vit|deit)_([a-z]+)_patch(\d+)(?:_\d+)?")
_FAMILIES = {"vit": "ViT", "deit": "DeiT"}
_PLAIN = {"none": "default"}  # augment.mix -> name of its level

Names = Mapping[tuple[str, str], str]  # {(factor, level): name}


def named(level: str, lang: str = "en") -> str:
    """The catalogue's name of a level, else the level itself.

    >>> named("mixup"), named("my-net")
    ('MixUp', 'my-net')
    """
    key = f"level.{level}"
    return i18n.message(key, lang) if i18n.has(key, lang) else level


def architecture(model: Model) -> str:
    """The name of a network in papers; timm's name for modified networks and those without such a name.

    >>> architecture(Model(arch="resnet50")), architecture(Model(arch="resnet10t"))
    ('ResNet50', 'resnet10t')
    >>> architecture(Model(arch="vit_small_patch16_224", patch_size=4))
    'ViT-Small/4'
    """
    name = model.arch.partition(".")[0]
    if model.kwargs:
        return f"{model.arch} ({', '.join(model.kwargs)})"
    if found := re.fullmatch(r"resnet(\d+)", name):
        return f"ResNet{found[1]}"
    if found := _VIT.fullmatch(name):
        return f"{_FAMILIES[found[1]]}-{found[2].capitalize()}/{model.patch_size or found[3]}"
    return model.arch


def timm_name(paper: str) -> str | None:
    """timm's name of a network by its name in papers; None if it is unknown.

    >>> timm_name("ViT-S/16"), timm_name("ResNet-50"), timm_name("my net")
    ('vit_small_patch16_224', 'resnet50', None)
    """
    name = paper.lower().replace("_", "-").replace(" ", "-")
    if found := re.fullmatch(r"resnet-?(\d+)", name):
        return f"resnet{found[1]}"
    if found := re.fullmatch(r"(vit|deit)-?([a-z]+)(?:[/-](?:patch)?(\d+))?", name):
        size = {"t": "tiny", "ti": "tiny", "s": "small", "b": "base", "l": "large"}.get(found[2], found[2])
        return f"{found[1]}_{size}_patch{found[3] or 16}_224"
    return None


def unknown_network(name: str, known: Iterable[str]) -> str:
    """The sentence for a name unknown to timm, with the nearest known names."""
    names = set(known)
    meant = timm_name(name)
    if meant in names:
        return f'no timm model "{name}" is known (nearest: {meant})'
    return unknown("timm model", name, names)


def of_experiment(
    roles: Roles, levels: Mapping[str, str], config: RunConfig | None, lang: str = "en"
) -> dict[str, str]:
    """Display names of the levels of one experiment, by factor.

    Args:
        roles: Roles of the factors.
        levels: Levels of the experiment.
        config: Its settings; without them names come from the catalogue only.
        lang: Language of the names.
    """
    found = {factor: named(level, lang) for factor, level in levels.items()}
    if config is None:
        return found
    for factor, level in levels.items():
        if factor == roles.model:
            found[factor] = _model(level, config.model, lang)
        elif factor == roles.augmentation:
            found[factor] = _by_setting(level, _PLAIN.get(config.augment.mix, config.augment.mix), lang)
        elif factor in ("data", "dataset"):
            found[factor] = _by_setting(level, config.data.name, lang)
    return found


def of_levels(
    roles: Roles, experiments: Iterable[tuple[Mapping[str, str], RunConfig | None]], lang: str = "en"
) -> Names:
    """One display name for each level of the experiments.

    If names differ between experiments (such as patch sizes of a level `vit`), the part before the slash is
    used, or else the catalogue's name.
    """
    seen: dict[tuple[str, str], list[str]] = {}
    for levels, config in experiments:
        for factor, name in of_experiment(roles, levels, config, lang).items():
            seen.setdefault((factor, levels[factor]), []).append(name)
    names = {}
    for (factor, level), mine in seen.items():
        for short in (mine, [name.partition("/")[0] for name in mine]):
            if len(set(short)) == 1:
                names[factor, level] = short[0]
                break
        else:
            names[factor, level] = level if _claims(level) else named(level, lang)
    return names


def mark(roles: Roles, level: str, config: RunConfig | None) -> str | None:
    """A check mark for a level of the pretraining factor, a cross for training from scratch.

    None where marks would be ambiguous: more than two levels, or no level known to be from scratch.
    """
    levels = roles.levels(roles.pretraining)
    if roles.scratch is None or len(levels) > 2:
        return None
    scratch = level == roles.scratch if config is None else config.model.pretrained is False
    return CROSS if scratch else CHECK


def _model(level: str, model: Model, lang: str) -> str:
    if not _claims(level):
        return named(level, lang)
    name = architecture(model)
    family = level in ("resnet", "vit") and model.arch.startswith(level)
    return named(level, lang) if family and name.startswith(model.arch) else name


def _claims(level: str) -> bool:
    """Whether a level is named like an architecture."""
    return _ARCHITECTURE.fullmatch(level.lower()) is not None


def _by_setting(level: str, value: str, lang: str) -> str:
    """The name of the value that a level sets, if the catalogue has the level's name for another value."""
    known = i18n.has(f"level.{level}", lang) and i18n.has(f"level.{value}", lang)
    return named(value if known else level, lang)
