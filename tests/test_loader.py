import _thread
import gc
import signal
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from memory_store import MemoryStore, loader_with
from mixscope import mixing
from mixscope.data import kernels, order
from mixscope.data.batch_builder import BatchBuilder
from mixscope.data.buffer_pool import Pipeline
from mixscope.data.loader import Loader, Position
from mixscope.errors import ConfigError, DataError
from mixscope.mixing import Plan
from mixscope.rng import generator
from mixscope.study.config import Augment


@dataclass
class Plans:
    mixer: "AnyMixer"
    epoch: int

    def of(self, batch, n):
        return self.mixer.plan(self.epoch, batch, n)


class AnyMixer:
    """Boxes and weights at random; every third batch is not mixed."""

    masks = peaks = hidden = attention = False

    def __init__(self, size=32):
        self.size = size

    def draw(self, epoch, peaks=None):
        return Plans(self, epoch)

    def plan(self, epoch, batch, n):
        if batch % 3 == 2:
            return None
        draws = generator(0, "box", epoch, batch)
        box = np.sort(draws.integers(0, self.size + 1, (n, 2, 2)), axis=2).reshape(n, 4).astype(np.int32)
        return Plan(draws.permutation(n), box, draws.random(n, np.float32), draws.random(n, np.float32))


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


STORE = MemoryStore(83)


def loader(store=STORE, split="train", **changes):
    settings = {
        "batch_size": 10,
        "seed": 0,
        "base": "crop-flip",
        "shuffle": True,
        "mixer": AnyMixer(store.size),
    }
    return loader_with(store, split, **(settings | changes))


def frozen(batch):
    """A copy of everything in a batch, as bytes that can be compared."""
    parts = (batch.images, batch.labels, batch.ids, batch.partner_labels, batch.lam)
    return tuple(None if part is None else np.asarray(part).tobytes() for part in parts)


def epochs(n, **changes):
    """All batches of the first n epochs, each epoch a list."""
    with loader(**changes) as batches:
        return [[frozen(batch) for batch in batches] for _ in range(n)]


def ids(batches):
    return [example for batch in batches for example in batch.ids]


# --- what a batch is ------------------------------------------------------------------------------


def test_a_batch_is_what_the_draws_say():
    drawn = order.draw(np.arange(83), stored=83, seed=0, epoch=0, base="crop-flip", shuffle=True, size=32)
    scale, bias = (v[:, None, None] for v in kernels.normaliser(STORE.mean, STORE.std))
    pixels = np.pad(STORE.images("train"), ((0, 0), (0, 0), (4, 4), (4, 4)))

    def image(row):
        y, x = drawn.crop[row]
        window = pixels[row, :, y : y + 32, x : x + 32]
        return (window[:, :, ::-1] if drawn.flip[row] else window) * scale + bias

    with loader() as batches:
        for number, batch in enumerate(batches):
            everyone = drawn.order[number * 10 : number * 10 + 10]
            assert np.array_equal(batch.ids, everyone)
            assert np.array_equal(batch.labels, STORE.labels("train")[everyone])
            expected = np.stack([image(row) for row in everyone])
            plan = AnyMixer().plan(0, number, len(everyone))
            if plan is None:
                assert batch.partner_labels is None and batch.lam is None
            else:
                partners = everyone[plan.partner]
                assert np.array_equal(batch.partner_labels, STORE.labels("train")[partners])
                assert np.array_equal(batch.lam, plan.lam)
                for i, (y0, y1, x0, x1) in enumerate(plan.box):
                    area, w = np.s_[:, y0:y1, x0:x1], plan.blend[i]
                    expected[i][area] = w * expected[i][area] + (1 - w) * image(partners[i])[area]
            assert np.abs(batch.images.numpy() - expected).max() <= 1e-6
            assert batch.images.dtype.is_floating_point and batch.pending is None


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "switch"])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_mixers_of_a_run_do_to_images_and_labels_what_they_plan(mix, per):
    made = mixing.make(
        Augment(mix=mix, per=per, prob=0.7), seed=0, epochs=2, size=32, batch_size=10, examples=83
    )
    with loader(mixer=None) as plain, loader(mixer=made) as mixed:
        for epoch in range(2):
            for number, (before, after) in enumerate(zip(plain, mixed, strict=True)):
                plan = made.draw(epoch).of(number, len(before.ids))
                assert np.array_equal(before.ids, after.ids) and (plan is None) == (after.lam is None)
                expected = before.images.numpy().copy()
                if plan is not None:
                    for i, (y0, y1, x0, x1) in enumerate(plan.box):
                        area, w = np.s_[:, y0:y1, x0:x1], plan.blend[i]
                        other = before.images.numpy()[plan.partner[i]]
                        expected[i][area] = w * expected[i][area] + (1 - w) * other[area]
                    assert np.array_equal(after.partner_labels, before.labels.numpy()[plan.partner])
                    assert np.array_equal(after.lam, plan.lam)
                assert np.abs(after.images.numpy() - expected).max() <= 1e-6


