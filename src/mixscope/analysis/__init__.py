"""Why, not only whether: what trained runs do when they are probed.

One file for each analysis, and its name and one line here. Such a module has

    VERSION                                  raised when the same run would get other figures
    refusal(config, store) -> str | None     why runs with these settings cannot be analysed so
    images(store, limit) -> int              forward passes of a run: what it costs; with a gradient three
    measure(subject, split=, limit=, progress=) -> dict
                                             one run's figures, plain values or arrays; its docstring is their
                                             schema
    compare(results, found) -> dict          all runs together: cells, contrasts, what follows
    lines(compared) -> list[str]             that for a person
    pictures(results, found) -> dict[str, bytes]
                                             files to put beside, where it draws images

found: [(run of the results, what `measure` gave of it), ...]. Only `measure` needs networks: examine.py is
the one place that joins results with run folders, and subject.py opens a folder; what compares or draws takes
results, which also say what part each factor plays (study/roles.py). cells.py compares experiments.
"""

ANALYSES = {
    "attribution": "where a model looks, and how much of it is on the object (extra: explain)",
    "calibration": "whether a model is right as often as it is sure, before and after temperature scaling",
    "cues": "which decides, a local or a global cue: interventions on the embedded set cues",
    "features": "how well features tell classes apart, and how alike those of two runs are",
    "mixtures": "what a model says of mixed images along their shares, and how far input gradients reach",
    "robustness": "what is still right of corrupted, attacked, cut up and filtered images",
}
