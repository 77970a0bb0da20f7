"""Adam's moments and the heavy ball, one number at a time, as printed."""


def kingma_ba(gradients, beta):
    """Algorithm 1 of Kingma & Ba (2015): the corrected first moment."""
    m, corrected = 0.0, []
    for t, g in enumerate(gradients, start=1):
        m = beta * m + (1 - beta) * g
        corrected.append(m / (1 - beta**t))
    return corrected


def as_printed(gradients, beta):
    """Eq. 4 (163): m_n = (beta m_{n-1} + (1 - beta) g_n) / (1 - beta^n)."""
    m, values = 0.0, []
    for n, g in enumerate(gradients, start=1):
        m = (beta * m + (1 - beta) * g) / (1 - beta**n)
        values.append(m)
    return values


def heavy_ball(f_grad, theta, a, r, steps):
    """Eq. 3 and 6 with constant a and r, theta_0 ... theta_steps from rest."""
    m, path = 0.0, [theta]
    for _ in range(steps):
        theta, m = theta - a * m, (1 - a * r) * m + a * r * f_grad(theta)
        path.append(theta)
    return path


def adam(f_grad, theta, lr, beta1, beta2, eps, steps):
    """Algorithm 1 of Kingma & Ba for one parameter."""
    m = v = 0.0
    path = [theta]
    for t in range(1, steps + 1):
        g = f_grad(theta)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps)
        path.append(theta)
    return path


def momentum_without_normaliser(f_grad, x, a, beta1, steps):
    """Where Adam's momentum alone comes to rest."""
    m = 0.0
    for _ in range(steps):
        m = beta1 * m + (1 - beta1) * f_grad(x)
        x -= a * m
    return x
