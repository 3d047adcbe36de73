"""A mixing method of the user's own, from a file or an installed package."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import stats

import small_run
from mixscope import mixing
from mixscope.bench import mixing as bench_mixing
from mixscope.data.loader import Augmentation, Loader, Sampling
from mixscope.errors import ConfigError
from mixscope.mixing import interface
from mixscope.studies import folder, names
from mixscope.study import config as settings
from mixscope.study import matrix, methods
from mixscope.study.config import Augment
from mixscope.training import preview

SIZE = 32
HALVES = """
import numpy as np


def boxes(lam, centre, size):
    box = np.zeros((len(lam), 4), np.int32)
    box[:, 1], box[:, 3] = size, np.rint(size * (1 - lam))
    return box, np.zeros(len(lam), np.float32)


def strips(lam, size):
    return np.repeat((np.arange(size) / size < lam[:, None])[:, None], size, axis=1)
"""


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "halves.py"
    made.write_text(HALVES)
    return made


def mixer(mix, **changes):
    about = {"seed": 0, "epochs": 4, "size": SIZE, "batch_size": 64, "examples": 1000}
    about |= {k: changes.pop(k) for k in list(changes) if k in about}
    made = mixing.make(Augment(mix=mix, **changes), **about)
    assert made is not None
    return made


def test_a_new_method_is_one_function(file):
    name = f"{file}:boxes"
    plan = mixer(name, per="sample", alpha={name: 1e6}).draw(0).of(0, 5)
    assert plan.box.tolist() == [[0, SIZE, 0, SIZE // 2]] * 5 and np.all(plan.lam == 0.5)
    wide = mixer(name, per="sample").draw(0).of(0, 64).lam  # alpha is 1 where nothing is said
    assert stats.kstest(wide, "uniform", method="asymp").statistic < 0.3 and np.std(wide) > 0.15


def test_a_new_method_may_answer_in_numpys_own_types(file, tmp_path):
    other = tmp_path / "others.py"
    other.write_text(HALVES.replace(", np.int32)", ", int)").replace(", np.float32)", ")"))
    for per in ("batch", "sample"):
        plan, same = (mixer(f"{f}:boxes", per=per).draw(0).of(0, 5) for f in (file, other))
        assert plan.box.dtype == np.int32 and plan.blend.dtype == plan.lam.dtype == np.float32
        assert np.array_equal(plan.box, same.box) and np.array_equal(plan.lam, same.lam)


def test_an_array_is_a_mask_and_its_mean_the_label_weight(file):
    plan = mixer(f"{file}:strips", per="sample").draw(0).of(0, 5)
    assert plan.mask.shape == (5, SIZE, SIZE) and plan.mask.dtype == np.float32
    assert np.allclose(plan.lam, plan.mask.mean(axis=(1, 2)))


def test_a_new_method_shares_lambda_and_partners_with_the_others(file):
    one, two = (mixer(mix, per="sample").draw(1).of(2, 64) for mix in ("mixup", f"{file}:boxes"))
    assert np.array_equal(one.partner, two.partner) and np.abs(one.lam - two.lam).max() <= 0.5 / SIZE + 1e-6


def test_a_new_method_can_be_one_of_those_that_are_switched_between(file):
    own = f"{file}:boxes"
    shares = {"mixup": 1.0, own: 2.0, "fmix": 1.0}
    made = mixer("switch", switch=shares, batch_size=4, examples=16_000)
    plans = made.draw(1)
    assert [taken.method.name for taken in made.taken] == sorted(methods.pinned(n, "") for n in shares)
    counts = np.bincount(plans.which, minlength=3)
    for taken, count in zip(made.taken, counts, strict=True):
        share = 0.5 if "halves" in taken.method.name else 0.25
        assert stats.binomtest(int(count), 4000, share).pvalue > 1e-4
    for batch in range(20):  # each batch is that of the method it takes
        taken = made.taken[plans.which[batch]]
        alone = mixer(taken.method.name, batch_size=4, examples=16_000).draw(1).of(batch, 4)
        for mine, same in zip(plans.of(batch, 4), alone, strict=True):
            assert np.array_equal(mine, same)


def test_a_new_method_trains_and_is_drawn(file, tmp_path):
    store = small_run.store(tmp_path)
    config = small_run.config(f"augment.mix={file}:strips", "augment.base=none", "train.epochs=1")
    made = mixing.make(config.augment, seed=0, epochs=1, size=store.size, batch_size=16, examples=48)
    with (
        Loader(
            store,
            "train",
            Sampling(batch_size=16, seed=0, val_fraction=0.2),
            Augmentation(base="none", mixer=made),
        ) as mixed,
        Loader(
            store, "train", Sampling(batch_size=16, seed=0, val_fraction=0.2), Augmentation(base="none")
        ) as plain,
    ):
        for number, (batch, bare) in enumerate(zip(mixed, plain, strict=True)):
            plan, images = made.draw(0).of(number, 16), bare.images.numpy()
            mask = plan.mask[:, None]
            assert np.allclose(batch.images, mask * images + (1 - mask) * images[plan.partner], atol=1e-5)
            assert np.array_equal(batch.lam, plan.lam)
    summary = small_run.run(config, tmp_path, tmp_path / "run")
    assert summary["epochs"] == 1 and summary["results"]["test"]["last"]["n"] == small_run.TEST
    heights = []
    for own in ((), (config.augment.mix,)):
        preview.mixing_sheet(store, tmp_path / "sheet.png", columns=2, own=own)
        with Image.open(tmp_path / "sheet.png") as sheet:
            heights.append(sheet.height)
    assert heights[1] - heights[0] == preview.TILE + preview.CAPTION


def test_shares_and_alphas_of_own_methods_are_numbers(file):
    pairs = ["augment.mix=switch", f"augment.switch={{'{file}:boxes': 1, mixup: 1e-1}}"]
    made = settings.load(None, pairs)
    assert made.augment.switch == {methods.pinned(f"{file}:boxes", ""): 1.0, "mixup": 0.1}
    with pytest.raises(ConfigError, match=r"augment\.switch\..*halves\.py:boxes: expected a finite number"):
        settings.load(None, ["augment.mix=switch", f"augment.switch={{'{file}:boxes': much}}"])


def test_a_new_method_has_rows_in_the_bench(file):
    own = methods.pinned(f"{file}:strips", "")
    bench = bench_mixing.rows((8,), 0.001, (own,))
    assert {"plan strips", bench_mixing.mixed("strips", 8)} <= set(bench.rows)
    measured = bench.measure(1)
    assert bench_mixing.computed(measured).found[bench_mixing.adds("strips", 8)]


def test_the_page_on_mixing_lists_every_method_and_its_example_works(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "guides" / "mixing.md").read_text()
    assert set(methods.builtin()) <= set(re.findall(r"`([a-z-]+)`", page))
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "mymix.py").write_text(code)
    plan = mixer(f"{tmp_path}/mymix.py:strips", per="sample").draw(0).of(0, 8)
    columns = plan.mask.mean(axis=1)
    assert ((columns == 0) | (columns == 1)).all() and (np.diff(columns, axis=1) <= 0).all()
    for need in interface.NEEDS:
        assert f"| `{need}` |" in page


# --- names and digests ---------------------------------------------------------------------------


def test_the_content_of_the_file_is_part_of_the_digest_and_its_folder_is_not(file, tmp_path):
    def digest(path):
        return settings.load(None, [f"augment.mix={path}:boxes"]).digest

    first, elsewhere = digest(file), tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(file, elsewhere / "halves.py")
    assert digest(elsewhere / "halves.py") == first
    file.write_text(HALVES + "# changed\n")
    assert digest(file) != first


def test_settings_of_a_run_stay_readable_when_the_file_is_gone(file, tmp_path):
    made = settings.load(None, [f"augment.mix={file}:boxes", f"augment.alpha={{'{file}:boxes': 0.3}}"])
    kept = tmp_path / "config.yaml"
    kept.write_text(yaml.safe_dump(made.to_dict()))
    file.unlink()
    assert settings.load(kept) == made and settings.load(kept).digest == made.digest
    with pytest.raises(ConfigError, match=r"the method file .*halves\.py does not exist"):
        mixing.make(made.augment, seed=0, epochs=1, size=8, batch_size=2, examples=4)


def test_a_file_that_changed_under_a_run_is_refused(file):
    made = settings.load(None, [f"augment.mix={file}:boxes"])
    file.write_text(HALVES + "# changed\n")
    with pytest.raises(ConfigError, match=r"halves\.py has changed since these settings were made"):
        mixing.make(made.augment, seed=0, epochs=1, size=8, batch_size=2, examples=4)


def test_an_installed_package_offers_a_method_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "foreignmix.py").write_text(HALVES)
    about = tmp_path / "foreignmix-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: foreignmix\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mixscope.methods]\nforeign = foreignmix:boxes\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = settings.load(None, ["augment.mix=foreign"])
    assert made.augment.mix.startswith("foreign@") and methods.label(made.augment.mix) == "foreign"
    plan = mixer("foreign", per="sample").draw(0).of(0, 5)
    assert (plan.box[:, 1] == SIZE).all()
    sys.modules.pop("foreignmix", None)


def test_a_studys_folder_stays_readable_when_the_file_is_gone(file, tmp_path):
    text = f"""name: own
