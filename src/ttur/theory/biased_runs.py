"""What the study of Theorem 10 measures: where iterates with a bias end, grow, return."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from ttur.theory.iterate import Trajectory, simulate
from ttur.theory.network import Equilibrium, NumNetwork
from ttur.theory.saddle import in_contraction_region, tanh_game
from ttur.theory.study import Row, mean_and_error, standard_error
from ttur.timescales import PowerLaw

Bias = tuple[float, float]  # alpha on the gradient of every flow, beta on that of every price

STEPS = PowerLaw(1.0, 0.6, offset=49)
KEPT = 1000  # of the iterates
TANH_STEPS, TANH_BIAS, TANH_REPLICAS = PowerLaw(1.0, 0.7), 0.05, 20


@dataclass(frozen=True, eq=False)
class BiasedRuns:
    """The network under several biases (alpha on every flow's gradient, beta on every price's)."""

    network: NumNetwork
    biases: Sequence[Bias]
    path: Trajectory
    prices: Float[np.ndarray, "times biases replicas links"]
    flows: Float[np.ndarray, "times biases replicas flows"]
    inside: Bool[np.ndarray, "times biases replicas"]

    @property
    def late(self) -> Bool[np.ndarray, " times"]:
        return self.path.n > self.path.n[-1] // 2

    @cached_property
    def optimum(self) -> Equilibrium:
        return self.network.optimum()

    @cached_property
    def distance(self) -> Float[np.ndarray, "times biases replicas"]:
        return self.optimum.distance(self.prices, self.flows)

    @property
    def shares(self) -> Float[np.ndarray, "biases replicas"]:
        """Of the second half, within the contraction region."""
        return self.inside[self.late].mean(axis=0)

    @property
    def growth(self) -> Float[np.ndarray, "biases replicas links"]:
        """Of the prices in the second half, per unit of sum a."""
        prices, t = self.prices[self.late], self.path.t_a[self.late]
        return (prices[-1] - prices[0]) / (t[-1] - t[0])

    def survives(self, index: int) -> bool:
        """Whether an equilibrium exists."""
        return bool((self.network.overload(self.biases[index][1]) < 0).all())

    def exact(self, index: int) -> float:
        """Distance of the biased equilibrium to the optimum."""
        biased = self.network.biased_equilibrium(*self.biases[index])
        return float(self.optimum.distance(*biased))

    def end_row(self, index: int, label: str) -> Row:
        if not self.survives(index):
            excess = np.maximum(self.network.overload(self.biases[index][1]), 0)
            rates = np.linalg.norm(self.growth[index], axis=-1)
            quantity = f"{label}: growth of the prices per unit of sum a"
            return Row(quantity, float(np.linalg.norm(excess)), *mean_and_error(rates))
        moved = np.concatenate(
            [
                self.prices[self.late, index].mean(axis=0) - self.optimum.prices,
                self.flows[self.late, index].mean(axis=0) - self.optimum.flows,
            ],
            axis=-1,
        )
        mean = moved.mean(axis=0)
        size = float(np.linalg.norm(mean))
        quantity = f"{label}: distance of the 2nd half's mean to the optimum"
        return Row(quantity, self.exact(index), size, standard_error(moved @ mean / size))

    def share_row(self, index: int, label: str) -> Row:
        share = self.shares[index]
        # Without an equilibrium each |h| comes to its capacity or to beta, whichever is less.
        return Row(
            f"{label}: share of the 2nd half in the contraction region",
            None if self.survives(index) else 1.0,
            float(share.mean()),
            standard_error(share),
        )

    def thresholds(self, swept: slice) -> list[float | None]:
        """Where the line through a price's growth over beta crosses 0, of each link.

        None where fewer than two prices grow, or where noise puts the crossing outside the sweep.
        """
        beta = np.array([b for _, b in self.biases[swept]])
        found: list[float | None] = []
        for growth in self.growth[swept].mean(axis=1).T:
            grows = growth > 0.3
            crosses = np.polyfit(growth[grows], beta[grows], 1)[1] if grows.sum() > 1 else np.nan
            found.append(float(crosses) if beta.min() <= crosses <= beta.max() else None)
        return found


def biased_runs(
    network: NumNetwork,
    start: tuple[Float[np.ndarray, " links"], Float[np.ndarray, " flows"]],
    biases: Sequence[Bias],
    replicas: int,
    steps: int,
    seed: int,
    noise: float,
    eta: float,
) -> BiasedRuns:
    """`replicas` paths from the prices and flows `start` for each of `biases`, in one simulation.

    As in the paper's figure alpha is on the flows, which are w, and beta on the prices, which are
    theta: Theorem 10 names them the other way round. The norms that it bounds are those of the same
    bias on every component, sqrt(links) beta on h and sqrt(flows) alpha on g.
    """
    bias = np.repeat(np.array(biases), replicas, axis=0)
    links, flows = network.R.shape
    path = simulate(
        network.problem(bias[:, :1], bias[:, 1:], noise),
        *(STEPS, STEPS, *start, steps),
        replicas=len(bias),
        seed=seed,
        record=max(1, steps // KEPT),
    )
    h, g = network.fields(path.theta, path.w)
    inside = in_contraction_region(h, g, bias[:, 1] * links**0.5, bias[:, 0] * flows**0.5, eta)
    shape = len(path.n), len(biases), replicas
    return BiasedRuns(
        network,
        biases,
        path,
        path.theta.reshape(*shape, -1),
        path.w.reshape(*shape, -1),
        inside.reshape(shape),
    )


@dataclass(frozen=True, eq=False)
class TanhRuns:
    """The tanh game of erratum E29: both blocks Hurwitz, the couplings of one sign or of two."""

    label: str
    path: Trajectory
    size: Float[np.ndarray, "times replicas"]  # |(theta, w)|
    rest: float  # of the biased game
    returned: float  # share of replicas in A_0.5 in the last tenth

    def growth_row(self) -> Row:
        half = self.path.n > self.path.n[-1] // 2
        size, t = self.size[half], self.path.t_a[half]
        rates = (size[-1] - size[0]) / (t[-1] - t[0])
        quantity = f"tanh game {self.label}: growth of |(theta, w)| per unit of sum a"
        return Row(quantity, 2**0.5 * (1 + TANH_BIAS), *mean_and_error(rates))


def tanh_runs(theta_from_w: float, w_from_theta: float, steps: int, seed: int) -> TanhRuns:
    """Paths from (1, 1); `theta_from_w` and `w_from_theta` are the couplings."""
    game = tanh_game(theta_from_w, w_from_theta, TANH_BIAS, noise=0.1)
    path = simulate(
        game,
        *(TANH_STEPS, TANH_STEPS, np.ones(1), np.ones(1), steps),
        replicas=TANH_REPLICAS,
        seed=seed,
        record=max(1, steps // KEPT),
    )
    h, g = game.h(path.theta, path.w, None), game.g(path.theta, path.w, None)
    inside = in_contraction_region(h, g, TANH_BIAS, TANH_BIAS, 0.5)
    last = path.n > 0.9 * steps
    arguments = np.array([[-1, theta_from_w], [w_from_theta, -1]])  # of both tanh
    rest = np.linalg.solve(arguments, np.full(2, -np.arctanh(TANH_BIAS)))
    return TanhRuns(
        f"({theta_from_w:g}, {w_from_theta:g})",
        path,
        np.hypot(path.theta, path.w)[..., 0],
        float(np.linalg.norm(rest)),
        float(inside[last].any(axis=0).mean()),
    )
