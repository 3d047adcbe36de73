"""Mixing: what is drawn, what it means for pixels and labels, and that it means what the papers say."""

import functools
import subprocess
import sys
import threading

import numpy as np
import pytest
import timm.data.mixup
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.nn.functional import cross_entropy
from torchvision.transforms import v2

from mixscope import mixing
from mixscope.errors import ConfigError
from mixscope.mixing import cutmix, mixup
from mixscope.mixing.loss import mixed_cross_entropy, weighted_hits
from mixscope.mixing.plan import Plan, own_share
from mixscope.study.config import Augment

SIZE = 32


def mixer(mix: str, **changes: object) -> mixing.Mixer:
    settings = {"seed": 0, "epochs": 4, "size": SIZE, "batch_size": 64, "examples": 1000}
    settings |= {k: changes.pop(k) for k in list(changes) if k in settings}
    made = mixing.make(Augment(mix=mix, **changes), **settings)
    assert made is not None
    return made


@functools.lru_cache(maxsize=8)
def drawn(made: mixing.Mixer, epoch: int) -> mixing.Plans | None:
    return made.draw(epoch)


def planned(made: mixing.Mixer, epoch: int, batch: int, n: int) -> Plan | None:
    plans = drawn(made, epoch)
    return None if plans is None else plans.of(batch, n)


def apply(images: np.ndarray, plan: Plan) -> np.ndarray:
    """The definition of a plan, pixel by pixel, as a reference: images (n, c, h, w)."""
    mixed = images.astype(np.float64).copy()
    for i in range(len(images)):
        y0, y1, x0, x1 = plan.box[i]
        other = images[plan.partner[i]].astype(np.float64)
        for y in range(y0, y1):
            for x in range(x0, x1):
                b = float(plan.blend[i])
                mixed[i, :, y, x] = b * images[i, :, y, x] + (1 - b) * other[:, y, x]
    return mixed


def soft_targets(labels: np.ndarray, plan: Plan, classes: int, smoothing: float) -> np.ndarray:
    """The definition of a mixed target as a reference, float64 (n, classes)."""
    one_hot = np.eye(classes)[labels]
    lam = plan.lam.astype(np.float64)[:, None]
    mixed = lam * one_hot + (1 - lam) * one_hot[plan.partner]
    return (1 - smoothing) * mixed + smoothing / classes


@given(
    lam=st.floats(0, 1), cy=st.floats(0, 1, exclude_max=True), cx=st.floats(0, 1, exclude_max=True),
    size=st.sampled_from([8, 32, 64]),
)  # fmt: skip
def test_the_cutmix_label_weight_is_the_fraction_of_pixels_kept(lam, cy, cx, size):
    box, blend = cutmix.boxes(np.array([lam]), np.array([[cy, cx]]), size)
    pair = np.stack([np.ones((1, size, size)), np.zeros((1, size, size))])
    whole = np.repeat(box, 2, axis=0)
    plan = Plan(np.array([1, 0]), whole, np.repeat(blend, 2), own_share(whole, np.repeat(blend, 2), size))
    assert plan.lam[0] == apply(pair, plan)[0].mean()


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "switch"])
@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("prob", [1.0, 0.5])
def test_an_image_holds_each_of_its_labels_by_the_weight_of_the_label(mix, per, prob):
    """Image i is painted in channel i alone, so that what a mixed image holds can be read from it."""
    made = mixer(mix, per=per, prob=prob, size=8, batch_size=6, examples=36)
    painted = np.eye(6)[:, :, None, None] * np.ones((6, 6, 8, 8))
    for batch in range(6):
        for n in (6, 3):
            plan = planned(made, 0, batch, n)
            if plan is not None:
                shares = apply(painted[:n, :n], plan).mean(axis=(2, 3))
                assert np.allclose(shares, soft_targets(np.arange(n), plan, n, 0.0), atol=1e-7)


@given(lam=st.floats(0, 1))
def test_the_mixup_label_weight_is_lambda(lam):
    box, blend = mixup.boxes(np.array([lam]), np.zeros((1, 2)), SIZE)
    assert own_share(box, blend, SIZE)[0] == pytest.approx(lam, abs=1e-7)