def test_evaluation_sees_every_image_once_in_order_and_unchanged():
    with loader(base="none", shuffle=False, mixer=None, split="test") as batches:
        seen = [(batch.ids, batch.images.numpy().copy()) for batch in batches]
    assert [len(part) for part, _ in seen] == [10] * 8 + [3]
    assert np.array_equal(np.concatenate([part for part, _ in seen]), np.arange(83))
    scale, bias = (v[:, None, None] for v in kernels.normaliser(STORE.mean, STORE.std))
    assert (
        np.abs(np.concatenate([images for _, images in seen]) - (STORE.images("test") * scale + bias)).max()
        <= 1e-6
    )


@pytest.mark.parametrize("shuffle", [False, True])
def test_ids_may_be_kept_and_are_nobodys_to_change(shuffle):
    with loader(shuffle=shuffle, ring=2) as batches:
        kept = [batch.ids for batch in batches]
        assert sorted(np.concatenate(kept)) == list(range(83)), "they are not written over"
        with pytest.raises(ValueError, match="read-only"):
            kept[0][0] = 1  # the order of the epoch, which the loader goes on with


@pytest.mark.parametrize("batch_size", [1, 7, 82, 83, 84, 1000])
def test_an_epoch_has_every_example_once_for_any_batch_size(batch_size):
    with loader(batch_size=batch_size) as batches:
        for _ in range(2):
            assert sorted(ids(batches)) == list(range(83))


def test_dropping_the_last_batch_drops_only_the_short_one():
    with loader(drop_last=True) as batches:
        assert batches.batches == 8 and batches.examples == 83
        assert [len(batch.ids) for batch in batches] == [10] * 8


def test_logical_splits_have_their_own_rows():
    with loader(val_fraction=0.25) as train, loader(split="val", val_fraction=0.25) as val:
        assert sorted(ids(train) + ids(val)) == list(range(83))


def test_the_spec_says_what_the_network_is_fed():
    with loader() as train, loader(split="val", base="none", val_fraction=0.25) as val:
        assert train.spec == val.spec
    with loader(store=MemoryStore(9, size=64), batch_size=3) as other:
        assert other.spec != train.spec and other.spec.size == 64
        assert next(iter(other)).images.shape == (3, 3, 64, 64)


def test_an_example_has_the_same_crop_whatever_the_batch_size_and_the_split():
    def images(**changes):
        with loader(mixer=None, **changes) as batches:
            return {
                int(row): image.tobytes()
                for b in batches
                for row, image in zip(b.ids, b.images.numpy(), strict=True)
            }

    whole = images()
    for changes in ({"batch_size": 7}, {"val_fraction": 0.25}, {"shuffle": False}, {"ranks": 2, "rank": 1}):
        part = images(**changes)
        assert part.items() <= whole.items()


# --- the same whoever makes it --------------------------------------------------------------------


