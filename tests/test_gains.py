"""Contrasts of a design, against weights that are written out."""

from mixscope.study import gains, matrix, roles
from mixscope.study.roles import Roles

FACTORS = {"data": ("a", "b"), "model": ("resnet", "vit"), "augmentation": ("default", "mixup", "cutmix")}
ROLES = Roles(factors=FACTORS, augmentation="augmentation", baseline="default", model="model")


def spelled(contrast):
    experiments = gains.experiments(contrast.weights, contrast.stratum, FACTORS)
    return {"-".join(levels.values()): weight for levels, weight in experiments}


def test_a_gain_is_the_augmentation_minus_the_baseline_in_every_model_and_stratum():
    found = list(gains.of_design(ROLES, [gains.GAIN]))
    assert len(found) == 2 * 2 * 2
    assert spelled(found[0]) == {"a-resnet-mixup": 1.0, "a-resnet-default": -1.0}
    assert (found[0].model, found[0].augmentation, found[0].over) == ("resnet", "mixup", None)


def test_a_difference_of_gains_is_the_gain_of_a_model_minus_that_of_the_first():
    found = list(gains.of_design(ROLES, [gains.OF_GAINS]))
    assert len(found) == 2 * 2
    by_hand = {"a-vit-mixup": 1.0, "a-vit-default": -1.0, "a-resnet-mixup": -1.0, "a-resnet-default": 1.0}
    assert spelled(found[0]) == by_hand
    assert (found[0].model, found[0].over, dict(found[0].stratum)) == ("vit", "resnet", {"data": "a"})


def test_a_model_is_compared_with_the_first_under_each_augmentation():
    found = list(gains.of_design(ROLES, [gains.MODEL]))
    assert len(found) == 2 * 3
    assert spelled(found[1]) == {"a-vit-mixup": 1.0, "a-resnet-mixup": -1.0}
    assert found[1].augmentation == "mixup"


def test_a_design_without_a_baseline_has_no_gains_and_one_without_models_no_differences():
    alone = Roles(factors={"augmentation": ("x", "y")}, augmentation="augmentation", baseline="y")
    assert [c.kind for c in gains.of_design(alone)] == ["gain"]
    assert not list(gains.of_design(Roles(factors={"lr": ("1", "2")})))


def test_the_claims_of_the_study_are_contrasts_of_the_same_algebra():
    study = matrix.load("resnet-vs-vit")
    claim = next(c for c in study.claims if c.id == "H2")
    mine = [
        c
        for c in gains.of_design(roles.from_settings(study.factors), [gains.OF_GAINS])
        if c.augmentation == "mixup"
    ]
    strata = claim.strata(study.factors)
    assert [dict(c.stratum) for c in mine] == strata
    for contrast, stratum in zip(mine, strata, strict=True):
        theirs = {tuple(levels.items()): w for levels, w in claim.weights(stratum, study.factors)}
        ours = {
            tuple(levels.items()): w
            for levels, w in gains.experiments(contrast.weights, contrast.stratum, study.factors)
        }
        assert ours == theirs
