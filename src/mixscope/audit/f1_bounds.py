"""Which macro F1 goes with which macro precision and recall.

Class i of K has precision p_i, recall r_i and F1 h(p_i, r_i) = 2 p_i r_i / (p_i + r_i), with h(0, 0) = 0.
Macro figures are plain means: P = mean p_i, R = mean r_i, F = mean h(p_i, r_i). F is not h(P, R), as Opitz
& Burst show ("Macro F1 and Macro F1", arXiv 1911.03347), but it is bounded by P and R:

Above. h is concave on [0, 1]^2 (homogeneous of degree 1, and its Hessian is -4/(p + r)^3 times the square
(r dp - p dr)^2), so by Jensen's inequality F <= h(P, R) = 2 P R / (P + R), with equality where all classes
are alike. It is the strongest bound of its kind: h(P, R) <= sqrt(P R), (P + R)/2, 2 min(P, R)/(1 + min(P,
R)).

Below, for any test set. A concave function on a square lies above the lower hull of its corners, h(0,0) =
h(1,0) = h(0,1) = 0 and h(1,1) = 1, so F >= max(0, P + R - 1).

Below, for a test set with equally many examples of each class. Let g_i be the number of predictions of
class i over the number of its examples; then sum g_i = K, g_i >= r_i, p_i = r_i / g_i and h = 2 r_i / (1 +
g_i). With b = 2 R^2/(1 + R)^2 and a = 2 R/(1 + R) + 2 R/(1 + R)^2, the plane a r - b g lies below 2 r/(1 +
g) wherever 0 <= r <= min(1, g): the difference is linear in r; at r = 0 it is b g; at r = 1 <= g it is
convex in g with its minimum, 0, at g = 1/R; and at r = g <= 1 it is g (2/(1 + g) + b - a), which is at
least g times its value at g = 1. Taking means with mean g = 1: F >= a R - b = 2 R^2 / (1 + R). Equality: a
share R of the classes is recalled in full and takes all predictions.

On such a test set, by Cauchy-Schwarz, R = mean sqrt(r_i/g_i) sqrt(r_i g_i) <= sqrt(P) sqrt(mean r_i g_i)
and r_i <= 1, so also P >= R^2.

The bounds hold for every convention about classes that are never predicted (precision 0, 1 or left out of
the mean): a larger P loosens h(P, R) and R^2, and with a share q of classes in the mean of P, F >= q P + R
- q, which is at least P + R - 1. They take F1 as the mean over all classes, 0 where a class is never
predicted. The bounds for any test set hold for weighted averages as well, and h(P, R) itself, printed as
F1, is allowed.
"""


def f1_most(precision: float, recall: float) -> float:
    """The largest macro F1 for a macro precision and recall, all in [0, 1]."""
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0


def f1_least(precision: float, recall: float, *, balanced: bool) -> float:
    """The smallest macro F1 for a macro precision and recall, all in [0, 1].

    Args:
        precision: Macro precision.
        recall: Macro recall.
        balanced: Whether the test set has equally many examples of each class.
    """
    least = max(0.0, precision + recall - 1)
    return max(least, 2 * recall**2 / (1 + recall)) if balanced else least


def precision_least(recall: float) -> float:
    """The smallest macro precision for a macro recall, on a balanced test set."""
    return recall**2
