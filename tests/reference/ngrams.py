"""N-gram models as dictionaries of tuples, and their divergence (Heusel et al. 2017)."""

import math
from collections.abc import Sequence

Ngram = tuple[object, ...]


def counts(lines: Sequence[Sequence[object]], order: int) -> dict[Ngram, int]:
    """All overlapping windows of every line."""
    found: dict[Ngram, int] = {}
    for line in lines:
        for start in range(len(line) - order + 1):
            ngram = tuple(line[start : start + order])
            found[ngram] = found.get(ngram, 0) + 1
    return found


def divergence(real: dict[Ngram, int], generated: dict[Ngram, int]) -> float:
    """½ Σ p ln(p/m) + ½ Σ q ln(q/m), m = (p + q)/2, each sum over its own support, over ln 2."""
    windows, others = sum(real.values()), sum(generated.values())
    p = {ngram: count / windows for ngram, count in real.items()}
    q = {ngram: count / others for ngram, count in generated.items()}
    terms = []
    for own in (p, q):
        for ngram, frequency in own.items():
            middle = (p.get(ngram, 0.0) + q.get(ngram, 0.0)) / 2
            terms.append(frequency * math.log(frequency / middle) / 2)
    return math.fsum(terms) / math.log(2)
