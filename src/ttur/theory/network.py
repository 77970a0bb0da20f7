"""Network utility maximisation: flows and link prices as a saddle point (Theorem 10, Figure 1)."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from ttur.theory.checks import Numbers, array_of_shape
from ttur.theory.iterate import TwoTimeScaleProblem, gaussian_noise

Array = Float[np.ndarray, "..."]


class Equilibrium(NamedTuple):
    """Where the averaged update stands still."""

    prices: Float[np.ndarray, " links"]
    flows: Float[np.ndarray, " flows"]

    def distance(self, prices: Array, flows: Array) -> Array:
        """Euclidean distance of (prices, flows), any leading dimensions, to this point."""
        squared = ((prices - self.prices) ** 2).sum(-1) + ((flows - self.flows) ** 2).sum(-1)
        return np.asarray(np.sqrt(squared))


@dataclass(frozen=True, eq=False)
class NumNetwork:
    """Maximise sum_s weights_s log x_s subject to R x <= c, by its Lagrangian.

    L(x, lambda) = sum_s weights_s log x_s - lambda . (R x - c). The flows x ascend it and are `w`,
    the prices lambda descend it and are `theta`; flows are kept within `box`, prices above 0.
    R (links, flows) says which flow uses which link. L is linear in the prices, so their block of
    the Jacobian is 0: assumption A1 of Theorem 10 as printed (Hurwitz blocks) excludes it (E27).

    Raises:
        ValueError: if shapes do not fit, or no flow within the box satisfies R x < c.
    """

    R: Any
    c: Any
    weights: Any = None
    box: tuple[float, float] = field(default=(0.05, 20.0), kw_only=True)

    def __post_init__(self) -> None:
        routes = np.asarray(self.R, dtype=np.float64)
        if routes.ndim != 2 or not np.isin(routes, (0, 1)).all() or not routes.any(0).all():
            raise ValueError(
                f"R should be a matrix of 0 and 1 (links, flows), each flow on some link, "
                f"got {self.R!r}"
            )
        links, flows = routes.shape
        weights = array_of_shape(
            "weights", np.ones(flows) if self.weights is None else self.weights, (flows,)
        )
        object.__setattr__(self, "R", routes)
        object.__setattr__(self, "c", array_of_shape("c", self.c, (links,)))
        object.__setattr__(self, "weights", weights)
        if not 0 < self.box[0] < self.box[1]:
            raise ValueError(f"box should satisfy 0 < low < high, got {self.box}")
        if not (weights > 0).all():
            raise ValueError(f"weights should be > 0 (strictly concave), got {weights}")
        self._check_feasible(np.zeros(links))

    def fields(self, prices: Array, flows: Array) -> tuple[Array, Array]:
        """(h, g) = (R x - c, weights / x - R^T lambda): -dL/dlambda and dL/dx."""
        return flows @ self.R.T - self.c, self.weights / flows - prices @ self.R

    def overload(self, beta: Numbers = 0.0) -> Float[np.ndarray, " links"]:
        """What each link carries too much even at the smallest flows: R x_min - c + beta.

        An equilibrium exists where all are < 0. A price whose overload is > 0 grows by at least
        that much per unit of sum a(n), whatever the flows do.
        """
        return self.R @ np.full(self.R.shape[1], self.box[0]) - self.c + beta

    def optimum(self) -> Equilibrium:
        """The saddle point of L."""
        return self.biased_equilibrium()

    def biased_equilibrium(self, alpha: Numbers = 0.0, beta: Numbers = 0.0) -> Equilibrium:
        """Where g + alpha = 0 and h + beta = 0 (or <= 0 at price 0): capacities shrink by beta.

        `alpha` is added to each flow's gradient, `beta` to each price's; a number means the same
        on all of them. The prices minimise the dual function, which is convex: L-BFGS-B, then
        Newton steps on the links that are full.

        Raises:
            ValueError: if there is none: the bias takes all of a link's capacity.
        """
        links, flows = self.R.shape
        alpha = array_of_shape("alpha", np.broadcast_to(alpha, np.shape(alpha) or flows), (flows,))
        beta = array_of_shape("beta", np.broadcast_to(beta, np.shape(beta) or links), (links,))
        self._check_feasible(beta)
        capacity, (low, high) = self.c - beta, self.box

        def best_flows(prices: Array) -> tuple[Array, Array]:
            cost = prices @ self.R - alpha
            return np.clip(self.weights / np.maximum(cost, self.weights / high), low, high), cost

        def dual(prices: Array) -> tuple[float, Array]:
            x, cost = best_flows(prices)
            value = (self.weights * np.log(x) - cost * x).sum() + prices @ capacity
            return float(value), capacity - self.R @ x

        prices = minimize(
            dual, np.ones(links), jac=True, bounds=[(0, None)] * links, method="L-BFGS-B"
        ).x
        full = prices > 1e-6
        for _ in range(10):
            x, _ = best_flows(prices)
            curvature = np.where((low < x) & (x < high), x**2 / self.weights, 0.0)
            hessian = (self.R * curvature) @ self.R.T
            gap = (self.R @ x - capacity)[full]
            prices[full] += np.linalg.lstsq(hessian[np.ix_(full, full)], gap)[0]
        return Equilibrium(prices, best_flows(prices)[0])

    def problem(
        self,
        alpha: Numbers = 0.0,
        beta: Numbers = 0.0,
        noise: float = 0.0,
        bias: Literal["constant", "wave"] = "constant",
    ) -> TwoTimeScaleProblem:
        """Both players' stochastic gradients, biased; run it with one step sequence for both.

        `alpha` and `beta` as in `biased_equilibrium`, or with a leading dimension of replicas;
        "wave" multiplies them with cos(sum a(n)). `noise` is the deviation of every component.
        """
        if bias not in ("constant", "wave"):
            raise ValueError(f"bias should be constant or wave, got {bias!r}")
        links, flows = self.R.shape
        alpha = array_of_shape("alpha", alpha, np.shape(alpha))
        beta = array_of_shape("beta", beta, np.shape(beta))
        for name, size, given in (("alpha", flows, alpha), ("beta", links, beta)):
            if given.shape[-1:] not in {(), (1,), (size,)}:
                raise ValueError(f"{name} should have {size} or 1 columns, got {given.shape}")

        @no_type_check  # called at every update
        def biases(theta, w, n, t):
            factor = np.cos(t) if bias == "wave" else 1.0
            return factor * beta, factor * alpha

        return TwoTimeScaleProblem(
            m=links,
            k=flows,
            h=lambda theta, w, z: w @ self.R.T - self.c,
            g=lambda theta, w, z: self.weights / w - theta @ self.R,
            noise=gaussian_noise(noise * np.eye(links + flows), links),
            bias=biases,
            project_theta=lambda theta: np.maximum(theta, 0.0),
            project_w=lambda w: np.clip(w, *self.box),
        )

    def _check_feasible(self, beta: Array) -> None:
        overload = self.overload(beta)
        worst = int(overload.argmax())
        if not overload[worst] < 0:
            raise ValueError(
                f"no equilibrium exists: link {worst} has capacity {self.c[worst]:g}, a bias of "
                f"{beta[worst]:g} and flows of at least {self.box[0]:g}, "
                f"{overload[worst]:.6g} too much; lower the bias or raise the capacity"
            )


LINE_ROUTES = ((1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1))  # nodes A-B-C-D; flow 0 uses every link


def four_node_line(
    capacities: Numbers = (3.0, 4.0, 7.0), box: tuple[float, float] = (0.05, 20.0)
) -> NumNetwork:
    """Nodes A-B-C-D, links AB, BC, CD; flow 0 over all links, flows 1, 2, 3 over one each.

    With capacities 3, 4, 7 the optimum is x = (1, 2, 3, 6), lambda = (1/2, 1/3, 1/6). The paper's
    Figure 1 (right) reprints a figure whose network, noise and bounds are not published; this
    stands in for it.
    """
    return NumNetwork(LINE_ROUTES, capacities, box=box)
