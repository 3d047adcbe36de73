"""Analyses of trained runs: explanations for the results of a study.

One module per analysis, with its name and description below. Such a module has

    VERSION                                  raised when the values of a run change
    refusal(config, store) -> str | None     why runs with these settings cannot be analysed
    images(store, limit) -> int              cost of a run in forward passes; a gradient counts three
    measure(subject, split=, limit=, progress=) -> dict
                                             values of one run, plain values or arrays; its docstring is the
                                             schema
    compare(results, found) -> dict          all runs together: experiments, contrasts, conclusions
    lines(compared, lang) -> list[str]       the comparison as text
    pictures(results, found) -> dict[str, bytes]
                                             image files, if the analysis draws images

found: [(run of the results, its result of `measure`), ...]. Only `measure` needs networks: examine.py joins
results with run folders, and subject.py opens a folder; code that compares or draws takes results, which also
contain the roles of the factors (study/roles.py). experiments.py compares experiments.
"""

ANALYSES = {
    "attribution": "where a model looks, and how much of it is on the object (extra: explain)",
    "calibration": "whether a model is right as often as it is sure, before and after temperature scaling",
    "cues": "which decides, a local or a global cue: interventions on the embedded set cues",
    "features": "how well features tell classes apart, and how alike those of two runs are",
    "mixtures": "what a model says of mixed images along their shares, and how far input gradients reach",
    "robustness": "what is still right of corrupted, attacked, cut up and filtered images",
}
