"""How well cells and events agree with known ones: each is matched to one at most."""

import numpy as np
from scipy import optimize, sparse

COSINE, SECONDS = 0.6, 0.3


def matched_cells(truth, detected, cosine=COSINE):
    """Pairs (truth, found) of footprints (cells, pixels), sparse or dense, whose cosine is above a limit."""
    truth, detected = (sparse.csr_array(one, dtype=np.float64) for one in (truth, detected))
    lengths = [np.maximum(np.sqrt(one.multiply(one).sum(axis=1)), 1e-12) for one in (truth, detected)]
    cosines = (truth @ detected.T).toarray() / np.outer(*lengths)
    pairs = zip(*optimize.linear_sum_assignment(-cosines), strict=True)
    return [(int(one), int(other)) for one, other in pairs if cosines[one, other] > cosine]


def matched_events(truth, detected, seconds=SECONDS):
    """How many ascending times can be paired one to one without being farther apart than that."""
    count = first = 0
    for time in detected:
        while first < len(truth) and truth[first] < time - seconds:
            first += 1
        if first < len(truth) and truth[first] <= time + seconds:
            count, first = count + 1, first + 1
    return count


def f1(hits, true, detected):
    """Harmonic mean of recall and precision; 1 where there is nothing to find and nothing was."""
    return 2 * hits / (true + detected) if true + detected else 1.0
