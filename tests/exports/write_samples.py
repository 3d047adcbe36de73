"""Writes the samples beside this file with the libraries themselves; README.md says which versions did.

    python write_samples.py timm|lightning|huggingface|tensorboard|wandb|mlflow FOLDER

Two arms, two seeds, three epochs; a linear classifier on random points, so that files stay tiny.
"""

import os
import sys
from pathlib import Path

ARMS, SEEDS, EPOCHS = ("none", "cutmix"), (0, 1), 3


def accuracy(arm, seed, epoch):
    """Percent. The best epoch on validation is the second, so that the rules differ."""
    return 70 + 5 * (arm == "cutmix") + seed + (0, 4, 2)[epoch]


def timm(folder):
    import yaml
    from timm.utils import update_summary

    for arm in ARMS:
        for seed in SEEDS:
            out = folder / f"20260101-00000{seed}-resnet18-32-{arm}"
            out.mkdir(parents=True)
            settings = {"model": "resnet18", "seed": seed, "cutmix": float(arm == "cutmix"), "lr": 0.1}
            (out / "args.yaml").write_text(yaml.safe_dump(settings))  # as timm's train.py does
            for epoch in range(EPOCHS):
                top1 = float(accuracy(arm, seed, epoch))
                update_summary(
                    epoch,
                    {"loss": 1.0 / (epoch + 1)},
                    {"loss": 1.2 / (epoch + 1), "top1": top1, "top5": top1 + 20},
                    filename=str(out / "summary.csv"),
                    lr=0.1,
                    write_header=epoch == 0,
                )


def lightning(folder):
    import logging
    import warnings

    import torch

    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    from lightning import pytorch as pl
    from lightning.pytorch.loggers import CSVLogger

    class Net(pl.LightningModule):
        def __init__(self, mix, model, seed):
            super().__init__()
            self.save_hyperparameters()
            self.net = torch.nn.Linear(2, 2)

        def training_step(self, batch, _):
            loss = self.net(batch[0]).square().mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, _):
            self.log("val_acc", accuracy(self.hparams.mix, self.hparams.seed, self.current_epoch) / 100)

        def test_step(self, batch, _):
            self.log("test_acc", (accuracy(self.hparams.mix, self.hparams.seed, EPOCHS - 1) - 1) / 100)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(8, 2)), batch_size=4)
    for arm in ARMS:
        for seed in SEEDS:
            net = Net(arm, "linear", seed)
            trainer = pl.Trainer(
                max_epochs=EPOCHS,
                logger=CSVLogger(folder, name=arm),
                enable_progress_bar=False,
                enable_checkpointing=False,
                enable_model_summary=False,
                log_every_n_steps=1,
                accelerator="cpu",
                num_sanity_val_steps=0,
            )
            trainer.fit(net, data, data)
            trainer.test(net, data, verbose=False)


def huggingface(folder):
    import numpy as np
    import torch
    from transformers import Trainer, TrainingArguments

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Linear(2, 2)

        def forward(self, x, labels=None):
            logits = self.net(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    data = [{"x": torch.zeros(2), "labels": torch.tensor(0)} for _ in range(8)]
    for arm in ARMS:
        for seed in SEEDS:
            calls = iter(range(EPOCHS))
            trainer = Trainer(
                Net(),
                TrainingArguments(
                    str(folder / f"linear-{arm}-seed{seed}"),
                    num_train_epochs=EPOCHS,
                    per_device_train_batch_size=4,
                    eval_strategy="epoch",
                    save_strategy="epoch",
                    logging_strategy="epoch",
                    seed=seed,
                    report_to=[],
                    use_cpu=True,
                    disable_tqdm=True,
                ),
                train_dataset=data,
                eval_dataset=data,
                compute_metrics=lambda _, a=arm, s=seed, c=calls: {
                    "accuracy": np.float64(accuracy(a, s, next(c)) / 100)
                },
            )
            trainer.train()
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "trainer_state.json":
            file.unlink()


def tensorboard(folder):
    from torch.utils.tensorboard import SummaryWriter

    for arm in ARMS:
        for seed in SEEDS:
            with SummaryWriter(folder / arm / f"seed{seed}") as writer:
                for epoch in range(EPOCHS):
                    writer.add_scalar("loss/train", 1 / (epoch + 1), epoch)
                    writer.add_scalar("acc/val", accuracy(arm, seed, epoch) / 100, epoch)


def wandb(folder):
    import wandb as library

    folder.mkdir(parents=True)
    for arm in ARMS:
        for seed in SEEDS:
            run = library.init(
                project="sample",
                name=f"{arm}-{seed}",
                dir=folder,
                mode="offline",
                config={"model": "linear", "mix": arm, "seed": seed, "optim": {"lr": 0.1}},
                settings=library.Settings(console="off", x_disable_stats=True, x_disable_meta=True),
            )
            for epoch in range(EPOCHS):
                run.log(
                    {"epoch": epoch, "val/acc": accuracy(arm, seed, epoch) / 100, "loss": 1 / (epoch + 1)}
                )
            run.finish()


def mlflow(folder):
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow as library

    library.set_tracking_uri(folder.resolve().as_uri())
    library.set_experiment("sample")
    for arm in ARMS:
        for seed in SEEDS:
            with library.start_run(run_name=f"{arm}-{seed}"):
                library.log_params({"model": "linear", "mix": arm, "seed": seed})
                for epoch in range(EPOCHS):
                    library.log_metric("val_accuracy", accuracy(arm, seed, epoch) / 100, step=epoch)
                    library.log_metric("train_loss", 1 / (epoch + 1), step=epoch)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
