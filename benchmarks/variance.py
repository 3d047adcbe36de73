"""How much of a contrast is chance of the seed, what pairing by seed buys, and which estimators leave less.

    python benchmarks/variance.py table              the tables, from the figures that are kept
    python benchmarks/variance.py run --out DIR      trains the 60 runs; set OMP_NUM_THREADS=1
    python benchmarks/variance.py collect --out DIR  their figures, in place of those that are kept

`run` trains what `mixscope study run docs/studies/seeds.yaml` would train, digest for digest, by the same
loop; who looks on copies the weights of the last KEPT epochs. After a run these are judged on val and test:
each epoch's weights and their mean. The running average (optim.ema_decay) is what the run itself judges. It
can be stopped and started again. `table` prints one JSON line a row, then tables; --study names another study
and --figures where its figures are.
"""

import argparse
import csv
import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

import pairing
from mixscope.claims import contrasts
from mixscope.claims.contrasts import Sample
from mixscope.cli.exit_codes import ended
from mixscope.errors import DataError

KEPT = 3  # epochs, the last ones
BASE = "last"  # the estimator that others are compared with: accuracy of the last epoch's weights on test
ESTIMATORS = {
    "ema": "running average of weights",
    "mean_weights": f"mean of the weights of the last {KEPT} epochs",
    "mean_logits": f"mean of the logits of the last {KEPT} epochs",
    "mean_probs": f"mean of the probabilities of the last {KEPT} epochs",
    "mean_top1": f"mean of the accuracies of the last {KEPT} epochs",
    "mean_logits_ema": "mean of the logits of the last epoch's weights and of their running average",
    "selected": "epoch selected on validation, of the running average",
    "test_and_val": "test and validation images together",
}
CONTROLS = {
    "train_loss": "training loss, last epoch",
    "clean_train": "accuracy on 1,000 clean training images, running average",
    "val_last": "validation accuracy (1,000 images), last epoch",
    "early_loss": "training loss at half the epochs",
    "early_val": "validation accuracy at half the epochs, running average",
    "mixed": "how strongly the run was mixed: twice the smaller of lambda and 1 - lambda (mean known)",
}
ARMS = ("default", "mixup", "cutmix")
# Title, cells of each, and which contrasts by name.
POOLED: tuple[tuple[str, int, Callable[[str], bool]], ...] = (
    (
        "two augmentations of one model (6)",
        2,
        lambda name: name.split(":")[0] not in ARMS and "(" not in name,
    ),
    ("one augmentation, both models (3)", 2, lambda name: name.split(":")[0] in ARMS),
    ("differences of gains (3)", 4, lambda name: "(" in name),
)


def run(study_file: str, out: Path, root: Path | None) -> None:
    """Trains every run of the study that is not done yet, and judges what was kept of it."""
    import torch

    from mixscope.data.store import Store, data_root
    from mixscope.runs import display, execute, records, setup
    from mixscope.study import matrix
    from mixscope.training import checkpoint, models
    from mixscope.training.evaluate import predict

    class Onlooker(display.Lines):
        """Copies the weights of the last epochs from the checkpoint that is there when an epoch is told."""

        def __init__(self, folder: Path, epochs: int) -> None:
            self.folder, self.epochs = folder, epochs

        def line(self, text: str) -> None:
            if text.startswith("epoch"):
                content = checkpoint.read(self.folder / "last.pt")
                epoch = content["state"]["epoch"]
                if epoch > self.epochs - KEPT:
                    torch.save(content["model"], self.folder / f"raw-{epoch}.pt")

    root = data_root(root)
    planned = matrix.load(study_file).expand()
    for number, each in enumerate(planned, start=1):
        config, path = each.config, out / each.directory
        folder, epochs = path / "checkpoints", config.train.epochs
        execute.run(config, root=root, out=path, show=Onlooker(folder, epochs))
        if not (path / "predictions" / "test-mean.npz").exists():
            kept: dict[str, Mapping[str, Any]] = {
                f"raw-{epoch}": torch.load(folder / f"raw-{epoch}.pt", weights_only=True)
                for epoch in range(epochs - KEPT + 1, epochs + 1)
            }
            kept["mean"] = {
                key: torch.stack([k[key] for k in kept.values()]).mean(0) if v.is_floating_point() else v
                for key, v in kept[f"raw-{epochs}"].items()
            }
            store = Store.open(root, config.data.name)
            module = models.build(
                config.model, n_classes=store.n_classes, image_size=store.size, seed=0
            ).module
            for split in ("val", "test"):
                with setup.in_order(store, split, config, torch.device("cpu")) as loader:
                    for name, weights in kept.items():
                        module.load_state_dict(weights)
                        found = predict(module, loader, device=torch.device("cpu"), config=config.train)
                        records.write_predictions(path, f"{split}-{name}", records.Predictions(*found))
        print(f"{number}/{len(planned)}  {each.directory}", flush=True)


