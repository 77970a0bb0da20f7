"""How much the generator's update perturbs the discriminator's gradient field (appendix A5).

The paper's hypothesis, measured: the discriminator follows as long as the generator moves its field
less than its own step does. Works on numpy arrays and on tensors; nothing here moves a weight.
"""

import cmath
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Parameters = Any  # one array or tensor, or a list or tuple of them
Field = Callable[[Any, Any], Any]  # (theta, w) -> one array per parameter of its player


@dataclass(frozen=True)
class ProbeResult:
    """What one iteration (theta, w) -> (theta', w') did to both fields; nan where it is 0/0.

    D is the discriminator's step w -> w', G the generator's theta -> theta' after it; |.| is the
    Euclidean norm over all parameters of a player. Behind each stands its symbol in docs/theory.md.
    """

    perturbation_of_discriminator: float  # rho_D, of appendix A5: |G's change of g| / |g|
    perturbation_of_generator: float  # rho_G, the reverse one: |D's change of h| / |h|
    own_change_of_discriminator: float  # c_D, what its own step changes: |D's change of g| / |g|
    own_change_of_generator: float  # c_G: |G's change of h| / |h|
    perturbation_ratio: float  # R: |G's change of g| / |D's change of g|
    cosine: float  # between these two: -1 where the discriminator undoes the perturbation
    contraction_of_discriminator: float  # kappa_D, per step, of its own field
    contraction_of_generator: float  # kappa_G, its counterpart, without a sign
    coupling: float  # chi, of the two players per step
    time_scale_ratio: float  # eps_eff = (chi / kappa_D)^2: slow rate over fast rate, as measured
    damping_ratio: float  # zeta = 1 / (2 sqrt(eps_eff)); above 1 two modes follow, overdamped
    momentum_load: float  # above 1 the two-mode model is unstable under momentum
    # Q, G's change of the scores over D's, root mean squares; nan without `output_fn`.
    score_perturbation: float
    # Of the discriminator, without sampling noise; nan without `g_fn_independent`.
    perturbation_of_discriminator_corrected: float
    norms: dict[str, float]  # of g, h at the three points, their differences, both moves

    def to_json(self) -> dict[str, float | None]:
        """Every number but `norms`; None where it is not finite."""
        values = asdict(self)
        del values["norms"]
        return {name: value if math.isfinite(value) else None for name, value in values.items()}


# What the quantities were called before, in events.jsonl: such runs are read as those of today.
FORMER_NAMES = {
    "rho_D": "perturbation_of_discriminator",
    "rho_G": "perturbation_of_generator",
    "c_D": "own_change_of_discriminator",
    "c_G": "own_change_of_generator",
    "R": "perturbation_ratio",
    "cos": "cosine",
    "kappa_D": "contraction_of_discriminator",
    "kappa_G": "contraction_of_generator",
    "chi": "coupling",
    "eps_eff": "time_scale_ratio",
    "zeta": "damping_ratio",
    "Q": "score_perturbation",
    "rho_D_corrected": "perturbation_of_discriminator_corrected",
}


