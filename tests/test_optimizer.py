import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import require_keras
from guarded import Guarded
from reference.optimizer import COMMON, STEPS, step
from shapes import LENGTHS

from fastdnn import _core, ops

KERNELS = ["optimizer_update_f32", "penalty_gradient_f32", "moving_average_f32"]

EPS = float(np.finfo(np.float32).eps)

FTRL = {
    "l1_regularization_strength": 0.02,
    "l2_regularization_strength": 0.1,
    "l2_shrinkage_regularization_strength": 0.05,
    "beta": 0.3,
}
CONFIGS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.8, "nesterov": True}),
    ("adagrad", {}),
    ("adagrad", {"epsilon": 1e-3}),
    ("rmsprop", {}),
    ("rmsprop", {"rho": 0.8, "momentum": 0.9}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"rho": 0.7, "momentum": 0.5, "centered": True, "epsilon": 1e-4}),
    ("adam", {}),
    ("adam", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    ("adam", {"amsgrad": True}),
    ("ftrl", {}),
    ("ftrl", FTRL),
    ("ftrl", {**FTRL, "learning_rate_power": -0.8}),
    ("ftrl", {"learning_rate_power": -0.2}),
    ("ftrl", {"learning_rate_power": 0.0}),
    ("adadelta", {}),
    ("adadelta", {"rho": 0.7, "epsilon": 1e-3}),
    ("nadam", {}),
    ("nadam", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    ("adamax", {}),
    ("adamax", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    ("lion", {}),
    ("lion", {"beta_1": 0.7, "beta_2": 0.9}),
    ("sgd", {"weight_decay": 0.3}),
    ("sgd", {"clipvalue": 0.5}),
    ("adam", {"weight_decay": 0.3, "clipvalue": 0.5}),
    ("lion", {"weight_decay": 0.3}),
]
NAMES = ["-".join([name, *map(str, options)]) for name, options in CONFIGS]
configs = pytest.mark.parametrize(("name", "options"), CONFIGS, ids=NAMES)


def make_state(rng, name, options, shape):
    """Weights, gradient and slots as they may look in the middle of a training."""
    config = _core.OptimizerConfig(name, **options)
    arrays = [rng.standard_normal(shape).astype(np.float32) for _ in range(2)]
    for slot in config.slot_names():
        values = rng.standard_normal(shape).astype(np.float32)
        if slot in ("accumulator", "velocity", "velocity_hat", "norm") or "accumulated" in slot:
            values = values**2 + np.float32(0.01)
        if slot == "average_gradient":  # its square never exceeds the velocity
            values = np.sqrt(arrays[2]) * rng.uniform(-0.9, 0.9, shape).astype(np.float32)
        arrays.append(values)
    return config, arrays


def update(config, w, g, *slots, learning_rate=0.1, iteration=3):
    named = dict(zip(config.slot_names(), slots, strict=True))
    _core.optimizer_update(config, w, g, named, learning_rate, iteration)


def oracle(config, w, g, *slots, learning_rate=0.1, iteration=3):
    w, g, *slots = (np.asarray(a, np.float64) for a in (w, g, *slots))
    options = config.options()
    options.pop("initial_accumulator_value", None)
    return step(config.name, w, g, slots, learning_rate, iteration, **options)


def roundings(options):
    """Roundings, of eps / 2 of the terms each, that a result may lose.

    The longest chains (RMSprop, Ftrl with everything) have 14, Adadelta's 16, rounded
    hyper-parameters included.
    A general power is exp(p log n): the rounding of the product, at most 4 here, counts as such.
    """
    return 16 if options.get("learning_rate_power", -0.5) in (-0.5, 0.0) else 16 + 2 * 8


def assert_close(actual, wanted, terms, options, factor=1):
    error = np.abs(actual - wanted)
    allowed = factor * roundings(options) * EPS / 2 * terms + 1e-37
    assert np.all(error <= allowed), f"{np.max(error / allowed):.3g} times what is allowed"


@configs
@pytest.mark.parametrize("length", LENGTHS)
def test_one_step(isa, rng, name, options, length):
    config, (w, g, *slots) = make_state(rng, name, options, length)
    outputs = []
    for i, values in enumerate([w, *slots]):
        outputs.append(Guarded((length,), misalign=i % 3))
        outputs[-1].array[...] = values
    update(config, outputs[0].array, g, *(o.array for o in outputs[1:]))
    for output, (wanted, terms) in zip(outputs, oracle(config, w, g, *slots), strict=True):
        output.check()
        assert_close(output.array, wanted, terms, options)


@configs
def test_block_of_padded_rows_is_the_flat_update(isa, rng, name, options):
    rows, cols = 14, 29
    config, arrays = make_state(rng, name, options, (rows, cols))
    padded = []
    for i, array in enumerate(arrays):
        padded.append(np.full((rows, 48 if i == 1 else 37), np.nan, np.float32))
        padded[-1][:, :cols] = array
    w, g, *slots = padded
    _core.testing.optimizer_update_block(config, w, g, slots, cols, 0.1, 3)
    update(config, *arrays)
    for block, flat in zip(padded, arrays, strict=True):
        np.testing.assert_array_equal(block[:, :cols], flat)
        assert np.isnan(block[:, cols:]).all()


def make_exact(rng, shape):
    """Small whole multiples of 1/8: what is computed of them below is exact."""
    return (rng.integers(-16, 17, shape) / 8).astype(np.float32)


@configs
def test_a_penalty_is_part_of_the_gradient(isa, rng, name, options):
    rows, cols, l1, l2 = 5, 29, 0.5, 0.25
    config, (w, g, *slots) = make_state(rng, name, options, (rows, cols))
    w[...], g[...] = make_exact(rng, w.shape), make_exact(rng, w.shape)
    # An update whose clip does nothing takes the same way as one with a penalty.
    plain = [w.copy(), g + l1 * np.sign(w) + 2 * l2 * w, *(slot.copy() for slot in slots)]
    _core.testing.optimizer_update_block(config, w, g, slots, cols, 0.1, 3, l1, l2)
    update(config, *plain)
    for penalized, wanted in zip((w, *slots), (plain[0], *plain[2:]), strict=True):
        np.testing.assert_array_equal(penalized, wanted)


@pytest.mark.parametrize("length", LENGTHS)
def test_penalty_gradient(isa, rng, length):
    w, before = make_exact(rng, length), make_exact(rng, length)
    w[:1] = 0.0
    g = Guarded((length,))
    g.array[...] = before
    _core.testing.penalty_gradient(w, g.array, 0.5, 0.25)
    g.check()
    np.testing.assert_array_equal(g.array, before + 0.5 * np.sign(w) + 0.5 * w)
    w[:1] = np.nan
    _core.testing.penalty_gradient(w, g.array, 0.5, 0.25)
    assert np.isnan(g.array[:1]).all()
    assert not np.isnan(g.array[1:]).any()


def test_thread_counts_agree_on_penalties(threads, rng):
    w, g = (rng.standard_normal(100_003).astype(np.float32) for _ in range(2))
    alone = g.copy()
    _core.testing.penalty_gradient(w, g, 0.1, 0.2)
    _core.set_num_threads(1)
    _core.testing.penalty_gradient(w, alone, 0.1, 0.2)
    assert g.tobytes() == alone.tobytes()


# Rows of both operands, columns of the first, columns of the second: in place, by tiles, packed,
# with fewer rows of tiles than threads, and around the edges of those.
PRODUCTS = [
    (1, 5, 7),
    (3, 4, 16),
    (20, 9, 200),
    (37, 70, 33),
    (50, 784, 300),
    (600, 700, 130),
    (1500, 700, 20),
]


def check_update_by_product(rng, name, options, a, b):
    shape = a.shape[1], b.shape[1]
    config, (w, _, *slots) = make_state(rng, name, options, shape)
    wanted = [array.copy() for array in (w, *slots)]
    update(config, wanted[0], ops.gemm(a, b, transpose_a=True), *wanted[1:])
    _core.testing.optimizer_update_product(config, a, b, w, slots, 0.1, 3)
    for array, expected in zip((w, *slots), wanted, strict=True):
        np.testing.assert_array_equal(array, expected)


def draw_factors(rng, k, m, n):
    return (rng.standard_normal((k, width)).astype(np.float32) for width in (m, n))


@configs
def test_product_is_used_up_as_the_gradient(isa, rng, name, options):
    check_update_by_product(rng, name, options, *draw_factors(rng, 37, 70, 33))


@pytest.mark.parametrize(("name", "options"), [("sgd", {"momentum": 0.9}), ("adam", {})])
@pytest.mark.parametrize(("k", "m", "n"), PRODUCTS)
def test_shapes_of_products(product_isa, rng, name, options, k, m, n):
    check_update_by_product(rng, name, options, *draw_factors(rng, k, m, n))


@pytest.mark.parametrize("value", [1e38, 1e-42, np.inf])
def test_product_of_numbers_that_tiles_cannot_multiply(product_isa, rng, value):
    a, b = draw_factors(rng, 50, 784, 300)
    a[3, 40] = value
    check_update_by_product(rng, "adam", {}, a, b)


@pytest.mark.parametrize(
    ("k", "m", "n"), [(20, 9, 200), (50, 784, 300), (600, 700, 130), (1500, 700, 20)]
)
def test_thread_counts_agree_on_products(threads, rng, k, m, n):
    a, b = draw_factors(rng, k, m, n)
    config, (w, _, *slots) = make_state(rng, "rmsprop", {}, (m, n))
    alone = [array.copy() for array in (w, *slots)]
    _core.testing.optimizer_update_product(config, a, b, w, slots, 0.1, 3)
    _core.set_num_threads(1)
    _core.testing.optimizer_update_product(config, a, b, alone[0], alone[1:], 0.1, 3)
    _core.set_num_threads(threads)
    assert [array.tobytes() for array in (w, *slots)] == [array.tobytes() for array in alone]


def test_sgd_rounds_once(rng, isa):
    if isa == "scalar":
        pytest.skip("the scalar level rounds the product, too")
    w, g = (rng.standard_normal(1000).astype(np.float32) for _ in range(2))
    rate = np.float32(0.1)
    # The product of two float32 is exact in float64; the sum then is within half an ulp of float64.
    wanted = (w.astype(np.float64) - np.float64(rate) * g).astype(np.float32)
    ops.sgd_update(w, g, learning_rate=0.1)
    np.testing.assert_array_equal(w, wanted)


@configs
def test_thread_counts_agree(threads, rng, name, options):
    config, arrays = make_state(rng, name, options, 100_003)
    alone = [a.copy() for a in arrays]
    update(config, *arrays)
    _core.set_num_threads(1)
    update(config, *alone)
    _core.set_num_threads(threads)
    assert [a.tobytes() for a in arrays] == [a.tobytes() for a in alone]


@configs
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_gradient_stays_where_it_is(isa, rng, name, options, bad):
    config, arrays = make_state(rng, name, options, 40)
    good = [a.copy() for a in arrays]
    arrays[1][17] = bad
    update(config, *arrays)
    update(config, *good)
    assert not np.isfinite(arrays[0][17]) or np.isinf(bad)
    for changed, clean in zip(arrays, good, strict=True):
        changed[17] = clean[17] = 0
        np.testing.assert_array_equal(changed, clean)


@pytest.mark.parametrize("overwrites", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_moving_average(isa, rng, length, overwrites):
    values = [rng.standard_normal(length).astype(np.float32) for _ in range(2)]
    average, w = (Guarded((length,), misalign=i) for i in (1, 2))
    for output, start in zip((average, w), values, strict=True):
        output.array[...] = start
    _core.testing.moving_average(average.array, w.array, 0.9, overwrites)
    average.check()
    w.check()
    kept, rest = 0.9 * values[0].astype(np.float64), 0.1 * values[1].astype(np.float64)
    # Each side loses by a rounded share, a product and the sum, which the other side's are in.
    assert np.all(abs(average.array - (kept + rest)) <= 4 * EPS / 2 * (abs(kept) + abs(rest)))
    np.testing.assert_array_equal(w.array, average.array if overwrites else values[1])


def test_a_first_average_is_the_weights_themselves(isa, rng):
    w = rng.standard_normal(50).astype(np.float32)
    average = np.ones(50, np.float32)
    _core.testing.moving_average(average, w, 0.0, False)
    np.testing.assert_array_equal(average, w)


def test_thread_counts_agree_on_moving_averages(threads, rng):
    average, w = (rng.standard_normal(100_003).astype(np.float32) for _ in range(2))
    alone = [average.copy(), w.copy()]
    _core.testing.moving_average(average, w, 0.9, True)
    _core.set_num_threads(1)
    _core.testing.moving_average(*alone, 0.9, True)
    _core.set_num_threads(threads)
    assert [average.tobytes(), w.tobytes()] == [a.tobytes() for a in alone]


@pytest.mark.parametrize("iteration", [1, 2, 899, 900, 901, 2000])
def test_nadam_knows_its_products_at_any_step(rng, iteration):
    """A product of up to 2000 factors, which no step computes."""
    options = {"beta_1": 0.999}  # so that the product matters that late
    config, (w, g, *slots) = make_state(rng, "nadam", options, 100)
    results = oracle(config, w, g, *slots, iteration=iteration)
    update(config, w, g, *slots, iteration=iteration)
    for mine, (wanted, terms) in zip((w, *slots), results, strict=True):
        assert_close(mine, wanted, terms, options)


def test_zero_gradient_and_state(isa):
    zeros = [np.zeros(20, np.float32) for _ in range(3)]
    ops.adam_update(*(np.zeros(20, np.float32) for _ in range(4)), iteration=1)
    for array in zeros:
        assert not array.any()
    w = np.ones(20, np.float32)
    ops.rmsprop_update(w, zeros[0], zeros[1])
    assert (w == 1).all()


def test_centered_rmsprop_survives_a_constant_gradient(isa):
    # v - s^2 tends to 0 and rounding may leave less than -epsilon.
    w, v, s = (np.zeros(64, np.float32) for _ in range(3))
    g = np.linspace(1, 1000, 64).astype(np.float32)
    for _ in range(300):
        ops.rmsprop_update(w, g, v, average_gradients=s, epsilon=1e-7)
    assert np.isfinite(w).all()


KERAS = """
import sys, json, numpy as np, keras
data = np.load(sys.argv[1])
classes = {"sgd": "SGD", "rmsprop": "RMSprop"}
results = {}
for i, (name, options) in enumerate(json.loads(sys.argv[3])):
    w = keras.Variable(data["w"])
    cls = getattr(keras.optimizers, classes.get(name, name.capitalize()))
    optimizer = cls(learning_rate=0.1, **options)
    for g in data["g"]:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(g), w)])
    results[f"{i}/w"] = np.asarray(w)
    for slot in optimizer.variables[2:]:
        if slot.shape != w.shape:
            continue  # Nadam's product of momenta is a number
        results[f"{i}/{slot.path.rsplit('_', 1)[-1]}/{len(results)}"] = np.asarray(slot)
np.savez(sys.argv[2], **results)
"""


@pytest.fixture(scope="module")
def keras_results(tmp_path_factory):
    require_keras()
    folder = tmp_path_factory.mktemp("keras")
    rng = np.random.default_rng(5)
    data = {
        "w": rng.standard_normal(50).astype(np.float32),
        "g": rng.standard_normal((5, 50)).astype(np.float32),
    }
    np.savez(folder / "data.npz", **data)
    command = [sys.executable, "-c", KERAS, folder / "data.npz", folder / "results.npz"]
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    environment.pop("LD_PRELOAD", None)  # a sanitizer's, which Keras's packages do not bear
    subprocess.run([*command, json.dumps(CONFIGS)], check=True, env=environment)
    results = {}
    for key, value in np.load(folder / "results.npz").items():
        results.setdefault(int(key.split("/")[0]), []).append(value)
    return data, results


@pytest.mark.parametrize("i", range(len(CONFIGS)), ids=NAMES)
def test_five_steps_as_keras(keras_results, isa, i):
    name, options = CONFIGS[i]
    data, results = keras_results
    config = _core.OptimizerConfig(name, **options)
    arrays = [data["w"].copy()]
    arrays += [
        np.full(50, config.slot_initial_value(s), np.float32)
        for s in range(len(config.slot_names()))
    ]
    total = [np.zeros(50) for _ in arrays]
    for iteration, g in enumerate(data["g"], start=1):
        for sums, (_, terms) in zip(
            total, oracle(config, arrays[0], g, *arrays[1:], iteration=iteration), strict=True
        ):
            sums += terms
        update(config, arrays[0], g, *arrays[1:], iteration=iteration)
    assert len(results[i]) == len(arrays)
    for mine, keras, terms in zip(arrays, results[i], total, strict=True):
        # Both sides round, and what they lose in a slot returns in later steps: twice two.
        factor = 4.0
        if name == "nadam":  # Keras rounds beta_2 before it takes it from 1
            factor += 1 / (1 - config.options()["beta_2"]) / roundings(options)
        assert_close(mine, keras.astype(np.float64), terms, options, factor)


def test_options_must_be_numbers():
    with pytest.raises(ValueError, match=r"\[sgd\] momentum: received 'x'; expected a number"):
        _core.OptimizerConfig("sgd", momentum="x")


def test_slots_and_their_first_values():
    def slots(name, **options):
        config = _core.OptimizerConfig(name, **options)
        return {s: config.slot_initial_value(i) for i, s in enumerate(config.slot_names())}

    tenth = float(np.float32(0.1))
    assert slots("sgd") == {}
    assert slots("sgd", momentum=0.5) == {"momentum": 0}
    assert slots("adagrad") == {"accumulator": tenth}
    assert slots("rmsprop", momentum=0.5, centered=True) == dict.fromkeys(
        ["velocity", "momentum", "average_gradient"], 0
    )
    assert slots("adam", amsgrad=True) == dict.fromkeys(["momentum", "velocity", "velocity_hat"], 0)
    assert slots("ftrl", initial_accumulator_value=0.5) == {"accumulator": 0.5, "linear": 0}
    assert slots("adadelta") == {"accumulated_grad": 0, "accumulated_delta_var": 0}
    assert slots("nadam") == {"momentum": 0, "velocity": 0}
    assert slots("adamax") == {"momentum": 0, "norm": 0}
    assert slots("lion", use_ema=True, gradient_accumulation_steps=2) == {
        "momentum": 0,
        "average": 0,
        "gradient_accumulator": 0,
    }


def test_defaults_are_keras_s():
    options = {name: _core.OptimizerConfig(name).options() for name in STEPS}
    for values in options.values():
        common = {name: values.pop(name) for name in COMMON}
        assert common.pop("ema_momentum") == 0.99 and not any(common.values())
    assert options["adadelta"] == {"rho": 0.95, "epsilon": 1e-7}
    assert options["nadam"] == {"epsilon": 1e-7, "beta_1": 0.9, "beta_2": 0.999}
    assert options["adamax"] == options["nadam"]
    assert options["lion"] == {"beta_1": 0.9, "beta_2": 0.99}
    assert options["adam"] == {"epsilon": 1e-7, "beta_1": 0.9, "beta_2": 0.999, "amsgrad": False}
    assert options["rmsprop"] == {"momentum": 0, "epsilon": 1e-7, "rho": 0.9, "centered": False}
    assert options["ftrl"]["learning_rate_power"] == -0.5


def arrays(count, shape=(3, 4)):
    return [np.ones(shape, np.float32) for _ in range(count)]


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda w, g, m: ops.sgd_update(w.astype(np.float64), g),
            r"\[sgd_update\] weights: received a float64 array of shape \(3, 4\); expected a "
            r"C-contiguous float32",
        ),
        (lambda w, g, m: ops.sgd_update(w.T, g.T), "weights: received a non-contiguous float32"),
        (
            lambda w, g, m: ops.sgd_update(w, g.reshape(4, 3)),
            r"gradient: received a float32 array of shape \(4, 3\); expected the shape of weights, "
            r"\(3, 4\)",
        ),
        (lambda w, g, m: ops.sgd_update(read_only(w), g), "weights: received a read-only array"),
        (
            lambda w, g, m: ops.adam_update(w, g, m, read_only(m.copy()), iteration=1),
            r"\[adam_update\] velocities: received a read-only array",
        ),
        (
            lambda w, g, m: ops.adam_update(w, g, m, m, iteration=1),
            r"\[adam_update\] received momentums and velocities that share memory",
        ),
        (lambda w, g, m: ops.sgd_update(w, w), "received weights and gradient that share memory"),
        (
            lambda w, g, m: ops.sgd_update(w, g, momentum=0.9),
            "received the slot arrays none; expected one for each of momentum",
        ),
        (
            lambda w, g, m: ops.sgd_update(w, g, m),
            "received the slot arrays momentums; expected one for each of none",
        ),
        (
            lambda w, g, m: ops.sgd_update(w, g, m, momentum=1.5),
            r"\[sgd\] received momentum=1.5; expected a number from 0 to 1",
        ),
        (
            lambda w, g, m: ops.sgd_update(w, g, learning_rate=-1),
            r"\[sgd\] received learning_rate=-1; expected a finite number of at least 0",
        ),
        (lambda w, g, m: ops.sgd_update(w, g, learning_rate=np.nan), "received learning_rate=nan"),
        (
            lambda w, g, m: ops.adam_update(w, g, m, m.copy(), iteration=0),
            r"\[adam\] received iteration 0; expected at least 1",
        ),
        (
            lambda w, g, m: ops.adam_update(w, g, m, m.copy(), iteration=1, beta_2=1),
            "received beta_1=0.9 and beta_2=1",
        ),
        (
            lambda w, g, m: ops.ftrl_update(w, g, m, m.copy(), learning_rate=0),
            r"\[ftrl\] received learning_rate=0; expected more than 0",
        ),
        (
            lambda w, g, m: ops.ftrl_update(w, g, m, m.copy(), learning_rate_power=1),
            "learning_rate_power=1; expected a finite number of at most 0",
        ),
        (lambda w, g, m: ops.adagrad_update(w, g, m, epsilon=-1), "received epsilon=-1"),
        (lambda w, g, m: ops.adagrad_update(w, g, [1]), "accumulators: received a list"),
        (
            lambda w, g, m: _core.OptimizerConfig("adamm"),
            "received 'adamm'; expected one of sgd, adagrad, rmsprop, adam, ftrl, adadelta, nadam",
        ),
        (
            lambda w, g, m: ops.lion_update(w, g, m, beta_1=0),
            r"\[lion\] received beta_1=0; expected a number above 0 and at most 1",
        ),
        (
            lambda w, g, m: ops.adadelta_update(w, g, m, m.copy(), rho=2),
            r"\[adadelta\] received rho=2; expected a number from 0 to 1",
        ),
        (
            lambda w, g, m: _core.OptimizerConfig("adamax", clipnorm=1, clipvalue=2),
            r"\[adamax\] received clipnorm=1, clipvalue=2 and global_clipnorm=0; expected at most",
        ),
        (
            lambda w, g, m: _core.OptimizerConfig("sgd", weight_decay=-1),
            r"\[sgd\] received weight_decay=-1; expected a finite number of at least 0",
        ),
        (
            lambda w, g, m: _core.OptimizerConfig("sgd", gradient_accumulation_steps=2.5),
            "gradient_accumulation_steps: received 2.5; expected a whole number",
        ),
        (
            lambda w, g, m: _core.OptimizerConfig("sgd", gradient_accumulation_steps=-2),
            "and gradient_accumulation_steps=-2; expected numbers of steps, or 0 for none",
        ),
        (
            lambda w, g, m: _core.OptimizerConfig("sgd", rho=1),
            "received the option 'rho'; expected some of momentum, nesterov",
        ),
    ],
)
def test_errors_say_what_and_change_nothing(call, text):
    w, g, m = arrays(3)
    with pytest.raises(ValueError, match=text):
        call(w, g, m)
    assert all((a == 1).all() for a in (w, g, m))
