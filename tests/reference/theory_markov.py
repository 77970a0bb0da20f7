"""Moments of a Markov-modulated linear iterate and the covariance of its noise, state by state."""

import numpy as np


def moments(P, g, G, sigma_M, root, rates, start, z0):
    """E[w - root] and E[(w - root)(w - root)^T] after the steps `rates`, state by state."""
    states, k = g.shape
    p = [float(z == z0) for z in range(states)]
    mean = [p[z] * (start - root) for z in range(states)]
    second = [p[z] * np.outer(start - root, start - root) for z in range(states)]
    for b in rates:
        new_p = [0.0] * states
        new_mean = [np.zeros(k) for _ in range(states)]
        new_second = [np.zeros((k, k)) for _ in range(states)]
        for z in range(states):
            A, F = np.eye(k) - b * G[z], g[z] - G[z] @ root
            # e' = A e + b F + b M (e + root), with E[M x x^T M^T] = sigma_M^2 |x|^2 I
            size = np.trace(second[z]) + 2 * root @ mean[z] + p[z] * root @ root
            m = A @ mean[z] + b * F * p[z]
            s = A @ second[z] @ A.T + b * (A @ np.outer(mean[z], F) + np.outer(F, mean[z]) @ A.T)
            s = s + b**2 * (np.outer(F, F) * p[z] + sigma_M**2 * size * np.eye(k))
            for y in range(states):
                new_p[y] += P[z, y] * p[z]
                new_mean[y] += P[z, y] * m
                new_second[y] += P[z, y] * s
        p, mean, second = new_p, new_mean, new_second
    return sum(mean), sum(second)


def summed_autocovariance(P, F, pi, lags):
    """Gamma = sum over lags -L … L of Cov(F(Z_0), F(Z_lag)) of the stationary chain."""
    total = sum(pi[z] * np.outer(F[z], F[z]) for z in range(len(pi)))
    power = np.eye(len(pi))
    for _ in range(lags):
        power = power @ P
        for z in range(len(pi)):
            for y in range(len(pi)):
                covariance = pi[z] * power[z, y] * np.outer(F[z], F[y])
                total = total + covariance + covariance.T
    return total
