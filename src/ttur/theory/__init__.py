"""THE PROOFS, RUNNING. numpy and scipy; no networks, no plots: frozen results.

`ttur.theory.catalogue` has the studies, each a theorem with its picture and its table.
"""

from typing import TYPE_CHECKING, Any

from ttur.perturbation.probe import (
    ProbeResult,
    field_probe,
    reduced_two_mode_stability,
    tracking_gap,
)
from ttur.theory.actor_critic import (
    ActorCriticRun,
    actor_critic_run,
    actor_mean_field,
    approximation_error,
    critic_fixed_point,
    critic_mean_field,
    joint_mean_field,
)
from ttur.theory.adam_momentum import (
    adam_momentum,
    adam_path,
    effective_memory,
    hbf_step,
    rescaled_gradient,
    spectral_radius,
    stability_limit,
)
from ttur.theory.adam_state import (
    adam_markov_field,
    adam_shift_first_order,
    adam_zero,
    exponential_noise,
    normal_noise,
    run_adam,
)
from ttur.theory.chains import (
    stationary_distribution,
)
from ttur.theory.clt import (
    CLTReport,
    as_rate_statistic,
    clt_report,
    cross_correlation,
    mp_limits,
)
from ttur.theory.controlled import (
    CMN,
    ControlledChain,
    ControlledProblem,
    averaged_field,
    solve_limit,
)
from ttur.theory.covariances import (
    Covariances,
)
from ttur.theory.diagnosis import (
    diagnose,
)
from ttur.theory.examples import (
    LINEAR_2_2,
    LINEAR_3_2,
    MC3,
    NONLINEAR_1_1,
    NONLINEAR_1_1_LINEARISED,
)
from ttur.theory.flat_minimum import (
    Potential,
    critical_beta1,
    critical_friction,
    crosses_barrier,
    figure2_potential,
    momentum_crosses_barrier,
)
from ttur.theory.games import (
    LQGAN,
    DiracGAN,
    MeanOnlyGAN,
)
from ttur.theory.heavy_ball import (
    ConvergenceOrder,
    EnergyTrajectory,
    energy_trajectory,
    friction_ode,
    hbf_ode,
    heavy_ball_path,
    ode_convergence_order,
)
from ttur.theory.iterate import (
    Trajectory,
    TwoTimeScaleProblem,
    centered_exponential_noise,
    gaussian_noise,
    simulate,
)
from ttur.theory.linear import (
    LinearTwoTimeScale,
)
from ttur.theory.linear_system import quasi_static_lag, slow_flow
from ttur.theory.markov import (
    MarkovLinearCritic,
    PoissonSolution,
    poisson_solution,
)
from ttur.theory.mdp import (
    COARSE_FEATURES,
    EXACT_FEATURES,
    FiniteMDP,
    corridor,
)
from ttur.theory.memory import (
    BiasCorrectedMemory,
    ConstantMemory,
    PolynomialMemory,
    hbf_time_change,
)
from ttur.theory.momentum import (
    augment_with_momentum,
    critical_time_scale,
    growth_rate,
    momentum_matrix,
    momentum_stable,
    momentum_threshold,
    zero_sum_game,
)
from ttur.theory.momentum_noise import (
    hbf_covariance,
    hbf_exact_covariance,
    second_moment_noise,
)
from ttur.theory.network import (
    LINE_ROUTES,
    NumNetwork,
    four_node_line,
)
from ttur.theory.saddle import (
    LinearQuadraticSaddle,
    Recurrence,
    SaddlePoint,
    in_contraction_region,
    recurrence_stats,
    tanh_game,
)
from ttur.theory.toy import (
    FIGURE4_SETTINGS,
    SaddleToy,
    hitting_time,
    mean_norm,
    run_figure4,
    stationary_deviations,
)
from ttur.theory.two_players import (
    momentum_step,
    play,
)
from ttur.timescales import Constant as ConstantSchedule
from ttur.timescales import PowerLaw as PowerSchedule
from ttur.timescales import StepReport
from ttur.timescales import check_step_sizes as check_step_assumptions

if TYPE_CHECKING:
    from ttur.perturbation.monitor import PerturbationMonitor

__all__ = [
    "CMN",
    "COARSE_FEATURES",
    "EXACT_FEATURES",
    "FIGURE4_SETTINGS",
    "LINEAR_2_2",
    "LINEAR_3_2",
    "LINE_ROUTES",
    "LQGAN",
    "MC3",
    "NONLINEAR_1_1",
    "NONLINEAR_1_1_LINEARISED",
    "ActorCriticRun",
    "BiasCorrectedMemory",
    "CLTReport",
    "ConstantMemory",
    "ConstantSchedule",
    "ControlledChain",
    "ControlledProblem",
    "ConvergenceOrder",
    "Covariances",
    "DiracGAN",
    "EnergyTrajectory",
    "FiniteMDP",
    "LinearQuadraticSaddle",
    "LinearTwoTimeScale",
    "MarkovLinearCritic",
    "MeanOnlyGAN",
    "NumNetwork",
    "PerturbationMonitor",
    "PoissonSolution",
    "PolynomialMemory",
    "Potential",
    "PowerSchedule",
    "ProbeResult",
    "Recurrence",
    "SaddlePoint",
    "SaddleToy",
    "StepReport",
    "Trajectory",
    "TwoTimeScaleProblem",
    "actor_critic_run",
    "actor_mean_field",
    "adam_markov_field",
    "adam_momentum",
    "adam_path",
    "adam_shift_first_order",
    "adam_zero",
    "approximation_error",
    "as_rate_statistic",
    "augment_with_momentum",
    "averaged_field",
    "centered_exponential_noise",
    "check_step_assumptions",
    "clt_report",
    "corridor",
    "critic_fixed_point",
    "critic_mean_field",
    "critical_beta1",
    "critical_friction",
    "critical_time_scale",
    "cross_correlation",
    "crosses_barrier",
    "diagnose",
    "effective_memory",
    "energy_trajectory",
    "exponential_noise",
    "field_probe",
    "figure2_potential",
    "four_node_line",
    "friction_ode",
    "gaussian_noise",
    "growth_rate",
    "hbf_covariance",
    "hbf_exact_covariance",
    "hbf_ode",
    "hbf_step",
    "hbf_time_change",
    "heavy_ball_path",
    "hitting_time",
    "in_contraction_region",
    "joint_mean_field",
    "mean_norm",
    "momentum_crosses_barrier",
    "momentum_matrix",
    "momentum_stable",
    "momentum_step",
    "momentum_threshold",
    "mp_limits",
    "normal_noise",
    "ode_convergence_order",
    "play",
    "poisson_solution",
    "quasi_static_lag",
    "recurrence_stats",
    "reduced_two_mode_stability",
    "rescaled_gradient",
    "run_adam",
    "run_figure4",
    "second_moment_noise",
    "simulate",
    "slow_flow",
    "solve_limit",
    "spectral_radius",
    "stability_limit",
    "stationary_deviations",
    "stationary_distribution",
    "tanh_game",
    "tracking_gap",
    "zero_sum_game",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "PerturbationMonitor":  # which needs torch; nothing else here does
        from ttur.perturbation.monitor import PerturbationMonitor

        return PerturbationMonitor
    raise AttributeError(f"module 'ttur.theory' has no attribute {name!r}")
