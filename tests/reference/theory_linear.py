"""Konda and Tsitsiklis' equations as linear systems in vec(Sigma), and their iteration by loops."""

import numpy as np


def vec_solve(pairs, right):
    """X with sum over (L, R) of L X R^T = right, by one dense system: vec(L X R^T), columns."""
    system = sum(np.kron(R, L) for L, R in pairs)
    return np.linalg.solve(system, right.flatten("F")).reshape(right.shape, order="F")


def limit(A11, A12, A21, A22, Gamma, abar):
    """Eq. 99-101 with the signs of erratum E17."""
    m, k = len(A11), len(A22)
    G11, G12, G22 = Gamma[:m, :m], Gamma[:m, m:], Gamma[m:, m:]
    delta = A11 - A12 @ np.linalg.inv(A22) @ A21
    S22 = vec_solve([(A22, np.eye(k)), (np.eye(k), A22)], G22)
    S12 = vec_solve([(np.eye(m), A22)], G12 - A12 @ S22)
    slow = delta - abar / 2 * np.eye(m)
    S11 = vec_solve([(slow, np.eye(m)), (np.eye(m), slow)], G11 - A12 @ S12.T - S12 @ A12.T)
    return S11, S12, S22


def single_time_scale_limit(A11, A12, A21, A22, Gamma, abar):
    """The covariance of Theorem 7, from the noise of Eq. 103-104: M^theta - A12 A22^-1 M^w."""
    m = len(A11)
    K = A12 @ np.linalg.inv(A22)
    G11, G12, G21, G22 = Gamma[:m, :m], Gamma[:m, m:], Gamma[m:, :m], Gamma[m:, m:]
    slow = A11 - K @ A21 - abar / 2 * np.eye(m)
    noise = G11 - K @ G21 - G12 @ K.T + K @ G22 @ K.T
    return vec_solve([(slow, np.eye(m)), (np.eye(m), slow)], noise)


def exact(A11, A12, A21, A22, Gamma, a, b, N):
    """Eq. 93-95 (E19) after N updates from the equilibrium, in the coordinates of the theorem."""
    m, k = len(A11), len(A22)
    response = np.linalg.inv(A22) @ A21
    S = np.zeros((m + k, m + k))
    for n in range(1, N + 1):
        # theta and w as linear maps of (theta, w) and of (M^theta, M^w)
        of_state = np.block(
            [[np.eye(m) - a(n) * A11, -a(n) * A12], [-b(n) * A21, np.eye(k) - b(n) * A22]]
        )
        of_noise = np.diag([a(n)] * m + [b(n)] * k)
        S = of_state @ S @ of_state.T + of_noise @ Gamma @ of_noise.T
    lag = np.block([[np.eye(m), np.zeros((m, k))], [response, np.eye(k)]])
    S = lag @ S @ lag.T
    return S[:m, :m] / a(N), S[:m, m:] / a(N), S[m:, m:] / b(N)