@pytest.mark.parametrize("base", ["none", "crop-flip", "rrc"])
def test_threads_and_ring_do_not_change_a_bit(base):
    alone = epochs(2, base=base, threads=1)
    for changes in ({"threads": 2}, {"threads": 4}, {"threads": 4, "ring": 2}, {"threads": 1, "ring": 9}):
        assert epochs(2, base=base, **changes) == alone


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_ranks_together_see_the_images_of_one(ranks, base):
    with loader(base=base) as batches:
        alone = [(b.images.numpy().copy(), b.ids, b.labels.numpy().copy(), b.lam is None) for b in batches]
    parts = [loader(base=base, rank=rank, ranks=ranks) for rank in range(ranks)]
    for (images, rows, labels, plain), *shards in zip(alone, *parts, strict=True):
        sizes = [len(b.ids) for b in shards]
        assert max(sizes) - min(sizes) <= 1
        first = 0
        for b in shards:
            mine = slice(first, first + len(b.ids))
            assert np.array_equal(b.images, images[mine]) and np.array_equal(b.ids, rows[mine])
            assert np.array_equal(b.labels, labels[mine]) and (b.lam is None) == plain
            first = mine.stop
        assert first == len(rows)
    for part in parts:
        part.close()


def test_ranks_without_an_image_get_an_empty_batch():
    with loader(rank=0, ranks=4) as batches:
        assert [len(batch.images) for batch in batches][-1] == 0  # 3 images for 4 ranks


@pytest.mark.parametrize("change", [{"seed": 1}, {"shuffle": False}, {"base": "rrc"}, {"mixer": None}])
def test_what_should_change_the_batches_does(change):
    assert epochs(1, **change) != epochs(1)


def test_epochs_differ():
    first, second = epochs(2)
    assert first != second


# --- position -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixer", [None, AnyMixer()])
@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("rank_of", [(0, 1), (1, 2)])
def test_a_loader_taken_up_at_any_position_goes_on_as_if_undisturbed(mixer, threads, rank_of):
    settings = {"mixer": mixer, "threads": threads, "rank": rank_of[0], "ranks": rank_of[1]}
    calm = epochs(3, **settings)
    for epoch in range(2):
        for batch in range(len(calm[0]) + 1):
            with loader(**settings) as batches:
                batches.position = Position(epoch, batch)
                assert [frozen(b) for b in batches] == calm[epoch][batch:]
                assert batches.position == (epoch + 1, 0)
                assert [frozen(b) for b in batches] == calm[epoch + 1]


def test_a_saved_position_lies_behind_the_current_batch():
    calm = epochs(1)[0]
    with loader() as batches:
        for taken, _ in enumerate(batches, start=1):
            assert batches.position == (0, taken)
            with loader() as resumed:
                resumed.position = batches.position
                assert [frozen(b) for b in resumed] == calm[taken:]
        assert batches.position == (1, 0)


def test_leaving_an_epoch_early_and_iterating_again_goes_on_after_the_current_batch():
    calm = epochs(1)[0]
    with loader() as batches:
        seen = []
        for batch in batches:
            seen.append(frozen(batch))
            if len(seen) == 3:
                break
        seen += [frozen(batch) for batch in batches]
        assert seen == calm


def test_the_position_can_be_moved_back_and_forth_in_one_loader():
    calm = epochs(3)
    with loader() as batches:
        for epoch, batch in ((2, 4), (0, 8), (1, 0), (0, 0), (0, 0)):
            batches.position = (epoch, batch)
            assert frozen(next(iter(batches))) == calm[epoch][batch]


@pytest.mark.parametrize("position", [(-1, 0), (0, -1), (0, 10)])
def test_a_position_that_does_not_exist_is_refused(position):
    with loader() as batches, pytest.raises(ConfigError, match="has no position"):
        batches.position = position


def test_a_consumer_makes_a_batch_rather_than_wait():
    class HeldWorkers(AnyMixer):
        """Worker threads wait for the consumer to have made a batch."""

        def __init__(self):
            super().__init__()
            self.helped = threading.Event()

        def plan(self, epoch, batch, n):
            if threading.current_thread() is threading.main_thread():
                self.helped.set()
            else:
                assert self.helped.wait(10)
            return super().plan(epoch, batch, n)

    with loader(mixer=HeldWorkers(), threads=1) as batches:
        assert sorted(ids(batches)) == list(range(83))


