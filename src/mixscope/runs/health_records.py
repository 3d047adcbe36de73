"""Reads health findings from the records of a run, including those of the first version.

The first version wrote {"check", "ok", "sentence", "figures"} with an English sentence. Its numbers are
converted to the parameters of today's findings; where it kept none, the sentence is kept as written.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mixscope import i18n
from mixscope.findings import Finding, Severity
from mixscope.training import pretraining_data


def read(rows: Iterable[Mapping[str, Any]], data_name: str) -> list[Finding]:
    """Reads the findings of records, in their order.

    Args:
        rows: `health` of a summary.json, or the events of kind "health".
        data_name: The run's data set, which the first version omitted.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: For rows that no version wrote.
    """
    found = [_first_version(row, data_name) if "check" in row else Finding.from_dict(row) for row in rows]
    for finding in found:
        i18n.render(finding)
    return found


def _first_version(row: Mapping[str, Any], data_name: str) -> Finding:
    check, _, predictions = row["check"].partition("/")
    code = _CODES.get(check, check)
    severity = _SEVERITIES[row["ok"]]
    if severity == "warn" and code in ("input-contract", "model-input"):
        severity = "fail"
    try:
        params = _PARAMS[code](dict(row["figures"]), data_name, severity)
    except KeyError:
        params = None
    if params is None:
        params = {i18n.RECORDED: row["sentence"]}
    return Finding(code, severity, params | ({"predictions": predictions} if predictions else {}))


_SEVERITIES: dict[bool | None, Severity] = {True: "ok", False: "warn", None: "note"}
_CODES = {
    "contract": "input-contract",
    "first-batch": "input-scale",
    "precision-recall": "precision-recall-gap",
    "training-figures": "training-metrics",
    "weights": "pretraining-data",
    "selection": "checkpoint-selection",
}


def _contract(old: dict[str, Any], _: str, severity: Severity) -> dict[str, Any] | None:
    return {"size": old["size"], "mean": old["mean"], "std": old["std"]} if severity == "ok" else None


def _model_input(old: dict[str, Any], _: str, severity: Severity) -> dict[str, Any]:
    names = ("size",) if severity == "note" else ("size", "model_size", "tokens")
    return {name: old[name] for name in names}


def _drift(old: dict[str, Any], _: str, severity: Severity) -> dict[str, Any]:
    names = () if severity == "note" else ("train_mode_top1", "eval_mode_top1", "images")
    return {name: old[name] for name in names}


def _gap(old: dict[str, Any], *_: Any) -> dict[str, Any]:
    names = ("macro_precision", "macro_recall")
    return {name: old[name] for name in names} | {"gap_pp": old["gap"], "threshold_pp": 2.5}


def _metrics(old: dict[str, Any], _: str, severity: Severity) -> dict[str, Any]:
    if severity != "ok":
        return {"missing": [name for name, value in old.items() if value is None]}
    names = ("train_loss", "clean_train_top1", "lam_weighted_train_top1")
    return {name: old[name] for name in names}


def _weights(old: dict[str, Any], data_name: str, severity: Severity) -> dict[str, Any]:
    return {"remarks": pretraining_data.remarks(old, data_name) if severity == "warn" else []}


def _selection(old: dict[str, Any], *_: Any) -> dict[str, Any]:
    top1 = [Finding("checkpoint-top1", params={"checkpoint": k, "top1": v}) for k, v in old.items()]
    return {"top1": top1}


def _same(*names: str) -> Callable[[dict[str, Any], str, Severity], dict[str, Any]]:
    return lambda old, _, __: {name: old[name] for name in names}


_PARAMS: Mapping[str, Callable[[dict[str, Any], str, Severity], dict[str, Any] | None]] = {
    "input-contract": _contract,
    "input-scale": _same("train_mean", "train_std", "eval_mean", "eval_std"),
    "model-input": _model_input,
    "batch-norm-drift": _drift,
    "macro-recall": _same("macro_recall", "top1"),
    "never-predicted": lambda old, _, __: {"never": old["never_predicted"], "classes": old["classes"]},
    "precision-recall-gap": _gap,
    "training-metrics": _metrics,
    "pretraining-data": _weights,
    "checkpoint-selection": _selection,
}
