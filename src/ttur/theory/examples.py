"""The systems that the studies of Theorems 1, 3, 4 and 6 to 9 run on."""

from typing import no_type_check

import numpy as np

from ttur.theory.iterate import TwoTimeScaleProblem, centered_exponential_noise
from ttur.theory.linear import LinearTwoTimeScale
from ttur.theory.markov import MarkovLinearCritic


def _linear(A11, A12, A21, A22, a1, a2, C) -> LinearTwoTimeScale:
    matrices = (np.array(x, dtype=float) for x in (A11, A12, A21, A22, a1, a2))
    return LinearTwoTimeScale(*matrices, Gamma=np.array(C) @ np.transpose(C))


LINEAR_2_2 = _linear(
    A11=[[1, 0.5], [-0.5, 1]],
    A12=[[0.5, 0], [0.2, -0.4]],
    A21=[[-0.6, 0.3], [0.4, 0.8]],
    A22=[[2, 1], [-1, 1.5]],
    a1=[1, -1],
    a2=[0.5, 2],
    C=[[1, 0, 0, 0], [0.3, 0.8, 0, 0], [0.4, -0.2, 1, 0], [0, 0.5, 0.3, 0.7]],
)
"""m = k = 2; eigenvalues of Delta 1.185 +- 0.474i."""

LINEAR_3_2 = _linear(
    A11=[[1.5, 0.2, 0], [-0.3, 1, 0.4], [0.1, -0.2, 0.8]],
    A12=[[0.4, -0.1], [0, 0.3], [-0.2, 0.2]],
    A21=[[0.5, -0.4, 0.2], [0.1, 0.3, -0.6]],
    A22=[[1.2, 0.3], [-0.2, 0.9]],
    a1=[1, 0, -1],
    a2=[0.5, -0.5],
    C=[
        [0.9, 0, 0, 0, 0],
        [0.2, 1, 0, 0, 0],
        [-0.1, 0.3, 0.8, 0, 0],
        [0.3, 0, 0.2, 1, 0],
        [-0.2, 0.4, 0.1, 0.3, 0.9],
    ],
)
"""m = 3, k = 2: theta and w of different dimensions."""

_GAMMA = np.array([[1, 0.3], [0.3, 0.5]])

NONLINEAR_1_1_LINEARISED = LinearTwoTimeScale.from_jacobians(-1, 0.5, 0.8, -2, Gamma=_GAMMA)
"""`NONLINEAR_1_1` at its equilibrium (0, 0); Delta = 0.8 in Konda and Tsitsiklis' signs."""

NONLINEAR_1_1 = TwoTimeScaleProblem(
    m=1,
    k=1,
    h=lambda theta, w, z: -theta + 0.5 * w + 0.3 * (1 - np.cos(theta)),
    g=lambda theta, w, z: 0.8 * theta - 2 * w + 0.4 * np.sin(w) ** 2,
    noise=centered_exponential_noise(np.linalg.cholesky(_GAMMA), m=1),
)
"""Globally Lipschitz fields with skewed noise; the equilibrium is (0, 0)."""

_P0 = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])
_TILT = np.array([[-0.3, 0.1, 0.2], [0.1, -0.3, 0.2], [0.2, 0.1, -0.3]])
_OFFSETS = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
_SLOPES = np.array(
    [[[1.5, 0.5], [-0.5, 1.0]], [[0.2, -1.0], [1.0, 0.8]], [[-0.5, 0.3], [0.0, 2.0]]]
)

MC3 = MarkovLinearCritic(
    P=lambda theta: _P0 + 0.5 * np.tanh(theta)[..., None] * _TILT,
    g=lambda theta: (1 + 0.5 * np.tanh(theta))[..., None] * _OFFSETS,
    G=lambda theta: np.broadcast_to(_SLOPES, (*theta.shape[:-1], 3, 2, 2)),
    sigma_M=0.3,
)
"""Three states, k = 2, m = 1. G of the third state is not positive definite, the average is."""


@no_type_check
def mc3_slow_field(theta: np.ndarray, w: np.ndarray) -> np.ndarray:
    """H = w_1 / 2 - theta, the slow field that goes with MC3."""
    return 0.5 * w[..., :1] - theta