def field_probe(
    g_fn: Field,
    h_fn: Field,
    theta: Parameters,
    w: Parameters,
    theta_new: Parameters,
    w_new: Parameters,
    *,
    lr_g: float,
    lr_d: float,
    beta1: float = 0.0,
    precond_g: Parameters | None = None,
    precond_d: Parameters | None = None,
    output_fn: Field | None = None,
    g_fn_independent: Field | None = None,
) -> ProbeResult:
    """The probe of one iteration: each field at (theta, w), (theta, w') and (theta', w').

    Args:
        g_fn, h_fn: the discriminator's and the generator's field (minus the gradient of its loss)
            as new arrays, on one batch with one noise. A sign common to both changes nothing.
        theta, w, theta_new, w_new: before and after the iteration.
        lr_g, lr_d: the nominal rates a and b; `beta1` is the momentum of both optimizers.
        precond_g, precond_d: P = 1 / (sqrt(v) + eps) of Adam, one array per parameter; None is 1.
        output_fn: (theta, w) -> (scores of generated, scores of real samples) of the batch.
        g_fn_independent: g on a second, independent batch. Its inner products with the first are
            squared norms without the sampling noise that |g| contains.

    Raises:
        ValueError: for a rate not > 0, beta1 outside [0, 1), or structures that do not fit.
    """
    for name, rate in (("lr_g", lr_g), ("lr_d", lr_d)):
        if not 0 < rate < math.inf:
            raise ValueError(f"{name} should be a finite rate > 0, got {rate}")
    _check_momentum(beta1)
    points = (theta, w), (theta, w_new), (theta_new, w_new)
    sums = _InnerProducts()
    sums.add_move("dtheta", theta, theta_new)
    sums.add_move("dw", w, w_new)
    sums.add_field("g", g_fn, points, w, precond_d, g_fn_independent)
    sums.add_field("h", h_fn, points, theta, precond_g)
    generated, scored = sums.add_scores(output_fn, points) if output_fn else (1, 1)

    square = sums.read()
    norm = defaultdict(lambda: math.nan)  # what was not asked for
    norm |= {name: math.sqrt(max(value, 0.0)) for name, value in square.items()}
    kappa_D = lr_d * _ratio(norm["P dD_g"], norm["dw"])
    kappa_G = lr_g * _ratio(norm["P dG_h"], norm["dtheta"])
    chi2 = lr_g * lr_d * _ratio(norm["P dG_g"], norm["dtheta"]) * _ratio(norm["P dD_h"], norm["dw"])
    damping = kappa_D * kappa_D  # not a power, which raises where it is too large
    eps_eff, excess = _ratio(chi2, damping), chi2 - damping / 4
    return ProbeResult(
        perturbation_of_discriminator=_ratio(norm["dG_g"], norm["g01"]),
        perturbation_of_generator=_ratio(norm["dD_h"], norm["h01"]),
        own_change_of_discriminator=_ratio(norm["dD_g"], norm["g00"]),
        own_change_of_generator=_ratio(norm["dG_h"], norm["h01"]),
        perturbation_ratio=_ratio(norm["dG_g"], norm["dD_g"]),
        cosine=_ratio(square["dG_g.dD_g"], norm["dG_g"] * norm["dD_g"]),
        contraction_of_discriminator=kappa_D,
        contraction_of_generator=kappa_G,
        coupling=math.sqrt(chi2),
        time_scale_ratio=eps_eff,
        damping_ratio=_ratio(1.0, 2 * math.sqrt(eps_eff)),
        momentum_load=_ratio(0.0 if excess <= 0 else excess, (1 - beta1) * kappa_D / 2),
        score_perturbation=_ratio(
            norm["dG_Q"] / math.sqrt(generated), norm["dD_Q"] / math.sqrt(scored)
        ),
        perturbation_of_discriminator_corrected=_ratio(
            norm["dG_g.independent"], norm["g01.independent"]
        ),
        norms={name: norm[name] for name in _NORMS},
    )


def tracking_gap(
    v_d: Callable[[Any], Any],
    step_d: Callable[[Any], Any],
    w_copy: Any,
    k: int = 50,
    v0: float = 0.0,
) -> Any:
    """T_K = (V_K - V) / (V_K - v0): how far the discriminator lags behind a generator held still.

    V is its objective v_d(w_copy) on held-out samples, larger is better, V_K the same after `k`
    steps of `step_d` with the generator frozen. 0: it tracks; about 1: no better than the
    uninformative discriminator, whose value is v0 (0 for a critic's loss, -2 log 2 for the original
    GAN); above 1: worse. A negative numerator counts as 0; nan where V_K <= v0. `step_d` returns
    the discriminator it made (the same object where it moves in place). An array if v_d gives one.
    """
    if k < 1:
        raise ValueError(f"the tracking gap takes k >= 1 more steps, got {k}")
    before = v_d(w_copy)
    for _ in range(k):
        w_copy = step_d(w_copy)
    after = v_d(w_copy)
    with np.errstate(invalid="ignore"):
        room = np.subtract(after, v0)
        gap = np.maximum(np.subtract(after, before), 0.0) / np.where(room > 0, room, np.nan)
    return gap if gap.ndim else float(gap)