# --- the ring -------------------------------------------------------------------------------------


def test_a_batch_keeps_its_images_until_the_next_is_asked_for():
    with loader(threads=4) as batches:
        for batch in batches:
            before = frozen(batch)
            time.sleep(0.01)
            assert frozen(batch) == before


def test_images_live_in_a_fixed_number_of_buffers():
    with loader(threads=2, ring=3) as batches:
        places = {batch.images.data_ptr() for _ in range(3) for batch in batches}
    assert len(places) <= 3


def test_the_loader_leaves_the_store_alone():
    store = MemoryStore(40)
    before = store.images("train").copy()
    with loader(store=store) as batches:
        ids(batches)
    assert np.array_equal(store.images("train"), before) and store.images("train").flags.writeable


def test_a_store_mapped_from_a_file_gives_the_same_batches_and_can_be_removed(tmp_path):
    file = tmp_path / "images.npy"
    np.save(file, STORE.images("train"))

    class Mapped(MemoryStore):
        def images(self, split):
            return np.load(file, mmap_mode="r")

    calm = epochs(1)
    assert epochs(1, store=Mapped(83)) == calm
    batches = loader(store=Mapped(83))
    next(iter(batches))
    batches.close()
    file.unlink()


# --- failure and ending ---------------------------------------------------------------------------


class BrokenMixer(AnyMixer):
    def __init__(self, at, problem):
        super().__init__()
        self.at, self.problem = at, problem

    def plan(self, epoch, batch, n):
        if (epoch, batch) == self.at:
            raise self.problem
        return super().plan(epoch, batch, n)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("at", [(0, 0), (0, 5), (0, 8), (1, 0)])
@pytest.mark.parametrize("problem", [ValueError("no such partner"), SystemExit(3)])
def test_a_failure_in_a_worker_reaches_the_consumer_with_its_cause(threads, at, problem):
    calm = epochs(2)
    with loader(mixer=BrokenMixer(at, problem), threads=threads) as batches:
        seen = [[], []]
        with pytest.raises(
            RuntimeError, match=f"epoch {at[0]}, batch {at[1]}: {type(problem).__name__}"
        ) as caught:
            for epoch in range(2):
                for batch in batches:
                    seen[epoch].append(frozen(batch))
        assert caught.value.__cause__ is problem
        assert seen == [calm[e][: at[1]] if e == at[0] else calm[e] if e < at[0] else [] for e in range(2)]
        assert batches.position == at


def test_a_plan_that_points_outside_the_batch_is_an_error():
    class Astray(AnyMixer):
        def plan(self, epoch, batch, n):
            plan = super().plan(epoch, 0, n)
            plan.partner[0] = n
            return plan

    with loader(mixer=Astray()) as batches, pytest.raises(RuntimeError, match="IndexError"):
        next(iter(batches))


def test_an_epoch_that_cannot_be_drawn_disturbs_nobody_until_it_is_needed():
    class NoSecondEpoch(AnyMixer):
        def draw(self, epoch, peaks=None):
            if epoch == 1:
                raise ValueError("no such epoch")
            return super().draw(epoch)

    with loader(mixer=NoSecondEpoch(), threads=2) as batches:
        assert sorted(ids(batches)) == list(range(83))
        with pytest.raises(RuntimeError, match="epoch 1, batch 0: ValueError: no such epoch"):
            next(iter(batches))


def test_a_failure_far_ahead_does_not_disturb_an_epoch_that_ends_before_it():
    with loader(mixer=BrokenMixer((1, 0), ValueError("beyond the last epoch"))) as batches:
        assert sorted(ids(batches)) == list(range(83))


@pytest.mark.parametrize("taken", [0, 1, 3, 9])
@pytest.mark.parametrize("threads", [1, 4])
def test_closing_early_leaves_no_thread(taken, threads):
    before = threading.active_count()
    batches = loader(threads=threads)
    for _, _ in zip(range(taken), batches, strict=False):
        pass
    batches.close()
    assert threading.active_count() == before
    batches.close()