seeds: [0, 1]
factors:
  augmentation:
    default: {{augment.mix: none}}
    own: {{augment.mix: {file}:boxes}}
    both: {{augment.mix: switch, augment.switch: {{"{file}:strips": 1, mixup: 1}}}}
"""
    study, out = matrix.parse(text, file="own.yaml"), tmp_path / "runs"
    folder.keep(study, out)
    there = [run.directory for run in study.expand()]
    file.unlink()
    again = matrix.load(str(out))
    assert [run.directory for run in again.expand()] == there
    folder.keep(again, out)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"augment\.mix: the method file .*bad\.py does not exist"),
        ("def boxes(:\n", r"augment\.mix: .*bad\.py, line 1: is not Python \(.*\)"),
        ("def box(lam): ...\n", r'augment\.mix: .*bad\.py: no function "boxes" is known \(nearest: box\)'),
        (
            "import nothing_of_that_name\ndef boxes(lam): ...\n",
            r"bad\.py, line 1: ModuleNotFoundError: No module",
        ),
        (
            "def boxes(lam, image): ...\n",
            r"bad\.py, line 1: boxes takes image, which is not offered; .* centre",
        ),
        (
            "def boxes(lam):\n    return lam[0] / None\n",
            r"augment\.mix: .*bad\.py, line 2: TypeError: unsupp",
        ),
        ("def boxes(lam):\n    return 3\n", r"bad\.py: answers int; expected \(box, blend\), a mask"),
        (
            "import numpy as np\ndef boxes(lam, size):\n    return np.ones((2, size, size - 1))\n",
            r"bad\.py: the mask has shape \(2, 32, 31\), expected \(2 or 1, 32, 32\)",
        ),
        (
            "import numpy as np\ndef boxes(lam, size):\n    return np.full((1, size, size), 1.5)\n",
            r"bad\.py: mask lies in 1\.5\.\.1\.5, expected 0\.\.1, the weight of the own image",
        ),
        (
            "import numpy as np\ndef boxes(lam, size):\n    return np.full((1, size, size), np.nan)\n",
            r"bad\.py: mask holds values that are no finite numbers",
        ),
        (
            "import numpy as np\ndef boxes(lam):\n    return np.full((2, 4), 40), lam\n",
            r"bad\.py: a box does not lie in the image",
        ),
        (
            "import numpy as np\ndef boxes(lam):\n    return np.zeros((2, 3)), lam\n",
            r"bad\.py: the boxes have shape \(2, 3\) of float64",
        ),
        (
            "import numpy as np\ndef boxes(lam):\n    return np.zeros((2, 4), int), 2 + lam\n",
            r"blend lies in 2",
        ),
    ],
)
def test_what_is_wrong_with_a_method_is_reported_in_a_sentence_before_training(tmp_path, text, sentence):
    file = tmp_path / "bad.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        mixer(f"{file}:boxes")
    assert "\n" not in str(caught.value)


def test_an_error_in_a_method_while_it_trains_is_a_sentence_too(tmp_path):
    file = tmp_path / "late.py"
    file.write_text(
        "import numpy as np\n\n\ndef masks(lam, size):\n    if len(lam) > 2:\n"
        "        raise ValueError('too many')\n    return np.ones((len(lam), size, size))\n"
    )
    store = small_run.store(tmp_path)
    with (
        Loader(
            store,
            "train",
            Sampling(batch_size=4, seed=0),
            Augmentation(mixer=mixer(f"{file}:masks", size=16, batch_size=4, examples=60)),
        ) as loader,
        pytest.raises(ConfigError, match=r"augment\.mix: .*late\.py, line 6: ValueError: too many"),
    ):
        next(iter(loader))


def test_a_study_with_a_bad_method_is_refused_with_the_line_of_its_file(tmp_path):
    method = tmp_path / "bad.py"
    method.write_text("def boxes(lam):\n    return None\n")
    text = f"""name: own
seeds: [0]
factors:
  augmentation:
    default: {{augment.mix: none}}
    own: {{augment.mix: "{method}:boxes"}}
"""
    study = matrix.parse(text, file="own.yaml")
    with pytest.raises(ConfigError, match=r"own\.yaml, line 6: .*augment\.mix: .*bad\.py: answers NoneType"):
        names.check(study, study.expand(), root=tmp_path)
    with pytest.raises(ConfigError, match=r"own\.yaml, line 6: .*the method file .*gone\.py does not exist"):
        matrix.parse(text.replace("bad.py", "gone.py"), file="own.yaml")