def test_unclipped_boxes_have_the_area_that_lambda_asks_for():
    lam = np.linspace(0.3, 1, 200)
    box, _ = cutmix.boxes(lam, np.full((200, 2), 0.5), 256)
    side = box[:, 1] - box[:, 0]
    assert np.all(np.abs(side - 256 * np.sqrt(1 - lam)) < 2)


def test_rows_of_a_box_come_from_the_first_coordinate_of_the_centre():
    box, _ = cutmix.boxes(np.array([0.75]), np.array([[0.25, 0.75]]), 32)
    assert box.tolist() == [[0, 16, 16, 32]]


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "switch"])
@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_partners_are_a_permutation_of_any_batch(mix, per, n):
    plan = planned(mixer(mix, per=per), 1, 2, n)
    assert sorted(plan.partner.tolist()) == list(range(n))
    assert plan.box.shape == (n, 4) and plan.blend.shape == plan.lam.shape == (n,)


def test_any_two_images_can_meet():
    made = mixer("mixup", examples=64 * 400)
    met = np.zeros((8, 8))
    for batch in range(400):
        met[np.arange(8), planned(made, 0, batch, 8).partner] += 1
    assert stats.chisquare(met.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_lambda_follows_the_beta_law(alpha, per):
    made = mixer("mixup", per=per, mixup_alpha=alpha, batch_size=4, examples=8000)
    lam = np.concatenate([planned(made, 0, b, 4).lam[: 4 if per == "sample" else 1] for b in range(2000)])
    assert stats.kstest(lam, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_box_centres_are_uniform_and_unrelated_to_each_other_and_to_lambda(monkeypatch, per):
    seen, boxes = [], cutmix.boxes

    def spy(lam, centre, size):
        seen.append(np.column_stack([lam, centre]))
        return boxes(lam, centre, size)

    monkeypatch.setattr(cutmix, "boxes", spy)
    planned(mixer("cutmix", per=per, batch_size=2, examples=8000), 0, 0, 2)
    drawn = seen[-1]  # before that the method was tried once
    for column in range(3):
        assert stats.kstest(drawn[:, column], "uniform").pvalue > 1e-4
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert stats.spearmanr(drawn[:, one], drawn[:, two]).pvalue > 1e-4


def test_one_lambda_a_batch_or_one_a_sample():
    assert len(set(planned(mixer("cutmix", per="batch"), 0, 0, 64).lam.tolist())) == 1
    boxes = planned(mixer("cutmix", per="sample"), 0, 0, 64).box
    assert len({tuple(b) for b in boxes.tolist()}) > 32


def test_mixup_and_cutmix_share_lambda_and_partners():
    a, b = mixer("mixup", per="sample"), mixer("cutmix", per="sample")
    for batch in range(5):
        one, two = planned(a, 2, batch, 64), planned(b, 2, batch, 64)
        assert np.array_equal(one.partner, two.partner)
        inner = (two.box[:, 0] > 0) & (two.box[:, 1] < SIZE) & (two.box[:, 2] > 0) & (two.box[:, 3] < SIZE)
        # An unclipped box has lambda up to the rounding of its side to whole pixels.
        assert np.all(np.abs(one.lam - two.lam)[inner] < 2 * 2 * SIZE / SIZE**2)


def test_a_plan_does_not_depend_on_who_asks_when():
    calm, busy = mixer("switch", per="sample"), mixer("switch", per="sample")
    expected = {(e, b): planned(calm, e, b, 40) for e in range(3) for b in range(15)}
    wrong: list[tuple[int, int]] = []

    def ask(seed: int) -> None:
        keys = list(expected)
        np.random.default_rng(seed).shuffle(keys)
        for epoch, batch in keys:
            plan, right = busy.draw(epoch).of(batch, 40), expected[epoch, batch]
            if not all(
                np.array_equal(getattr(plan, f), getattr(right, f)) for f in ("partner", "box", "lam")
            ):
                wrong.append((epoch, batch))

    threads = [threading.Thread(target=ask, args=(s,)) for s in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_a_batch_under_switch_is_the_batch_of_the_method_it_takes(per):
    both, arms = mixer("switch", per=per), [mixer("cutmix", per=per), mixer("mixup", per=per)]
    taken = []
    for batch in range(15):
        plan = planned(both, 1, batch, 40)
        same = [
            all(np.array_equal(getattr(plan, f), getattr(arm, f)) for f in ("partner", "box", "blend", "lam"))
            for arm in (planned(a, 1, batch, 40) for a in arms)
        ]
        assert sum(same) == 1
        taken.append(same.index(True))
    assert set(taken) == {0, 1}


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_nobody_can_change_a_plan(per):
    plans = mixer("cutmix", per=per).draw(0)
    for n in (64, 10):
        plan = plans.of(1, n)
        for array in ("box", "blend", "lam") + (("partner",) if n == 64 else ()):
            with pytest.raises(ValueError, match="read-only"):
                getattr(plan, array)[:] = 0
    short = plans.of(1, 10)
    short.partner[:] = 0  # made for the caller
    assert sorted(plans.of(1, 10).partner) == list(range(10))


def test_the_first_images_of_a_batch_are_paired_among_themselves():
    """A shorter batch keeps the order of partners of the full one, without those that are missing."""
    made = mixer("mixup")
    full = planned(made, 0, 0, 64).partner
    assert planned(made, 0, 0, 10).partner.tolist() == [p for p in full if p < 10]


@pytest.mark.parametrize("asked", [(0, 16, 8), (0, 0, 65), (0, -1, 8), (0, 0, 0)])
def test_a_batch_that_is_not_in_the_epoch_is_refused_and_not_left_unmixed(asked):
    with pytest.raises(AssertionError):
        planned(mixer("mixup", batch_size=64, examples=1000), *asked)


@pytest.mark.parametrize("alpha", [1e-6, 1e6])
@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_extreme_alphas_give_plans_that_are_finite_and_inside(mix, alpha):
    made = mixer(mix, per="sample", mixup_alpha=alpha, cutmix_alpha=alpha)
    plan = planned(made, 0, 0, 64)
    assert np.all((plan.lam >= 0) & (plan.lam <= 1)) and np.all((plan.blend >= 0) & (plan.blend <= 1))
    assert np.all((plan.box >= 0) & (plan.box <= SIZE)) and np.all(plan.box[:, ::2] <= plan.box[:, 1::2])


def test_another_seed_or_epoch_mixes_differently():
    one = planned(mixer("cutmix"), 0, 0, 64)
    for other in (planned(mixer("cutmix", seed=1), 0, 0, 64), planned(mixer("cutmix"), 1, 0, 64)):
        assert not np.array_equal(one.partner, other.partner)


def test_a_share_of_batches_or_samples_is_mixed():
    batches = mixer("mixup", prob=0.3, batch_size=1, examples=4000)
    share = np.mean([planned(batches, 0, b, 1) is not None for b in range(4000)])
    assert stats.binomtest(round(share * 4000), 4000, 0.3).pvalue > 1e-4
    plan = planned(mixer("mixup", prob=0.5, per="sample"), 0, 0, 64)
    untouched = plan.lam == 1.0
    assert 10 < untouched.sum() < 54 and not plan.box[untouched].any()


def test_switch_takes_cutmix_as_often_as_asked():
    made = mixer("switch", switch_prob=0.25, batch_size=1, examples=4000)
    pasted = sum(planned(made, 0, b, 1).blend[0] == 0 for b in range(4000))
    assert stats.binomtest(int(pasted), 4000, 0.25).pvalue > 1e-4


def test_mixing_stops_for_the_last_epochs():
    made = mixer("mixup", epochs=4, off_epochs=2)
    assert [planned(made, e, 0, 8) is None for e in range(4)] == [False, False, True, True]


def test_each_method_has_its_own_alpha():
    made = mixer("switch", mixup_alpha=50.0, cutmix_alpha=0.05, batch_size=1, examples=500)
    blends = [planned(made, 0, b, 1) for b in range(500)]
    mixup_lams = [p.lam[0] for p in blends if p.blend[0] > 0]
    assert np.std(mixup_lams) < 0.06
    pasted_lams = [p.lam[0] for p in blends if p.blend[0] == 0]
    assert np.mean([lam > 0.95 for lam in pasted_lams]) > 0.3  # of Beta(0.05, 0.05) about 0.43 is there


def test_shares_by_name_say_what_switch_prob_says():
    one = mixer("switch", switch_prob=0.25, batch_size=2, examples=400)
    two = mixer("switch", switch={"mixup": 3, "cutmix": 1}, batch_size=2, examples=400)
    for batch in range(200):
        a, b = planned(one, 0, batch, 2), planned(two, 0, batch, 2)
        assert all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("partner", "box", "blend", "lam"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mix": "cutmx"}, 'augment.mix: no mixing method "cutmx" is known \\(nearest: cutmix'),
        ({"mix": "loss"}, 'augment.mix: no mixing method "loss" is known \\(nearest: none, switch'),
        ({"alpha": {"cutmx": 1.0}}, 'augment.alpha: no mixing method "cutmx" is known'),
        ({"alpha": {"cutmix": 1.0}}, "a setting of its own, augment.cutmix_alpha"),
        ({"mix": "switch", "switch": {"cut": 1.0}}, 'augment.switch: no mixing method "cut" is known'),
        ({"mix": "switch", "switch": {"cutmix": -1.0, "mixup": 1.0}}, "must have shares of 0 or more"),
        ({"mix": "switch", "switch": {"cutmix": 0.0}}, "one above 0"),
        ({"mix": "cutmix", "switch": {"cutmix": 1.0}}, "requires augment.mix=switch"),
        ({"mix": "switch", "switch_prob": 0.1, "switch": {"mixup": 1.0}}, "replaces augment.switch_prob"),
    ],
)
def test_what_fits_no_method_is_refused_when_the_settings_are_made(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Augment(**changes)


@pytest.mark.parametrize("seed", range(10))
def test_torchvision_agrees_given_the_same_draws(seed):
    rng = np.random.default_rng(seed)
    images, labels = torch.tensor(rng.random((6, 3, SIZE, SIZE))), torch.tensor([3, 1, 4, 1, 5, 0])
    for transform, method in ((v2.MixUp(num_classes=6), mixup), (v2.CutMix(num_classes=6), cutmix)):
        torch.manual_seed(seed)
        params = transform.make_params([images]) | {"labels": labels, "batch_size": 6}
        torch.manual_seed(seed)  # the same draws again, in their order
        lam = np.full(6, float(transform._dist.sample(())))
        x, y = (int(torch.randint(SIZE, (1,))) for _ in range(2))
        box, blend = method.boxes(lam, np.tile([(y + 0.5) / SIZE, (x + 0.5) / SIZE], (6, 1)), SIZE)
        share = own_share(box, blend, SIZE).astype(np.float32)
        plan = Plan(np.roll(np.arange(6), 1), box, blend, share)
        assert np.allclose(
            apply(images.numpy(), plan), transform.transform(images, params).numpy(), atol=1e-6
        )
        their_targets = transform.transform(labels, params)
        assert np.allclose(soft_targets(labels.numpy(), plan, 6, 0.0), their_targets.numpy(), atol=1e-6)


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "switch"])
@pytest.mark.parametrize("mode", ["batch", "elem"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_timm_agrees_given_the_same_draws(monkeypatch, mix, mode, smoothing):
    """timm mixes images and targets by our lambda and our boxes; it pairs by reversal, so we do too."""
    rng = np.random.default_rng(0)
    made = mixer(mix, per="batch" if mode == "batch" else "sample", batch_size=6)
    for batch in range(6):
        images, labels = rng.random((6, 3, SIZE, SIZE)), rng.integers(0, 5, 6)
        plan = planned(made, 0, batch, 6)
        plan = Plan(np.arange(6)[::-1], plan.box, plan.blend, plan.lam)
        pasted = plan.blend == 0
        draws = (plan.lam.copy(), pasted) if mode == "elem" else (float(plan.lam[0]), bool(pasted[0]))
        their = timm.data.mixup.Mixup(mode=mode, num_classes=5, label_smoothing=smoothing)
        monkeypatch.setattr(their, f"_params_per_{mode}", lambda *_, draws=draws: draws)
        # Where lambda is 1 timm draws no box.
        boxes = iter(plan.box[plan.lam != 1.0].tolist())
        monkeypatch.setattr(timm.data.mixup, "rand_bbox", lambda *_, boxes=boxes, **__: next(boxes))
        their_images, their_targets = their(torch.tensor(images), torch.tensor(labels))
        assert np.allclose(apply(images, plan), their_images.numpy(), atol=1e-6)
        ours = soft_targets(labels, plan, 5, smoothing)
        assert np.allclose(ours, their_targets.numpy(), atol=1e-6)
        logits, a, b = torch.randn(6, 5), torch.tensor(labels), torch.tensor(labels[::-1].copy())
        loss = mixed_cross_entropy(logits, a, b, torch.tensor(plan.lam), smoothing)
        reference = cross_entropy(logits, their_targets.float(), reduction="none")
        assert torch.allclose(loss, reference, atol=1e-5)


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "switch"])
@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
def test_timm_by_its_own_draws_is_our_methods_by_the_same(monkeypatch, mix, mode):
    """Lambda, box centres and choices are timm's; boxes, label weights and images are ours, and equal.

    timm's modes are ways to draw: one lambda and box a batch (our per=batch), one an image (per=sample), or
    one a pair, where an image and its partner share them. That last law we have not: our partners are not
    mutual. Its images are a plan all the same. A box of timm may have a side of an odd number of pixels,
    where ours and torchvision's are rounded down to an even one, as in the authors' code: then it is one row
    and one column longer, and the label weight follows the box in both. timm can also leave the lambda of
    CutMix uncorrected, or draw the box from a range of sides; these laws are not in the papers and have no
    counterpart here.
    """
    n = 8
    rng = np.random.default_rng(1)
    images, labels = rng.random((n, 3, SIZE, SIZE)), rng.integers(0, 5, n)
    alphas = {"mixup_alpha": 1.0 * (mix != "cutmix"), "cutmix_alpha": 1.0 * (mix != "mixup")}
    their = timm.data.mixup.Mixup(mode=mode, num_classes=5, label_smoothing=0.1, **alphas)
    params, places = [], []
    draw, place = getattr(their, f"_params_per_{'batch' if mode == 'batch' else 'elem'}"), np.random.randint

    def drawn_params(*arguments):
        params.append(tuple(np.array(value) for value in draw(*arguments)))
        return draw_copy(params[-1])

    def draw_copy(pair):
        return tuple(value.copy() if value.ndim else value.item() for value in pair)

    def drawn_place(*arguments, **more):
        places.append(place(*arguments, **more))
        return places[-1]

    monkeypatch.setattr(their, f"_params_per_{'batch' if mode == 'batch' else 'elem'}", drawn_params)
    monkeypatch.setattr(np.random, "randint", drawn_place)
    for seed in range(12):
        params.clear()
        places.clear()
        np.random.seed(seed)
        their_images, their_targets = their(torch.tensor(images), torch.tensor(labels))
        ((lam, pasted),) = params
        pairs = n // 2 if mode == "pair" else n
        lam, pasted = np.broadcast_to(lam, pairs).astype(float), np.broadcast_to(pasted, pairs)
        centre = np.zeros((pairs, 2))
        if places:  # row, column of every box in turn
            centre[(pasted & (lam != 1)) if mode != "batch" else slice(None)] = (
                np.array(places, float).reshape(-1, 2) + 0.5
            ) / SIZE
        (cut, _), (whole, weight) = (m.boxes(lam, centre, SIZE) for m in (cutmix, mixup))
        odd = (SIZE * np.sqrt(1 - lam)).astype(int) % 2
        cut[:, 1::2] = np.minimum(cut[:, 1::2] + odd[:, None], SIZE)
        box, blend = np.where(pasted[:, None], cut, whole), np.where(pasted, 0, weight)
        if mode == "pair":
            box, blend = np.concatenate([box, box[::-1]]), np.concatenate([blend, blend[::-1]])
        plan = Plan(np.arange(n)[::-1], box, blend, own_share(box, blend, SIZE))
        assert np.allclose(apply(images, plan), their_images.numpy(), atol=1e-6)
        assert np.allclose(soft_targets(labels, plan, 5, 0.1), their_targets.numpy(), atol=1e-6)
    assert len(places) > 0 or mix != "cutmix"


def test_plans_need_no_torch():
    code = "import sys, mixscope.mixing; sys.exit(bool({'torch', 'numba', 'timm'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(smoothing=st.floats(0, 0.5), seed=st.integers(0, 1000))
def test_the_loss_is_cross_entropy_against_soft_targets(smoothing, seed):
    torch.manual_seed(seed)
    logits, a, b = torch.randn(9, 5), torch.randint(5, (9,)), torch.randint(5, (9,))
    lam = torch.rand(9)
    one_hot = torch.nn.functional.one_hot
    soft = lam[:, None] * one_hot(a, 5) + (1 - lam)[:, None] * one_hot(b, 5)
    soft = (1 - smoothing) * soft + smoothing / 5
    reference = -(soft * logits.log_softmax(1)).sum(1)
    assert torch.allclose(mixed_cross_entropy(logits, a, b, lam, smoothing), reference, atol=1e-5)
    plain = cross_entropy(logits, a, reduction="none", label_smoothing=smoothing)
    assert torch.allclose(mixed_cross_entropy(logits, a, None, None, smoothing), plain, atol=1e-5)


def test_the_gradient_of_the_loss_is_probability_less_target():
    logits, a, b = torch.randn(9, 5, requires_grad=True), torch.arange(9) % 5, torch.arange(9) * 2 % 5
    lam = torch.rand(9)
    one_hot = torch.nn.functional.one_hot
    soft = 0.9 * (lam[:, None] * one_hot(a, 5) + (1 - lam)[:, None] * one_hot(b, 5)) + 0.1 / 5
    (gradient,) = torch.autograd.grad(mixed_cross_entropy(logits, a, b, lam, 0.1).sum(), logits)
    assert torch.allclose(gradient, logits.softmax(1) - soft, atol=1e-6)


@pytest.mark.parametrize("missing", ["partner_labels", "lam"])
def test_half_of_a_mixed_batch_is_refused_and_not_taken_for_an_unmixed_one(missing):
    labels, lam = torch.tensor([0, 1]), torch.tensor([0.5, 0.5])
    partner, lam = (None, lam) if missing == "partner_labels" else (labels, None)
    with pytest.raises(AssertionError):
        mixed_cross_entropy(torch.eye(2), labels, partner, lam, 0.0)
    with pytest.raises(AssertionError):
        weighted_hits(torch.eye(2), labels, partner, lam)


def test_labels_are_not_rounded_when_logits_are_bf16():
    logits = torch.randn(4, 10, dtype=torch.bfloat16)
    lam = torch.tensor([0.501, 0.502, 0.503, 0.504])
    loss = mixed_cross_entropy(logits, torch.arange(4), torch.arange(4) + 4, lam, 0.0)
    again = mixed_cross_entropy(logits.float(), torch.arange(4), torch.arange(4) + 4, lam, 0.0)
    assert loss.dtype == torch.float32 and torch.equal(loss, again)


def test_a_hit_counts_with_the_weight_of_its_label():
    logits = torch.eye(4)[[0, 1, 2]]
    labels, partners = torch.tensor([0, 3, 3]), torch.tensor([1, 1, 3])
    assert torch.allclose(
        weighted_hits(logits, labels, partners, torch.full((3,), 0.7)), torch.tensor([0.7, 0.3, 0.0])
    )
    assert weighted_hits(logits, labels, None, None).tolist() == [1.0, 0.0, 0.0]