def reduced_two_mode_stability(
    kappa_D: float, kappa_G: float, chi: float, beta1: float = 0.0
) -> dict[str, bool | float]:
    """Whether w' = -kappa_D w - chi theta, theta' = chi w - kappa_G theta settles under momentum.

    Both players with the same momentum: each mode with rate u + iv needs (1 - beta1) u > v^2 (the
    limit of small rates). `margin` is the least (1 - beta1) u - v^2, > 0 where `stable`;
    `overdamped` says that neither mode oscillates. Here kappa_G has a sign: < 0 moves away.

    Raises:
        ValueError: if beta1 lies outside [0, 1).
    """
    _check_momentum(beta1)
    root = cmath.sqrt((kappa_D - kappa_G) ** 2 / 4 - chi**2)
    modes = (kappa_D + kappa_G) / 2 + np.array([root, -root])
    margin = float(np.min((1 - beta1) * modes.real - modes.imag**2))
    return {
        "overdamped": bool(abs(kappa_D - kappa_G) > 2 * abs(chi)),
        "stable": margin > 0,
        "margin": margin,
    }


_NORMS = ("g00", "g01", "g11", "h00", "h01", "h11", "dD_g", "dG_g", "dD_h", "dG_h", "dw", "dtheta")


class _InnerProducts:
    """Named inner products, summed in float64 on the device of the tensors and read once."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}

    def add(self, name: str, x: Any, y: Any) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + (x * y).sum()

    def add_move(self, name: str, old: Parameters, new: Parameters) -> None:
        for before, after in _together(name, old, new):
            move = after - before
            self.add(name, move, move)

    def add_field(
        self, f: str, field: Field, points: Any, own: Any, precond: Any, independent: Any = None
    ) -> None:
        """The three values of a field, D's and G's change of it, these preconditioned."""
        values = [field(*point) for point in points]
        values += [independent(*point) for point in points[1:]] if independent else []
        values += [] if precond is None else [precond]
        for _, f00, f01, f11, *rest in _together(f, own, *values):
            dD, dG = f01 - f00, f11 - f01
            P = rest.pop() if precond is not None else 1.0
            pairs = {f"{f}00": f00, f"{f}01": f01, f"{f}11": f11, f"dD_{f}": dD, f"dG_{f}": dG}
            pairs |= {f"P dD_{f}": P * dD, f"P dG_{f}": P * dG}
            for name, value in pairs.items():
                self.add(name, value, value)
            self.add(f"dG_{f}.dD_{f}", dG, dD)
            if rest:
                second01, second11 = rest
                self.add(f"{f}01.independent", f01, second01)
                self.add(f"dG_{f}.independent", dG, second11 - second01)

    def add_scores(self, output_fn: Field, points: Any) -> tuple[int, int]:
        """G's and D's change of the scores; how many scores each sum is over."""
        (fake00, real00), (fake01, real01), (fake11, _) = (
            tuple(map(_float64, output_fn(*point))) for point in points
        )
        self.add("dG_Q", fake11 - fake01, fake11 - fake01)
        for before, after in ((fake00, fake01), (real00, real01)):
            self.add("dD_Q", after - before, after - before)
        generated, real = math.prod(fake00.shape), math.prod(real00.shape)
        return generated, generated + real

    def read(self) -> dict[str, float]:
        values = list(self._sums.values())
        if hasattr(values[0], "new_empty"):  # tensors: one transfer, not one each
            vector = values[0].new_empty(len(values))
            for index, value in enumerate(values):
                vector[index] = value
            values = vector.tolist()
        return dict(zip(self._sums, map(float, values), strict=True))


def _together(name: str, own: Parameters, *others: Parameters) -> Iterator[tuple[Any, ...]]:
    """The arrays of structures of one form, side by side, in float64; the first is the player's."""
    lists = [list(s) if isinstance(s, list | tuple) else [s] for s in (own, *others)]
    shapes = [[tuple(leaf.shape) for leaf in leaves] for leaves in lists]
    for shape in shapes[1:]:
        if shape != shapes[0]:
            raise ValueError(
                f"{name} should have the shapes of its player's parameters, {shapes[0]}, "
                f"got {shape}"
            )
    return (tuple(map(_float64, leaves)) for leaves in zip(*lists, strict=True))


def _float64(leaf: Any) -> Any:
    if leaf.is_complex() if hasattr(leaf, "detach") else np.iscomplexobj(leaf):
        raise ValueError("a probe is of real parameters and fields, got complex ones")
    return leaf.detach().double() if hasattr(leaf, "detach") else np.asarray(leaf, np.float64)


def _check_momentum(beta1: float) -> None:
    if not 0 <= beta1 < 1:
        raise ValueError(f"beta1 should lie in [0, 1), got {beta1}")


def _ratio(x: float, y: float) -> float:
    """x / y; nan for 0/0, an infinity for anything else over 0."""
    return x / y if y else x * math.inf
