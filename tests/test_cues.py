"""The embedded set cues: what each cue is, what reads it and what does not, and that nothing else moves."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from mixscope.data import cue_store, cues
from mixscope.data.prepare import prepare
from mixscope.data.store import Store
from mixscope.data.store_writer import write
from mixscope.errors import ConfigError
from mixscope.runs import execute
from mixscope.study import config as settings

EVERY = np.arange(cues.CLASSES)
PLAIN = cues.Parameters(local_contrast=32, global_contrast=80, noise=16)
SIZES = pytest.mark.parametrize("size", [32, 64])


def shown(name, n=600, parameters=PLAIN, start=0):
    return cues.split(parameters, name, np.arange(start, start + n))


def still(n: int, size: int = 32, rotation: int = 0) -> cues.Scenes:
    """n scenes without noise, jitter or phase."""
    drawn = cues.draw(cues.Parameters(size=size, moved=0.0), "test", np.zeros(n, dtype=np.int64))
    return dataclasses.replace(
        drawn,
        rotation=np.full(n, rotation),
        phase=np.zeros_like(drawn.phase),
        noise=np.zeros_like(drawn.noise),
    )


# --- the cues by construction -------------------------------------------------------------------


def test_glyphs_have_the_same_ink_to_the_pixel():
    assert cues.GLYPHS.shape == (4, 8, 8)
    assert cues.GLYPHS.sum(axis=(1, 2)).tolist() == [24] * 4
    assert len({g.tobytes() for g in cues.GLYPHS}) == 4


@SIZES
def test_every_image_holds_the_same_ink_whatever_its_order(size):
    scenes = cues.draw(cues.Parameters(size=size, moved=1.0, jitter=4), "train", np.arange(60))
    for g in EVERY:
        ink = cues.inks(scenes, np.full(60, g), size)
        assert (ink.sum(axis=(1, 2)) == 4 * 24 * (size // 32) ** 2).all(), "glyphs never overlap or leave"


@SIZES
def test_where_a_glyph_lies_says_nothing_of_the_order(size):
    by_order = []
    for g in EVERY:
        held = cues.arrangement(np.arange(4), np.full(4, g))
        assert (np.sort(held, axis=0) == np.arange(4)[:, None]).all(), "each glyph in each quadrant once"
        inks = [cues.inks(still(1, size, r), np.array([g]), size) for r in range(4)]
        by_order.append(np.sum(inks, axis=0))
    assert all(np.array_equal(by_order[0], other) for other in by_order[1:]), "nor does a pixel's mean"


def test_what_a_pixel_of_the_grating_is_says_nothing_of_its_orientation():
    phases = np.arange(cues.TURN)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
    of = [np.sort(cues.gratings(phases, np.full(cues.TURN, k), 32), axis=0) for k in EVERY]
    for sorted_values in of:
        assert np.array_equal(sorted_values, of[0][:, :1, :1].repeat(32, axis=1).repeat(32, axis=2))


def test_a_grating_turns_by_thirty_degrees_from_class_to_class():
    size = 64
    scenes = cues.gratings(np.zeros((6, 8, 8), dtype=np.int64), EVERY, size)[:, :8, :8].astype(float)
    for k, cell in enumerate(scenes):
        rows, columns = np.gradient(cell)
        angle = 0.5 * np.arctan2(2 * (rows * columns).sum(), (columns**2).sum() - (rows**2).sum())
        off = (np.degrees(angle) - 30 * k + 90) % 180 - 90
        assert abs(off) < 8, "the structure tensor of a cell of 8 px finds it"


def test_six_orders_are_distinguished_under_any_rotation():
    for rotation, g in itertools.product(range(4), EVERY):
        held = cues.arrangement(np.array([rotation]), np.array([g]))
        assert cues.order_of(held).tolist() == [g]


def test_changing_the_places_of_quadrants_makes_every_order_equally_likely():
    for g in EVERY:
        held = cues.arrangement(np.zeros(24, dtype=np.int64), np.full(24, g))
        orders = cues.order_of(np.take_along_axis(held, cues.PERMUTATIONS, axis=1))
        assert np.bincount(orders, minlength=6).tolist() == [4] * 6


# --- the same image everywhere ------------------------------------------------------------------


@given(at=st.lists(st.integers(0, 5000), min_size=1, max_size=6), size=st.sampled_from([32, 64]))
def test_an_image_does_not_depend_on_which_others_are_made_and_in_which_order(at, size):
    parameters = dataclasses.replace(PLAIN, size=size, local_predictivity=0.7)
    together = cues.split(parameters, "iid", np.array(at))
    for row, index in enumerate(at):
        alone = cues.split(parameters, "iid", np.array([index]))
        assert np.array_equal(alone.images[0], together.images[row])
        assert (alone.local[0], alone.glob[0]) == (together.local[row], together.glob[row])


def test_images_are_bitwise_those_of_any_other_machine():
    found = {
        name: hashlib.sha256(
            shown(name, 12, dataclasses.replace(PLAIN, size=size)).images.tobytes()
        ).hexdigest()
        for name, size in (("train", 32), ("iid", 32), ("shuffled", 64), ("low-pass", 64))
    }
    assert {name: digest[:12] for name, digest in found.items()} == {
        "train": "36a210e94ec6",
        "iid": "9bcd3d925b8b",
        "shuffled": "9a259171f2c8",
        "low-pass": "750708fec1e3",
    }


def test_another_seed_and_the_other_scenes_are_other_images():
    one, two = shown("iid", n=6), shown("iid", n=6, parameters=dataclasses.replace(PLAIN, seed=1))
    assert not (one.images == two.images).all(axis=(1, 2, 3)).any()
    assert not (one.images == shown("train", n=6).images).all(axis=(1, 2, 3)).any()


# --- interventions and splits -------------------------------------------------------------------


@pytest.mark.parametrize("cue", ["local", "global"])
def test_an_intervention_changes_its_cue_and_nothing_else(cue):
    index = np.arange(120)
    before, after = cues.split(PLAIN, "iid", index), cues.intervened(PLAIN, cue, index)
    changed, kept = ("local", "glob") if cue == "local" else ("glob", "local")
    assert (getattr(after, changed) != getattr(before, changed)).all()
    assert np.array_equal(getattr(after, kept), getattr(before, kept))
    steps = (getattr(after, changed) - getattr(before, changed)) % 6
    assert set(steps.tolist()) == {1, 2, 3, 4, 5}
    invisible = dataclasses.replace(PLAIN, **{f"{cue}_contrast": 0})
    same = cues.split(invisible, "iid", index).images == cues.intervened(invisible, cue, index).images
    assert same.all(), "with the cue out of sight the two images are one"


def test_test_splits_show_the_same_scenes_with_one_thing_changed():
    quiet = dataclasses.replace(PLAIN, noise=0)
    iid, conflict = shown("iid", parameters=quiet), shown("conflict", parameters=quiet)
    local, glob = shown("local-only", parameters=quiet), shown("global-only", parameters=quiet)
    assert np.array_equal(iid.labels, iid.local) and np.array_equal(iid.labels, iid.glob)
    assert np.array_equal(conflict.local, iid.labels) and (conflict.glob != conflict.local).all()
    assert (local.glob == -1).all() and (glob.local == -1).all()
    assert len(np.unique(glob.images)) == 2, "grey and ink"
    sum_of_parts = local.images.astype(int) + glob.images - cues.GREY
    assert (np.abs(sum_of_parts - iid.images) <= 1).all(), "cues add up; each is rounded"


def test_shuffling_keeps_the_pixels_and_says_which_order_came_out():
    iid, shuffled = shown("iid", n=200), shown("shuffled", n=200)
    assert np.array_equal(np.sort(iid.images.reshape(200, -1)), np.sort(shuffled.images.reshape(200, -1)))
    assert np.array_equal(decoded(shuffled.images, PLAIN), shuffled.glob)
    assert 0.05 < (shuffled.glob == shuffled.labels).mean() < 0.30, "one in six"


def test_low_pass_takes_the_grating_away_and_leaves_the_glyphs():
    quiet = dataclasses.replace(PLAIN, noise=0)
    scenes = cues.draw(quiet, "test", np.arange(60))
    both = scenes.label

    def left(local, glob, inside) -> float:
        sharp, blurred = (
            cues.render(scenes, local, glob, quiet, low_pass=low)[:, 0, inside, inside].astype(float).std()
            for low in (False, True)
        )
        return float(blurred / sharp)

    middles = np.array([3, 4, 11, 12, 19, 20, 27, 28])  # of cells: where two meet, their phases make edges
    assert left(both, None, np.s_[:]) < 0.2
    assert left(both, None, middles) < 0.1
    assert left(None, both, np.s_[:]) > 0.4


def test_a_cue_predicts_the_class_as_often_as_its_parameter_says():
    parameters = dataclasses.replace(PLAIN, local_predictivity=0.8, global_predictivity=1 / 6)
    scenes = cues.draw(parameters, "train", np.arange(1500))
    local, glob = cues.cues(scenes, parameters)
    assert abs((local == scenes.label).mean() - 0.8) < 4 * (0.8 * 0.2 / 1500) ** 0.5
    assert abs((glob == scenes.label).mean() - 1 / 6) < 4 * (5 / 36 / 1500) ** 0.5
    table = np.zeros((6, 6))
    np.add.at(table, (scenes.label, glob), 1)
    expected = 1500 / 36
    assert ((table - expected) ** 2 / expected).sum() < 70, "chi-square with 35 degrees: chance and no more"


def test_faded_cues_have_an_even_share_of_their_contrast_each_its_own_and_nothing_else_moves():
    whole = dataclasses.replace(PLAIN, noise=0, moved=0.0)
    faded = dataclasses.replace(whole, faded=0.75)
    index = np.arange(600)
    plain, drawn = (cues.draw(parameters, "test", index) for parameters in (whole, faded))
    assert (plain.local_part == 256).all() and (plain.global_part == 256).all()
    for part in (drawn.local_part, drawn.global_part):
        assert part.min() >= 64 and part.max() <= 256
        counts = np.histogram(part, bins=6, range=(64, 257))[0]
        assert ((counts - 100) ** 2 / 100).sum() < 21, "chi-square with 5 degrees: even"
    assert abs(np.corrcoef(drawn.local_part, drawn.global_part)[0, 1]) < 0.16, "one says nothing of the other"
    for field in dataclasses.fields(cues.Scenes):
        if not field.name.endswith("_part"):
            assert np.array_equal(getattr(plain, field.name), getattr(drawn, field.name))
    for name, part in (("local-only", drawn.local_part), ("global-only", drawn.global_part)):
        full, less = (
            np.abs(cues.split(parameters, name, index).images.astype(int) - cues.GREY).max(axis=(1, 2, 3))
            for parameters in (whole, faded)
        )
        assert (np.abs(less - full * part / 256) <= 1).all(), "a cue is as strong as its part says"


def test_a_cue_is_left_out_of_as_many_images_as_its_parameter_says_and_its_strength_in_the_others_stays():
    parameters = dataclasses.replace(PLAIN, faded=0.5, global_shown=0.7)
    always, drawn = (
        cues.draw(one, "test", np.arange(1500))
        for one in (dataclasses.replace(parameters, global_shown=1), parameters)
    )
    there = drawn.global_part > 0
    assert abs(there.mean() - 0.7) < 4 * (0.7 * 0.3 / 1500) ** 0.5
    assert np.array_equal(drawn.global_part[there], always.global_part[there])
    assert abs(np.corrcoef(there, always.global_part)[0, 1]) < 0.1
    assert np.array_equal(drawn.local_part, always.local_part)
    some = np.flatnonzero(~there)[:20]
    changed = cues.intervened(parameters, "global", some).images != cues.split(parameters, "iid", some).images
    assert not changed.any(), "what is not there cannot be set"


def test_an_intervention_leaves_a_cue_as_faded_as_it_was():
    parameters = dataclasses.replace(PLAIN, noise=0, faded=1.0, local_contrast=0)
    before = cues.split(parameters, "iid", np.arange(60)).images.max(axis=(1, 2, 3))
    after = cues.intervened(parameters, "global", np.arange(60)).images.max(axis=(1, 2, 3))
    assert np.array_equal(before, after) and len(np.unique(before)) > 20


# --- what reads which cue -----------------------------------------------------------------------


def bag(images: np.ndarray, features: np.ndarray) -> np.ndarray:
    """A bag of 8 x 8 patches, each seen through random filters: nothing of it knows where a patch was."""
    n, size = len(images), images.shape[2]
    grid = (images[:, 0].astype(float) - cues.GREY).reshape(n, size // 8, 8, size // 8, 8)
    patches = grid.transpose(0, 1, 3, 2, 4).reshape(n, -1, 64)
    found: np.ndarray = np.abs(patches @ features).mean(axis=1)
    return found


def accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, wanted: np.ndarray) -> float:
    mean, std = train.mean(axis=0), train.std(axis=0)
    probe = LogisticRegression(max_iter=300).fit((train - mean) / std, labels)
    return float((probe.predict((test - mean) / std) == wanted).mean())


def decoded(images: np.ndarray, parameters: cues.Parameters) -> np.ndarray:
    """G by who knows the glyphs: the best match in each quadrant over all jitter, then the best order."""
    n, half, reach = len(images), parameters.size // 2, parameters.jitter * (parameters.size // 32)
    glyphs = (
        cues.GLYPHS.repeat(parameters.size // 32, axis=1).repeat(parameters.size // 32, axis=2).astype(float)
    )
    side = glyphs.shape[1]
    glyphs -= glyphs.mean(axis=(1, 2), keepdims=True)
    match = np.empty((n, 4, 4))
    for at, (row, column) in enumerate(cues.QUADRANTS):
        scores = []
        for y, x in itertools.product(range(-reach, reach + 1), repeat=2):
            top, left = (c * half + (half - side) // 2 + move for c, move in ((row, y), (column, x)))
            window = images[:, 0, top : top + side, left : left + side].astype(float)
            scores.append(np.tensordot(window, glyphs, axes=((1, 2), (1, 2))))
        match[:, at] = np.max(scores, axis=0)
    ways = np.array(list(itertools.permutations(range(4))))
    totals = match[:, np.arange(4), ways].sum(axis=2)
    return cues.order_of(ways[totals.argmax(axis=1)])


@pytest.fixture(scope="module")
def apart():
    """Training and test images whose cues know nothing of each other."""
    parameters = dataclasses.replace(PLAIN, local_predictivity=1 / 6, global_predictivity=1.0)
    return shown("train", 3000, parameters), shown("iid", 1200, parameters)


CHANCE = 1 / 6
LUCK = 4 * (5 / 36 / 1200) ** 0.5  # four standard errors of a guess over 1,200 images


def test_a_bag_of_patches_reads_the_local_cue_and_not_the_global_one(apart):
    train, test = apart
    features = np.random.default_rng(0).standard_normal((64, 200))
    seen, unseen = bag(train.images, features), bag(test.images, features)
    assert accuracy(seen, train.local, unseen, test.local) > 0.9
    assert accuracy(seen, train.glob, unseen, test.glob) < CHANCE + LUCK
    shuffled = shown("shuffled", 600)
    assert accuracy(seen, train.local, bag(shuffled.images, features), shuffled.labels) > 0.9


def test_a_linear_probe_of_pixels_reads_neither_cue(apart):
    train, test = apart
    seen, unseen = (part.images[:, 0].reshape(len(part.images), -1).astype(float) for part in apart)
    assert accuracy(seen, train.local, unseen, test.local) < CHANCE + LUCK
    assert accuracy(seen, train.glob, unseen, test.glob) < CHANCE + LUCK


@SIZES
def test_who_knows_the_glyphs_reads_the_global_cue(size):
    parameters = dataclasses.replace(PLAIN, size=size)
    for name in ("iid", "conflict", "global-only"):
        found = shown(name, 200, parameters)
        assert (decoded(found.images, parameters) == found.glob).mean() > 0.97


# --- as a data set ------------------------------------------------------------------------------


SMALL = dataclasses.replace(PLAIN, train=60, test=24)


@pytest.fixture
def small_root(tmp_path):
    write(cues.content(SMALL), root=tmp_path, name="cues-small", source={"embedded": True}, progress=None)
    return tmp_path


def test_the_store_keeps_the_parameters_and_the_same_images(small_root):
    store = Store.open(small_root, "cues-small")
    assert cue_store.of(store) == SMALL
    assert np.array_equal(store.images("train"), shown("train", 60, SMALL).images)
    assert np.array_equal(store.images("test"), shown("iid", 24, SMALL).images)
    assert np.array_equal(store.labels("test"), np.arange(24) % 6)


def test_parameters_come_from_a_file_and_the_name_from_the_user(tmp_path):
    file = tmp_path / "cues.yaml"
    file.write_text("local_contrast: 20\ntrain: 60\ntest: 24\n")
    store = prepare("cues", root=tmp_path / "data", source=file, size=64, called="cues-mine")
    assert cue_store.of(store) == cues.Parameters(local_contrast=20, train=60, test=24, size=64)
    assert store.name == "cues-mine" and store.size == 64
    again = prepare("cues", root=tmp_path / "data", source=file, size=64, called="cues-mine")
    assert again.digest == store.digest


def test_a_set_that_is_prepared_with_other_parameters_is_refused(tmp_path):
    file = tmp_path / "cues.yaml"
    file.write_text("{train: 60, test: 24}")
    prepare("cues", root=tmp_path / "data", source=file)
    with pytest.raises(ConfigError, match=r"other parameters \(size: 32 -> 64\).*--as NAME"):
        prepare("cues", root=tmp_path / "data", source=file, size=64)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("contrast: 3", r'cues.yaml: contrast: no parameter "contrast" is known'),
        ("noise: loud", r"cues.yaml: noise: expected a whole number, got 'loud'"),
        ("noise: 1.5", r"noise: expected a whole number, got 1.5"),
        ("local_predictivity: 2", r"local_predictivity must lie in 0 to 1"),
        ("size: 48", r"size must be 32 or 64 px"),
        ("local_contrast: 3.3", r"local_contrast must be a multiple of 1/8, got 3.3"),
        ("jitter: 5", r"jitter must lie in 0 to 4, got 5"),
        ("faded: 1.5", r"faded must lie in 0 to 1, got 1.5"),
        ("global_shown: -1", r"global_shown must lie in 0 to 1, got -1"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path, text, sentence):
    file = tmp_path / "cues.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        prepare("cues", root=tmp_path / "data", source=file)


def test_a_name_that_is_taken_or_no_folder_is_refused(tmp_path):
    for name in ("cifar100", "../elsewhere"):
        with pytest.raises(ConfigError, match="--as"):
            prepare("cues", root=tmp_path, called=name)


def test_no_run_on_cues_may_mirror_or_move_its_images(small_root):
    pairs = ["data.name=cues-small", "model.arch=resnet10t", "run.device=cpu"]
    with pytest.raises(ConfigError, match=r"augment.base=crop-flip .* use augment.base=none"):
        execute.describe(settings.load(None, pairs), root=small_root, out=small_root / "run")
    pairs += ["augment.base=none", "augment.policy=randaugment"]
    with pytest.raises(ConfigError, match=r"augment.policy=randaugment .* use augment.policy=none"):
        execute.describe(settings.load(None, pairs), root=small_root, out=small_root / "run")


def test_models_of_the_study_read_either_cue_within_three_points():
    for name, one in cues.MATCHED.items():
        assert name in cues.BUILT_IN and abs(one["local"] - one["global"]) <= 0.03 and one["trainings"] >= 1
    assert cues.MATCHED.keys() == cues.BUILT_IN.keys() - {"cues"}