def collect(study_file: str, out: Path, figures: Path) -> None:
    """Writes <figures>.csv, a row a run, and <figures>.npz, what the last weights got right on test."""
    from mixscope import mixing
    from mixscope.runs import records
    from mixscope.study import matrix

    rows, hits = [], []
    for each in matrix.load(study_file).expand():
        path, config = out / each.directory, each.config
        epochs = config.train.epochs
        last = records.read_predictions(path, f"test-raw-{epochs}")
        labels = last.labels

        def logits(name: str, path: Path = path) -> np.ndarray:
            return records.read_predictions(path, name).logits

        def top1(values: np.ndarray, labels: np.ndarray = labels) -> float:
            return 100.0 * float((values.argmax(axis=1) == labels).mean())

        late = [logits(f"test-raw-{epochs - k}") for k in reversed(range(KEPT))]
        ema = logits("test-last")
        val = records.read_predictions(path, f"val-raw-{epochs}")
        events = records.read_events(path, "epoch")
        val_top1, n_val, n = top1(val.logits, val.labels), len(val.labels), len(labels)
        images = records.read_summary(path)["data"]["images"]["train"]
        mixed = None
        if config.augment.mix != "none":
            mixer = mixing.make(
                config.augment, seed=config.seed, epochs=epochs, size=32, batch_size=config.train.batch_size,
                examples=images,
            )  # fmt: skip
            plans = [mixer.draw(epoch) for epoch in range(epochs)] if mixer else []
            mixed = statistics.fmean(float(1 - np.abs(2 * p.lam - 1).mean()) for p in plans if p)
        row = {
            "model": each.levels["model"], "arm": each.levels["augmentation"], "seed": each.seed,
            "digest": config.digest, "last": top1(last.logits), "ema": top1(ema),
            "mean_weights": top1(logits("test-mean")), "mean_logits": top1(np.mean(late, axis=0)),
            "mean_probs": top1(np.mean([np.exp(log_softmax(x, axis=1)) for x in late], axis=0)),
            "mean_top1": statistics.fmean(map(top1, late)), "mean_logits_ema": top1(last.logits + ema),
            "selected": top1(logits("test-selected")),
            "test_and_val": (n * top1(last.logits) + n_val * val_top1) / (n + n_val),
            "train_loss": events[-1]["train_loss"], "clean_train": events[-1]["clean_train_top1"],
            "val_last": val_top1, "early_loss": events[epochs // 2 - 1]["train_loss"],
            "early_val": events[epochs // 2 - 1]["val_top1"], "mixed": mixed,
        }  # fmt: skip
        rows.append(row)
        hits.append(last.logits.argmax(axis=1) == labels)
    with figures.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )
    np.savez_compressed(figures.with_suffix(".npz"), hits=np.packbits(hits, axis=1), examples=len(hits[0]))


class Figures:
    """What `collect` wrote. seeds: those that every cell has, in order."""

    def __init__(self, figures: Path) -> None:
        for file in (figures.with_suffix(".csv"), figures.with_suffix(".npz")):
            if not file.is_file():
                raise DataError(
                    "missing-file",
                    "is missing; `collect` writes it, or give others with --figures",
                    path=file,
                )
        with figures.with_suffix(".csv").open(newline="") as rows:
            self.rows = list(csv.DictReader(rows))
        with np.load(figures.with_suffix(".npz")) as packed:
            self.hits = np.unpackbits(packed["hits"], axis=1)[:, : int(packed["examples"])].astype(bool)
        self.cells = list(dict.fromkeys((row["model"], row["arm"]) for row in self.rows))
        self.seeds = sorted({int(row["seed"]) for row in self.rows})
        self.place = {(row["model"], row["arm"], int(row["seed"])): i for i, row in enumerate(self.rows)}

    def array(self, column: str, cells: Sequence[tuple[str, str]] | None = None) -> np.ndarray:
        """A column, float64 (cells, S)."""
        return np.array(
            [
                [float(self.rows[self.place[(*cell, seed)]][column] or "nan") for seed in self.seeds]
                for cell in cells or self.cells
            ]
        )

    def sample(self, cell: tuple[str, str]) -> Sample:
        """What the runs of a cell got right."""
        return Sample(self.hits[[self.place[(*cell, seed)] for seed in self.seeds]], tuple(self.seeds))


def weighed(figures: Figures) -> dict[str, dict[tuple[str, str], float]]:
    """The contrasts: gains within each model, differences of gains between the last and the first model."""
    first, *_, other = dict.fromkeys(model for model, _ in figures.cells)
    found: dict[str, dict[tuple[str, str], float]] = {}
    for model in (first, other):
        for a, b in (("mixup", "default"), ("cutmix", "default"), ("mixup", "cutmix")):
            found[f"{model}: {a} - {b}"] = {(model, a): 1.0, (model, b): -1.0}
    for augmentation in ARMS:
        found[f"{augmentation}: {other} - {first}"] = {
            (other, augmentation): 1.0,
            (first, augmentation): -1.0,
        }
    for a, b in (("mixup", "default"), ("cutmix", "default"), ("mixup", "cutmix")):
        name = {"default": f"D_{a}"}.get(b, "main")
        found[f"{name}: ({a} - {b}), {other} - {first}"] = {
            (other, a): 1.0, (other, b): -1.0, (first, a): -1.0, (first, b): 1.0,
        }  # fmt: skip
    return found


def tables(figures: Figures) -> list[tuple[str, list[str], list[list[Any]]]]:
    """Title, head and rows of each table."""
    base, size = figures.array(BASE), len(figures.seeds)
    samples = {cell: figures.sample(cell) for cell in figures.cells}
    n = figures.hits.shape[1]
    found = []

    rows: list[list[Any]] = []
    for cell, a in zip(figures.cells, base, strict=True):
        chance = samples[cell].residual / n * 1e4
        rows.append(
            [" ".join(cell), a.mean(), a.std(ddof=1), chance**0.5, max(0, a.var(ddof=1) - chance) ** 0.5]
        )
    found.append(
        (
            f"Cells: top-1 (%), {size} seeds, {n:,} test images",
            ["cell", "mean", "SD over seeds", "of it which examples by chance", "the rest"],
            rows,
        )
    )

    rows, widths = [], []
    for name, weights in weighed(figures).items():
        cells, w = list(weights), np.array(list(weights.values()))
        a = figures.array(BASE, cells)
        share = pairing.over_seeds(lambda c, a=a, w=w: pairing.shared(a[:, c], w), size)
        r = pairing.correlation(a[0], a[1]) if len(cells) == 2 else None
        rows.append([name, *spread(r), *spread(share), pairing.alone(a, w), float(np.var(w @ a, ddof=1))])
        line: list[Any] = [name, share.value]
        for seeds in (3, 5, 10):
            line += [
                pairing.break_even(seeds, len(cells)),
                pairing.relative_width(share.value, seeds, len(cells)),
            ]
        for seeds in (3, 5):
            line.append(measured_width([samples[c] for c in cells], list(w), seeds))
        widths.append(line)
    found.append(
        (
            "Pairing by seed: correlation of two augmentations, and the share of the seed variance removed",
            ["contrast", "r", "low", "high", "share", "low", "high", "variance alone (pp^2)", "paired"],
            rows,
        )
    )
    head = ["contrast", "share"]
    for seeds in (3, 5, 10):
        head += [f"pays beyond, S={seeds}", f"width, S={seeds}"]
    found.append(
        (
            "Width of the paired interval over the unpaired one: by formula (only seeds vary), and on average"
            " over all subsets of the runs (seeds and examples)",
            [*head, "runs, S=3", "runs, S=5"],
            widths,
        )
    )

    rows = []
    for title, cells_each, names in POOLED:
        pool = [w for name, w in weighed(figures).items() if names(name)]
        parts = [(figures.array(BASE, list(w)), np.array(list(w.values()))) for w in pool]
        share = pairing.over_seeds(lambda c, parts=parts: pooled_share(parts, c), size)
        row: list[Any] = [title, *spread(share)]
        for seeds in (3, 5, 10):
            row.append(pairing.relative_width(share.value, seeds, cells_each))
            row.append(pairing.worth(share.value, seeds, cells_each))
        rows.append(row)
    found.append(
        (
            "What pairing by seed is worth: share it takes off over all contrasts of a kind; at S = 3, 5, 10"
            " the width by formula, and how many unpaired seeds are as good as S paired ones",
            [
                "contrasts",
                "share",
                "low",
                "high",
                "width 3",
                "worth 3",
                "width 5",
                "worth 5",
                "width 10",
                "worth 10",
            ],
            rows,
        )
    )

    rows = []
    gains = {k: v for k, v in weighed(figures).items() if k.startswith(("D_", "main"))}
    for key, title in ESTIMATORS.items():
        other = figures.array(key)
        factor = pairing.over_seeds(lambda c, o=other: pairing.factor(base[:, c], o[:, c]), size)
        moved = [
            float(
                np.array(list(w.values()))
                @ (figures.array(key, list(w)) - figures.array(BASE, list(w))).mean(axis=1)
            )
            for w in gains.values()
        ]
        rows.append([title, *spread(factor), float((other - base).mean()), *moved])
    found.append(
        (
            "Estimators: seed variance over that of the last epoch's weights, and what they move (pp)",
            ["estimator", "factor", "low", "high", "accuracy", *(k.split(":")[0] for k in gains)],
            rows,
        )
    )

    rows = []
    for key, title in CONTROLS.items():
        cells = [c for c in figures.cells if key != "mixed" or c[1] != "default"]
        a, x = figures.array(BASE, cells), figures.array(key, cells)
        left = pairing.over_seeds(lambda c, a=a, x=x: pairing.left_by_control(a[:, c], x[:, c]), size)
        rows.append([title, *spread(left)])
    others = [c for c in figures.cells if c[1] != "default"]
    a = figures.array(BASE, others)
    x = figures.array(BASE, [(model, "default") for model, _ in others])
    left = pairing.over_seeds(lambda c: pairing.left_by_control(a[:, c], x[:, c]), size)
    rows.append(
        ["accuracy of the Default augmentation, same seed (for the mixing augmentations)", *spread(left)]
    )
    found.append(
        (
            "Control variates: share of the seed variance that is left where the control's mean is known",
            ["control", "left", "low", "high"],
            rows,
        )
    )

    rows = []
    for part in (500, 1000, 2500, 5000, n):
        blocks = figures.hits[:, : n - n % part].reshape(len(figures.hits), -1, part).mean(axis=2) * 100
        seeds = [
            statistics.fmean(
                blocks[[figures.place[(*cell, s)] for s in figures.seeds], k].var(ddof=1)
                for cell in figures.cells
            )
            for k in range(blocks.shape[1])
        ]
        rows.append(
            [part, statistics.fmean(seeds), statistics.fmean(seeds) / base.var(axis=1, ddof=1).mean()]
        )
    endless = float(
        np.mean(
            [a.var(ddof=1) - samples[c].residual / n * 1e4 for c, a in zip(figures.cells, base, strict=True)]
        )
    )
    rows.append(["endless (less V_e)", endless, endless / base.var(axis=1, ddof=1).mean()])
    found.append(
        (
            "Size of the test set: variance over seeds of an accuracy (mean of cells and of disjoint parts)",
            ["images", "variance (pp^2)", "over all"],
            rows,
        )
    )

    rows = []
    for name, weights in weighed(figures).items():
        cells_ = [samples[c] for c in weights]
        together = contrasts.points(cells_, list(weights.values())).examples
        apart = sum(
            contrasts.points([c], [w]).examples for c, w in zip(cells_, weights.values(), strict=True)
        )
        rows.append([name, together, apart, together / apart])
    found.append(
        (
            f"Pairing by test example: V_example (pp^2) at {size} seeds, and with a test set for each cell",
            ["contrast", "paired", "apart", "ratio"],
            rows,
        )
    )
    return found


def pooled_share(parts: Sequence[tuple[np.ndarray, np.ndarray]], columns: np.ndarray) -> float:
    """`pairing.shared` of several contrasts together, each an array (cells, S) and its weights."""
    before = sum(pairing.alone(a[:, columns], w) for a, w in parts)
    return 1.0 - sum(float(np.var(w @ a[:, columns], ddof=1)) for a, w in parts) / before


def measured_width(cells: Sequence[Sample], weights: Sequence[float], seeds: int) -> float:
    """Mean width of the paired 95 % interval over the unpaired one's, over all subsets of so many seeds."""
    paired, unpaired = [], []
    for chosen in itertools.combinations(cells[0].seeds, seeds):
        some = [c.only(chosen) for c in cells]
        for widths, by_seed in ((paired, True), (unpaired, False)):
            interval = contrasts.points(some, weights, paired=by_seed).interval()
            widths.append(interval.high - interval.low)
    return statistics.fmean(paired) / statistics.fmean(unpaired)


def spread(found: pairing.Range | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.value, found.low, found.high)


def shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["table", "run", "collect"])
    parser.add_argument("--out", type=Path, help="where the runs are")
    parser.add_argument("--study", default="docs/studies/seeds.yaml")
    parser.add_argument("--figures", type=Path, default=Path("docs/studies/seeds"))
    parser.add_argument("--root", type=Path, default=None)
    given = parser.parse_args()
    if given.what != "table" and given.out is None:
        parser.error(f"{given.what} needs --out")
    if given.what == "run":
        return run(given.study, given.out, given.root)
    if given.what == "collect":
        return collect(given.study, given.out, given.figures)
    found = tables(Figures(given.figures))
    for title, head, rows in found:
        for row in rows:
            print(json.dumps({"table": title.split(":")[0], **dict(zip(head, row, strict=True))}))
    for title, head, rows in found:
        print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for row in rows:
            print(f"| {' | '.join(map(shown, row))} |")


if __name__ == "__main__":
    raise SystemExit(ended(main))
