"""Mixing: what is drawn, what it means for pixels and labels, and that it means what the papers say."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
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
    plan = mixer(mix, per=per).plan(1, 2, n)
    assert sorted(plan.partner.tolist()) == list(range(n))
    assert plan.box.shape == (n, 4) and plan.blend.shape == plan.lam.shape == (n,)


def test_any_two_images_can_meet():
    made = mixer("mixup", examples=64 * 400)
    met = np.zeros((8, 8))
    for batch in range(400):
        met[np.arange(8), made.plan(0, batch, 8).partner] += 1
    assert stats.chisquare(met.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_lambda_follows_the_beta_law(alpha, per):
    made = mixer("mixup", per=per, mixup_alpha=alpha, batch_size=4, examples=8000)
    lam = np.concatenate([made.plan(0, b, 4).lam[: 4 if per == "sample" else 1] for b in range(2000)])
    assert stats.kstest(lam, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_box_centres_are_uniform():
    centres = mixer("cutmix", per="sample", examples=20_000)._draw(0)["box"]
    for axis in (0, 1):
        assert stats.kstest(centres[:, axis], "uniform").pvalue > 1e-4


def test_one_lambda_a_batch_or_one_a_sample():
    assert len(set(mixer("cutmix", per="batch").plan(0, 0, 64).lam.tolist())) == 1
    boxes = mixer("cutmix", per="sample").plan(0, 0, 64).box
    assert len({tuple(b) for b in boxes.tolist()}) > 32


def test_mixup_and_cutmix_share_lambda_and_partners():
    a, b = mixer("mixup", per="sample"), mixer("cutmix", per="sample")
    for batch in range(5):
        one, two = a.plan(2, batch, 64), b.plan(2, batch, 64)
        assert np.array_equal(one.partner, two.partner)
        inner = (two.box[:, 0] > 0) & (two.box[:, 1] < SIZE) & (two.box[:, 2] > 0) & (two.box[:, 3] < SIZE)
        # An unclipped box has lambda up to the rounding of its side to whole pixels.
        assert np.all(np.abs(one.lam - two.lam)[inner] < 2 * 2 * SIZE / SIZE**2)


def test_a_plan_does_not_depend_on_who_asks_when():
    calm, busy = mixer("switch", per="sample"), mixer("switch", per="sample")
    expected = {(e, b): calm.plan(e, b, 40) for e in range(3) for b in range(15)}
    wrong: list[tuple[int, int]] = []

    def ask(seed: int) -> None:
        keys = list(expected)
        np.random.default_rng(seed).shuffle(keys)
        for epoch, batch in keys:
            plan, right = busy.plan(epoch, batch, 40), expected[epoch, batch]
            if not all(
                np.array_equal(getattr(plan, f), getattr(right, f)) for f in ("partner", "box", "lam")
            ):
                wrong.append((epoch, batch))

    threads = [threading.Thread(target=ask, args=(s,)) for s in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


def test_another_seed_or_epoch_mixes_differently():
    one = mixer("cutmix").plan(0, 0, 64)
    for other in (mixer("cutmix", seed=1).plan(0, 0, 64), mixer("cutmix").plan(1, 0, 64)):
        assert not np.array_equal(one.partner, other.partner)


def test_a_share_of_batches_or_samples_is_mixed():
    batches = mixer("mixup", prob=0.3, batch_size=1, examples=4000)
    share = np.mean([batches.plan(0, b, 1) is not None for b in range(4000)])
    assert stats.binomtest(round(share * 4000), 4000, 0.3).pvalue > 1e-4
    plan = mixer("mixup", prob=0.5, per="sample").plan(0, 0, 64)
    untouched = plan.lam == 1.0
    assert 10 < untouched.sum() < 54 and not plan.box[untouched].any()


def test_switch_takes_cutmix_as_often_as_asked():
    made = mixer("switch", switch_prob=0.25, batch_size=1, examples=4000)
    pasted = sum(made.plan(0, b, 1).blend[0] == 0 for b in range(4000))
    assert stats.binomtest(int(pasted), 4000, 0.25).pvalue > 1e-4


def test_mixing_stops_for_the_last_epochs():
    made = mixer("mixup", epochs=4, off_epochs=2)
    assert [made.plan(e, 0, 8) is None for e in range(4)] == [False, False, True, True]


def test_each_method_has_its_own_alpha():
    made = mixer("switch", mixup_alpha=50.0, cutmix_alpha=0.05, batch_size=1, examples=500)
    blends = [made.plan(0, b, 1) for b in range(500)]
    mixup_lams = [p.lam[0] for p in blends if p.blend[0] > 0]
    assert np.std(mixup_lams) < 0.06


def test_a_new_method_is_one_function(monkeypatch):
    def left_half(lam, centre, size):
        box = np.tile(np.array([0, size, 0, size // 2], np.int32), (len(lam), 1))
        return box, np.zeros(len(lam), np.float32)

    monkeypatch.setitem(mixing.METHODS, "halves", left_half)
    assert np.all(mixer("halves").plan(0, 0, 5).lam == 0.5)


def test_an_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match='no mixing method "cutmx" is known \\(nearest: cutmix'):
        mixing.make(Augment(mix="cutmx"), seed=0, epochs=1, size=8, batch_size=2, examples=4)


def test_torchvision_agrees_given_the_same_draws():
    rng = np.random.default_rng(0)
    images, labels = rng.random((6, 3, SIZE, SIZE)), torch.arange(6)
    rolled = np.roll(np.arange(6), 1)
    for transform, method in ((v2.MixUp(num_classes=6), mixup), (v2.CutMix(num_classes=6), cutmix)):
        torch.manual_seed(3)
        params = transform.make_params([torch.tensor(images)]) | {"labels": labels, "batch_size": 6}
        their_images = transform.transform(torch.tensor(images), params)
        if method is mixup:
            lam = np.full(6, params["lam"])
            box, blend = mixup.boxes(lam, np.zeros((6, 2)), SIZE)
        else:
            x0, y0, x1, y1 = params["box"]
            box = np.tile(np.array([y0, y1, x0, x1], np.int32), (6, 1))
            blend = np.zeros(6, np.float32)
        plan = Plan(rolled, box, blend, own_share(box, blend, SIZE))
        assert np.allclose(apply(images, plan), their_images.numpy(), atol=1e-6)
        their_targets = transform.transform(labels, params)
        ours = np.zeros((6, 6))
        ours[np.arange(6), labels] += plan.lam
        ours[np.arange(6), labels[rolled]] += 1 - plan.lam
        assert np.allclose(ours, their_targets.numpy(), atol=1e-6)


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
