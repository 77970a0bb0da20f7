"""The actor-critic of Theorem 11, one number at a time. Imports nothing from ttur."""

import math

import numpy as np


def actor_critic(P, r, xi, Phi, gamma_w, gamma_eta, a, n_steps, lam, theta, seed):
    """One replica; draws first for the action, then for the next state. Returns eta, w, theta."""
    rng = np.random.default_rng(seed)
    x, eta, w, e = 0, 0.0, [0.0] * len(Phi[0]), [0.0] * len(Phi[0])
    theta = list(theta)
    for n in range(1, n_steps + 1):
        one = 1 / (1 + math.exp(-sum(f * t for f, t in zip(xi[x], theta, strict=True))))
        u = 1 if rng.random() < one else 0
        draw, y, reach = rng.random(), 0, P[u][x][0]
        while draw > reach and y < len(r) - 1:
            y += 1
            reach += P[u][x][y]
        v_x = sum(f * c for f, c in zip(Phi[x], w, strict=True))
        v_y = sum(f * c for f, c in zip(Phi[y], w, strict=True))
        d = r[x] - eta + v_y - v_x
        eta += a(n) * gamma_eta * (r[x] - eta)
        for i in range(len(w)):
            e[i] = lam * e[i] + Phi[x][i]
            w[i] += a(n) * gamma_w * d * e[i]
        for i in range(len(theta)):
            theta[i] += a(n) * d * (u - one) * xi[x][i]
        x = y
    return eta, w, theta
