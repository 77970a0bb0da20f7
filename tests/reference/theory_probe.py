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
        "rho_D": norm(dG_g) / norm(g01),
        "rho_G": norm(dD_h) / norm(h01),
        "c_D": norm(dD_g) / norm(g00),
        "c_G": norm(dG_h) / norm(h01),
        "R": norm(dG_g) / norm(dD_g),
        "cos": dG_g @ dD_g / (norm(dG_g) * norm(dD_g)),
        "kappa_D": kappa_D,
        "kappa_G": a * norm(P_theta * dG_h) / dtheta,
        "chi": chi,
        "eps_eff": chi**2 / kappa_D**2,
        "zeta": 1 / (2 * np.sqrt(chi**2 / kappa_D**2)),
        "momentum_load": max(0.0, chi**2 - kappa_D**2 / 4) / ((1 - beta1) * kappa_D / 2),
        "Q": np.sqrt(np.mean((fake11 - fake01) ** 2)) / np.sqrt(np.mean(own**2)),
        "rho_D_corrected": np.sqrt(shared),
    }
