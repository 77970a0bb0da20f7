"""Eq. 15-16 for one replica, number by number; with Markov state, bias and projections."""

import numpy as np


def iterate(problem, a, b, theta, w, n_steps, seed, order):
    """theta and w after 1 ... n_steps updates, as lists of vectors."""
    rng = np.random.default_rng(seed)
    theta, w = [np.array([x], dtype=float) for x in (theta, w)]
    z = problem.markov_init(rng, 1)
    t = 0.0
    path = []
    for n in range(1, n_steps + 1):
        old_theta, old_w, old_z = theta, w, z
        noise_theta, noise_w = problem.noise(rng, 1, n)
        bias_theta, bias_w = problem.bias(old_theta, old_w, n, t)
        for player in {"fast_first": ["w", "theta"]}.get(order, ["theta", "w"]):
            seen = (old_theta, old_w) if order == "simultaneous" else (theta, w)
            if player == "theta":
                field = problem.h(*seen, old_z) + noise_theta + bias_theta
                theta = problem.project_theta(theta + a(n) * field)
            else:
                field = problem.g(*seen, old_z) + noise_w + bias_w
                w = problem.project_w(w + b(n) * field)
        z = problem.markov_step(rng, old_z, old_theta, old_w, n)
        t = t + a(n)
        path.append((theta[0], w[0]))
    return path
