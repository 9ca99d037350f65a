"""float64 oracles of the optimizers: one step from given weights, gradient and slots.

Each returns a list of pairs (new value, terms) for the weights and then for each slot. `terms` is
the size of what the value is summed up from: float32 arithmetic loses a few roundings of that, also
where the terms cancel.
"""

import numpy as np


def sgd(w, g, slots, learning_rate, iteration, *, momentum, nesterov):
    step = learning_rate * g
    if momentum == 0.0:
        return [(w - step, np.abs(w) + np.abs(step))]
    (m,) = slots
    new_m = momentum * m - step
    change = momentum * new_m - step if nesterov else new_m
    m_terms = np.abs(momentum * m) + np.abs(step)
    return [(w + change, np.abs(w) + m_terms + np.abs(step)), (new_m, m_terms)]


def adagrad(w, g, slots, learning_rate, iteration, *, epsilon):
    a = slots[0] + g**2
    change = learning_rate * g / np.sqrt(a + epsilon)
    return [(w - change, np.abs(w) + np.abs(change)), (a, a)]


def rmsprop(w, g, slots, learning_rate, iteration, *, rho, momentum, epsilon, centered):
    v = rho * slots[0] + (1 - rho) * g**2
    results = [(v, v)]
    variance = v
    if centered:
        s = rho * slots[-1] + (1 - rho) * g
        s_terms = np.abs(rho * slots[-1]) + np.abs((1 - rho) * g)
        variance = v - s**2
        variance_terms = v + np.abs(s) * s_terms
    else:
        variance_terms = v
    change = learning_rate * g / np.sqrt(variance + epsilon)
    change_terms = np.abs(change) * (1 + variance_terms / (variance + epsilon))
    if momentum:
        change = momentum * slots[1] + change
        change_terms = np.abs(momentum * slots[1]) + change_terms
        results.append((change, change_terms))
    if centered:
        results.append((s, s_terms))
    return [(w - change, np.abs(w) + change_terms), *results]


def adam(w, g, slots, learning_rate, iteration, *, beta_1, beta_2, epsilon, amsgrad):
    alpha = learning_rate * np.sqrt(1 - beta_2**iteration) / (1 - beta_1**iteration)
    m = slots[0] + (g - slots[0]) * (1 - beta_1)
    v = slots[1] + (g**2 - slots[1]) * (1 - beta_2)
    m_terms = np.abs(slots[0]) + np.abs((1 - beta_1) * g)
    v_terms = slots[1] + (1 - beta_2) * g**2
    root = np.maximum(slots[2], v) if amsgrad else v
    scale = alpha / (np.sqrt(root) + epsilon)
    w_terms = np.abs(w) + scale * m_terms * (1 + v_terms / v)
    results = [(w - m * scale, w_terms), (m, m_terms), (v, v_terms)]
    return [*results, (root, root + v_terms)] if amsgrad else results


def ftrl(
    w,
    g,
    slots,
    learning_rate,
    iteration,
    *,
    learning_rate_power,
    l1_regularization_strength,
    l2_regularization_strength,
    l2_shrinkage_regularization_strength,
    beta,
):
    n, z = slots
    power, l1 = -learning_rate_power, l1_regularization_strength
    shrunk = 2 * l2_shrinkage_regularization_strength * w
    new_n = n + g**2
    raised, raised_before = new_n**power / learning_rate, n**power / learning_rate
    new_z = z + g + shrunk - (raised - raised_before) * w
    z_terms = np.abs(z) + np.abs(g) + np.abs(shrunk) + (raised + raised_before) * np.abs(w)
    quadratic = raised + 2 * (l2_regularization_strength + beta / (2 * learning_rate))
    new_w = (np.clip(new_z, -l1, l1) - new_z) / quadratic
    return [(new_w, (z_terms + l1) / quadratic), (new_n, new_n), (new_z, z_terms)]


def adadelta(w, g, slots, learning_rate, iteration, *, rho, epsilon):
    a = rho * slots[0] + (1 - rho) * g**2
    change = np.sqrt(slots[1] + epsilon) / np.sqrt(a + epsilon) * g
    d = rho * slots[1] + (1 - rho) * change**2
    # A square has the roundings of the change, which are many, twice.
    d_terms = d + (1 - rho) * change**2
    step = learning_rate * change
    return [(w - step, np.abs(w) + np.abs(step)), (a, a), (d, d_terms)]


def nadam(w, g, slots, learning_rate, iteration, *, beta_1, beta_2, epsilon):
    shares = [beta_1 * (1 - 0.5 * 0.96**t) for t in range(1, iteration + 2)]
    u, next_u, product = shares[-2], shares[-1], np.prod(shares[:-1])
    m = slots[0] + (g - slots[0]) * (1 - beta_1)
    v = slots[1] + (g**2 - slots[1]) * (1 - beta_2)
    m_terms = np.abs(slots[0]) + np.abs((1 - beta_1) * g)
    v_terms = slots[1] + (1 - beta_2) * g**2
    m_share, g_share = next_u / (1 - product * next_u), (1 - u) / (1 - product)
    scale = learning_rate / (np.sqrt(v / (1 - beta_2**iteration)) + epsilon)
    w_terms = np.abs(w) + scale * (m_share * m_terms + g_share * np.abs(g)) * (1 + v_terms / v)
    return [(w - (m_share * m + g_share * g) * scale, w_terms), (m, m_terms), (v, v_terms)]


def adamax(w, g, slots, learning_rate, iteration, *, beta_1, beta_2, epsilon):
    m = slots[0] + (g - slots[0]) * (1 - beta_1)
    u = np.maximum(beta_2 * slots[1], np.abs(g))
    m_terms = np.abs(slots[0]) + np.abs((1 - beta_1) * g)
    scale = learning_rate / (1 - beta_1**iteration) / (u + epsilon)
    return [(w - m * scale, np.abs(w) + m_terms * scale), (m, m_terms), (u, u)]


def lion(w, g, slots, learning_rate, iteration, *, beta_1, beta_2):
    direction = beta_1 * slots[0] + (1 - beta_1) * g
    terms = np.abs(beta_1 * slots[0]) + np.abs((1 - beta_1) * g)
    # Rounding decides the sign of what is as small as that.
    undecided = (np.abs(direction) <= 2.0**-20 * terms) & (terms > 0)
    w_terms = np.where(undecided, np.inf, np.abs(w) + learning_rate)
    m = beta_2 * slots[0] + (1 - beta_2) * g
    m_terms = np.abs(beta_2 * slots[0]) + np.abs((1 - beta_2) * g)
    return [(w - learning_rate * np.sign(direction), w_terms), (m, m_terms)]


STEPS = {
    "sgd": sgd,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
    "ftrl": ftrl,
    "adadelta": adadelta,
    "nadam": nadam,
    "adamax": adamax,
    "lion": lion,
}

# What every optimizer has and a rule does not see.
COMMON = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "gradient_accumulation_steps",
)


def step(name, w, g, slots, learning_rate, iteration, **options):
    """One step of a rule after what comes before it, element by element."""
    common = {name: options.pop(name) for name in COMMON if name in options}
    w = w - learning_rate * common.get("weight_decay", 0.0) * w
    if bound := common.get("clipvalue", 0.0):
        g = np.clip(g, -bound, bound)
    return STEPS[name](w, g, slots, learning_rate, iteration, **options)
