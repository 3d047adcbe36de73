"""Why, not only whether: what trained runs do when they are probed.

One file for each analysis, and its name and one line here. Such a module has

    VERSION                                  raised when the same run would get other figures
    refusal(run, store) -> str | None        why this run cannot be analysed so, in a sentence
    images(store, limit) -> int              forward passes of a run: what it costs; with a gradient three
    measure(subject, split=, limit=, progress=) -> dict
                                             one run's figures, plain values or arrays; its docstring is their
                                             schema
    compare(study, found) -> dict            all runs together: cells, contrasts, what follows
    lines(compared) -> list[str]             that for a person
    pictures(found) -> dict[str, bytes]      files to put beside, where it draws images

subject.py opens a run, cells.py compares experiments, examine.py asks, keeps the answers and goes on where it
was interrupted.
"""

ANALYSES = {
    "attribution": "where a model looks, and how much of it is on the object (extra: explain)",
    "calibration": "whether a model is right as often as it is sure, before and after temperature scaling",
    "cues": "which decides, a local or a global cue: interventions on the embedded set cues",
    "features": "how well features tell classes apart, and how alike those of two runs are",
    "mixtures": "what a model says of mixed images along their shares, and how far input gradients reach",
    "robustness": "what is still right of corrupted, attacked, cut up and filtered images",
}
