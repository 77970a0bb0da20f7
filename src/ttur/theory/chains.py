"""Finite Markov chains: where they spend their time, and the next state drawn."""

from collections.abc import Sequence
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float

from ttur.theory.checks import check_irreducible, check_stochastic

Chain = Float[np.ndarray, "... states states"]


def stationary_distribution(P: Chain | Sequence[Any]) -> Float[np.ndarray, "... states"]:
    """pi with pi P = pi and sum pi = 1, of one chain or a stack of them.

    P(z, z') is the probability to go from z to z': rows sum to 1.

    Raises:
        ValueError: if P is not stochastic, or the chain is reducible.
    """
    P = np.asarray(P, dtype=float)
    check_stochastic("P", P)
    check_irreducible("P", P, "A Markov chain with one stationary distribution")
    # pi (I - P + 1 1^T) = 1^T, a regular system whatever the scale of pi.
    states = P.shape[-1]
    system = np.eye(states) - np.swapaxes(P, -1, -2) + np.ones((states, states))
    return np.linalg.solve(system, np.ones((*P.shape[:-1], 1)))[..., 0]


@no_type_check  # called at every update
def draw(rng, probabilities):
    """One index per row of `probabilities` (replicas, choices), from the generator `rng`."""
    # The last threshold is left out: it is 1 up to rounding, and no draw may pass it.
    thresholds = probabilities.cumsum(axis=-1)[..., :-1]
    return (rng.random((len(probabilities), 1)) > thresholds).sum(axis=-1)
