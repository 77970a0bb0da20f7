"""The probe of appendix A5, term by term on flat vectors."""

import numpy as np


def probe(g, h, theta, w, theta_new, w_new, a, b, beta1, P_theta, P_w, scores, g_second):
    norm = np.linalg.norm
    g00, g01, g11 = g(theta, w), g(theta, w_new), g(theta_new, w_new)
    h00, h01, h11 = h(theta, w), h(theta, w_new), h(theta_new, w_new)
    dD_g, dG_g, dD_h, dG_h = g01 - g00, g11 - g01, h01 - h00, h11 - h01
    dw, dtheta = norm(w_new - w), norm(theta_new - theta)
    kappa_D = b * norm(P_w * dD_g) / dw
    chi = np.sqrt(a * b * norm(P_w * dG_g) / dtheta * norm(P_theta * dD_h) / dw)
    fake00, real00 = scores(theta, w)
    fake01, real01 = scores(theta, w_new)
    fake11, _ = scores(theta_new, w_new)
    own = np.concatenate([(fake01 - fake00).ravel(), (real01 - real00).ravel()])
    second01, second11 = g_second(theta, w_new), g_second(theta_new, w_new)
    shared = max(0.0, dG_g @ (second11 - second01)) / max(0.0, g01 @ second01)
    return {
        "perturbation_of_discriminator": norm(dG_g) / norm(g01),
        "perturbation_of_generator": norm(dD_h) / norm(h01),
        "own_change_of_discriminator": norm(dD_g) / norm(g00),
        "own_change_of_generator": norm(dG_h) / norm(h01),
        "perturbation_ratio": norm(dG_g) / norm(dD_g),
        "cosine": dG_g @ dD_g / (norm(dG_g) * norm(dD_g)),
        "contraction_of_discriminator": kappa_D,
        "contraction_of_generator": a * norm(P_theta * dG_h) / dtheta,
        "coupling": chi,
        "time_scale_ratio": chi**2 / kappa_D**2,
        "damping_ratio": 1 / (2 * np.sqrt(chi**2 / kappa_D**2)),
        "momentum_load": max(0.0, chi**2 - kappa_D**2 / 4) / ((1 - beta1) * kappa_D / 2),
        "score_perturbation": np.sqrt(np.mean((fake11 - fake01) ** 2)) / np.sqrt(np.mean(own**2)),
        "perturbation_of_discriminator_corrected": np.sqrt(shared),
    }
