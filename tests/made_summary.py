"""A summary.json in the real format, for runs that were never trained."""

from mixscope.runs import records

METRICS = {
    "n": 100,
    "top1": 0.5,
    "top5": None,
    "precision": 0.5,
    "recall": 0.5,
    "f1": 0.5,
    "nll": 1.0,
    "brier": 0.5,
    "ece": 0.1,
    "classes_never_predicted": 0,
}


def summary(config, **changes):
    """What a run with these settings writes when it is done."""
    about = {"schema": records.SCHEMA, "name": "x", "digest": config.digest, "protocol": "sound"}
    return {
        **about,
        "seed": config.seed,
        "data": {"name": config.data.name, "digest": "d" * 64, "images": {"train": 100, "test": 100}},
        "code": ["c" * 16],
        "parameters": 1000,
        "weights": {"weights": "scratch"},
        "epochs": 1,
        "steps": 1,
        "checkpoints": {"last": 1},
        "results": {"test": {"last": METRICS}},
        "health": [],
        "seconds": 1.0,
        "images_per_second": 100.0,
        **changes,
    }