def test_a_loader_that_is_forgotten_ends_its_threads():
    before = threading.active_count()
    batches = loader(threads=2)
    next(iter(batches))
    assert threading.active_count() == before + 2
    del batches
    gc.collect()
    assert threading.active_count() == before


def test_an_error_in_the_consumers_loop_ends_the_threads():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), loader() as batches:
        for _ in batches:
            raise ZeroDivisionError
    assert threading.active_count() == before


def test_a_closed_loader_can_be_taken_up_again():
    calm = epochs(1)[0]
    batches = loader()
    seen = [frozen(next(iter(batches)))]
    batches.close()
    seen += [frozen(batch) for batch in batches]
    batches.close()
    assert seen == calm


class SlowMixer(AnyMixer):
    """Holds every batch back until it is released."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()

    def plan(self, epoch, batch, n):
        assert self.released.wait(30)
        return super().plan(epoch, batch, n)


@pytest.fixture
def heard_interrupts():
    """A job in the background of a shell is started deaf to Ctrl-C; here it must hear."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_reaches_a_consumer_that_waits():
    mixer = SlowMixer()
    calm = epochs(1)[0]
    with loader(mixer=mixer) as batches:

        def interrupt():
            _thread.interrupt_main(signal.SIGINT)
            mixer.released.set()  # the batches in the making are finished before the threads end

        timer = threading.Timer(0.2, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(iter(batches))
        timer.join()
        assert batches.position == (0, 0)
        assert [frozen(batch) for batch in batches] == calm


@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_reaches_a_consumer_that_draws_the_next_epoch():
    """A failure to draw ahead waits for whoever needs the epoch; Ctrl-C comes once."""

    class Struck(AnyMixer):
        def draw(self, epoch, peaks=None):
            signal.raise_signal(signal.SIGINT)
            return super().draw(epoch)

    with loader(mixer=Struck()) as batches, pytest.raises(KeyboardInterrupt):
        batches._builder.look_ahead(1)


def test_an_interrupt_that_a_worker_raises_ends_no_worker_in_silence():
    class Interrupted(AnyMixer):
        def plan(self, epoch, batch, n):
            if threading.current_thread() is not threading.main_thread():
                raise KeyboardInterrupt
            return super().plan(epoch, batch, n)

    with loader(mixer=Interrupted(), threads=2, ring=2) as batches:  # the consumer has no memory of its own
        with pytest.raises(RuntimeError, match="epoch 0, batch 0: KeyboardInterrupt"):
            next(iter(batches))


def test_threads_that_cannot_all_be_started_leave_none(monkeypatch):
    started, start = [], threading.Thread.start

    def scarce(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    calm = epochs(1)[0]
    with loader(threads=3) as batches:
        monkeypatch.setattr(threading.Thread, "start", scarce)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            next(iter(batches))
        assert len(started) == 1 and not started[0].is_alive()
        monkeypatch.undo()
        assert [frozen(batch) for batch in batches] == calm


def interrupted(taken, line):
    """Takes a batch with Ctrl-C on that line of Loader._take; whether it came."""
    code, came = Loader._take.__code__, False

    def inside(frame, event, _):
        nonlocal came
        if not came and event == "line" and frame.f_lineno == line:
            came = True
            raise KeyboardInterrupt
        return inside

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: inside if frame.f_code is code else None)
    try:
        next(taken)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return came


def test_an_interrupt_at_any_line_loses_no_batch_silently():
    """Whatever line Ctrl-C falls on, the next batch is the one that the position names."""
    with loader() as batches:
        frozen_batches = [(batches.position, frozen(batch)) for batch in batches]
    named = dict(frozen_batches)
    hit = 0
    for line in sorted({number for *_, number in Loader._take.__code__.co_lines() if number}):
        with loader() as batches:
            taken = iter(batches)
            next(taken), next(taken)
            if interrupted(taken, line):
                hit += 1
                batch = next(iter(batches))
                assert frozen(batch) == named[batches.position], line
    assert hit >= 5


def test_an_epoch_is_drawn_once_also_after_going_back(monkeypatch):
    drawn = []
    with loader() as batches:
        batches.position = (20, 0)
        ids(batches)
        ours = type(batches._builder)._draw
        monkeypatch.setattr(
            type(batches._builder), "_draw", lambda m, epoch: drawn.append(epoch) or ours(m, epoch)
        )
        batches.position = (2, 0)
        for _ in range(4):
            ids(batches)
    assert sorted(drawn) == sorted(set(drawn))


def test_an_epoch_is_drawn_once_while_a_slow_thread_still_needs_it(monkeypatch):
    """Epochs of one batch, with buffers for several: the first waits until the fourth is made."""
    drawn, far = [], threading.Event()
    draw, make = BatchBuilder._draw, BatchBuilder.make

    def held(self, epoch, batch, *memory):
        if (epoch, batch) == (0, 0):
            self.draws(epoch)
            assert far.wait(10)
        made = make(self, epoch, batch, *memory)
        if epoch == 3:
            far.set()
        return made

    monkeypatch.setattr(BatchBuilder, "_draw", lambda self, epoch: drawn.append(epoch) or draw(self, epoch))
    monkeypatch.setattr(BatchBuilder, "make", held)
    with loader(batch_size=1000, threads=3, ring=8) as batches:
        ids(batches)
    assert sorted(drawn) == sorted(set(drawn))


def test_a_loader_that_another_thread_closes_tells_a_consumer_that_waits():
    class Held(AnyMixer):
        """Says that a worker makes a batch, and holds it back."""

        def __init__(self):
            super().__init__()
            self.making, self.go_on = threading.Event(), threading.Event()

        def plan(self, epoch, batch, n):
            if threading.current_thread().name.startswith("mixscope-loader"):
                self.making.set()
                assert self.go_on.wait(10)
            return super().plan(epoch, batch, n)

    mixer, told = Held(), []
    batches = loader(mixer=mixer, threads=2, ring=2)

    def consume():
        try:
            ids(batches)
        except RuntimeError as problem:
            told.append(str(problem))

    consumer = threading.Thread(target=consume)
    consumer.start()
    assert mixer.making.wait(10)
    time.sleep(0.1)  # so that the consumer waits
    closer = threading.Thread(target=batches.close)
    closer.start()
    mixer.go_on.set()
    closer.join(10)
    consumer.join(10)
    assert not consumer.is_alive() and told == ["the loader was closed while a batch was waited for"]


def test_a_loader_may_be_collected_in_a_thread_of_its_own():
    """The collector runs in any thread, also in one that the loader then waits for, with a lock in hand."""
    problems = []

    class Collected(AnyMixer):
        stop = staticmethod(lambda: None)

        def draw(self, epoch, peaks=None):
            if threading.current_thread() is not threading.main_thread():
                try:
                    self.stop()
                except BaseException as problem:
                    problems.append(problem)
            return super().draw(epoch)

    mixer = Collected()
    maker = loader(mixer=mixer)._builder
    made = Pipeline(maker, Position(0, 0), threads=4, runs=9, length=1)
    mixer.stop = made.stop
    made.start()
    made.stop()
    assert problems == []


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"batch_size": 0}, "batch_size of a loader must be 1 or more"),
        ({"threads": -1}, "threads of a loader must be 0 or more"),
        ({"ring": 1}, "ring of a loader must be 2 or more"),
        ({"rank": 2, "ranks": 2}, "rank of a loader must lie in 0..1"),
        ({"base": "crop-flap"}, "nearest: crop-flip"),
        ({"batch_size": 84, "drop_last": True}, "gives no batch of 84"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        loader(**change)


@pytest.mark.parametrize("rows", [[], [0, 83], [-1, 2]])
def test_rows_that_the_store_does_not_have_are_refused(rows):
    class Astray(MemoryStore):
        def rows(self, split, *, val_fraction, per_class=0):
            return "train", np.array(rows, np.int64)

    with pytest.raises(DataError, match="choose another val_fraction"):
        loader(store=Astray(83))
