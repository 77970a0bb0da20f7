"""The primal-dual update of the four-node line, one flow at a time. Imports nothing from ttur."""

import numpy as np


def primal_dual(capacities, alpha, beta, sigma, steps, prices, flows, low, high, seed):
    """Flow 0 uses links 0, 1, 2, flow l + 1 uses link l; noise is drawn prices first."""
    rng = np.random.default_rng(seed)
    lam, x = list(prices), list(flows)
    for step in steps:
        noise = rng.standard_normal(7)
        up = [1 / x[0] - (lam[0] + lam[1] + lam[2])]
        up += [1 / x[link + 1] - lam[link] for link in range(3)]
        over = [x[0] + x[link + 1] - capacities[link] for link in range(3)]
        for flow in range(4):
            moved = x[flow] + step * (up[flow] + alpha + sigma * noise[3 + flow])
            x[flow] = min(max(moved, low), high)
        for link in range(3):
            lam[link] = max(lam[link] + step * (over[link] + beta + sigma * noise[link]), 0.0)
    return lam, x
