"""Learning-rate schedules: Keras's values, the same in training, in files and for any threads."""

import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from conftest import require_keras

import fastdnn as fd
from fastdnn.optimizers import schedules

CASES = [
    ("PiecewiseConstantDecay", {"boundaries": [10, 25], "values": [1.0, 0.5, 0.25]}),
    ("ExponentialDecay", {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    ("ExponentialDecay", {"initial_learning_rate": 0.3, "decay_steps": 1.9, "decay_rate": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.3, "decay_steps": 20, "power": 2.0}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.3, "decay_steps": 9, "end_learning_rate": 0.1, "cycle": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.3, "decay_steps": 20, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.0,
            "decay_steps": 20,
            "warmup_target": 0.4,
            "warmup_steps": 10,
        },
    ),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.3,
            "first_decay_steps": 6,
            "m_mul": 0.8,
            "t_mul": 1.5,
            "alpha": 0.05,
        },
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.3, "first_decay_steps": 6, "t_mul": 1.0}),
]
OWN = [
    ("PowerDecay", {"initial_learning_rate": 0.3, "decay_steps": 7, "power": 1.5}),
    ("OneCycle", {"max_learning_rate": 0.3, "total_steps": 40}),
]
STEPS = 45

KERAS = """
import json, sys
import keras
cases = json.load(sys.stdin)
rates = [
    [float(getattr(keras.optimizers.schedules, name)(**arguments)(step)) for step in range(45)]
    for name, arguments in cases
]
print(json.dumps(rates))
"""


def _make(case):
    return getattr(schedules, case[0])(**case[1])


def test_values_are_keras_s():
    require_keras()
    done = subprocess.run(
        [sys.executable, "-c", KERAS],
        input=json.dumps(CASES),
        capture_output=True,
        text=True,
        check=True,
        env={"KERAS_BACKEND": "numpy", "PATH": ""},
    )
    for case, expected in zip(CASES, json.loads(done.stdout.splitlines()[-1]), strict=True):
        # Keras computes in float32, powers and cosines of arguments up to 45 / 7 among them.
        np.testing.assert_allclose(
            _make(case).rates(0, STEPS), expected, rtol=2e-5, atol=1e-7, err_msg=str(case)
        )


@pytest.mark.parametrize("case", CASES + OWN, ids=lambda case: case[0])
def test_numbers_arrays_and_configs(case):
    schedule = _make(case)
    rates = schedule.rates(3, STEPS)
    assert [schedule(step) for step in range(3, 3 + STEPS)] == rates.tolist()
    again = schedules.get(
        json.loads(json.dumps({"class_name": case[0], "config": schedule.get_config()}))
    )
    assert again.rates(0, 9).tolist() == schedule.rates(0, 9).tolist()
    optimizer = fd.optimizers.Adam(schedule)
    assert optimizer.learning_rate == schedule(0) and repr(schedule) in repr(optimizer)
    loaded = fd.optimizers.Adam.from_config(json.loads(json.dumps(optimizer.get_config())))
    assert loaded.schedule.get_config() == schedule.get_config()


def test_power_and_one_cycle():
    power = schedules.PowerDecay(0.4, 10, power=2.0)
    assert [power(step) for step in (0, 10, 30)] == pytest.approx([0.4, 0.1, 0.025])
    rates = schedules.OneCycle(2.0, 100, pct_start=0.25, div_factor=10, final_div_factor=50)
    values = rates.rates(0, 120)
    assert values[0] == pytest.approx(0.2) and values.argmax() == 24
    assert values[24] == pytest.approx(2.0) and values[99:] == pytest.approx([0.2 / 50] * 21)
    assert (np.diff(values[:25]) > 0).all() and (np.diff(values[24:100]) < 0).all()


class Doubling(schedules.LearningRateSchedule):
    """A user's own."""

    def __call__(self, step):
        return 0.001 * 2.0 ** math.floor(step / 3)


def _train(learning_rate, epochs=3):
    fd.set_seed(1)
    model = fd.Sequential(
        [fd.Input((5,)), fd.layers.Dense(7, activation="tanh"), fd.layers.Dense(2)]
    )
    model.compile(fd.optimizers.Adam(learning_rate), "mse")
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal((50, width)).astype(np.float32) for width in (5, 2))
    model.fit(x, y, batch_size=8, epochs=epochs, verbose=0)
    return model, x, y


@pytest.mark.parametrize(
    "schedule",
    [Doubling(), schedules.ExponentialDecay(0.1, 5, 0.5), schedules.OneCycle(0.1, 30)],
    ids=repr,
)
def test_every_step_has_its_rate(schedule):
    scheduled, x, y = _train(schedule)
    by_hand, _, _ = _train(0.1, epochs=0)

    class Set(fd.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            optimizer = self.model.optimizer
            optimizer.learning_rate = schedule(optimizer.iterations)

    by_hand.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=Set())
    for one, two in zip(scheduled.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert scheduled.optimizer.learning_rate == schedule(21)


def test_a_loaded_model_goes_on_where_it_was(tmp_path):
    model, x, y = _train(schedules.CosineDecay(0.1, 60))
    model.save(tmp_path / "m.safetensors")
    other = fd.load_model(tmp_path / "m.safetensors")
    assert other.optimizer.learning_rate == model.optimizer.learning_rate < 0.1
    for each in (model, other):
        each.fit(x, y, epochs=2, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


class Warmup(schedules.LearningRateSchedule):
    """A user's own, with another one inside."""

    def __init__(self, steps, then):
        self.steps, self.then = steps, then

    def __call__(self, step):
        return self.then(step) * min(1.0, (step + 1) / self.steps)


@pytest.mark.parametrize("then", [schedules.PowerDecay(0.1, 10), Doubling()], ids=repr)
def test_a_schedule_of_ones_own_in_a_file(tmp_path, then):
    model, x, y = _train(Warmup(30, then))
    model.save(tmp_path / "m.safetensors")
    own = {"Warmup": Warmup, "Doubling": Doubling}
    loaded = fd.load_model(tmp_path / "m.safetensors", custom_objects=own)
    copied = pickle.loads(pickle.dumps(model))
    for each in (model, loaded, copied):
        assert each.optimizer.learning_rate == Warmup(30, then)(21)
        each.fit(x, y, epochs=2, verbose=0)
    for one, two, three in zip(*(m.get_weights() for m in (model, loaded, copied)), strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    with pytest.raises(ValueError, match=r"with the schedule 'Warmup', which no file holds; use"):
        fd.load_model(tmp_path / "m.safetensors", custom_objects={"Doubling": Doubling})
    with pytest.raises(ValueError, match=r"custom_objects: received 'x' for 'Warmup'; expected a"):
        fd.load_model(tmp_path / "m.safetensors", custom_objects=own | {"Warmup": "x"})
    assert fd.load_model(tmp_path / "m.safetensors", compile=False).optimizer is None


def test_a_schedule_that_keeps_no_arguments_is_not_saved(tmp_path):
    class Secretive(schedules.LearningRateSchedule):
        def __init__(self, rate):
            self._rate = rate

        def __call__(self, step):
            return self._rate

    model, _, _ = _train(Secretive(0.1))
    with pytest.raises(ValueError, match=r"\[Secretive\] has no attribute 'rate'; expected every"):
        model.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_same_bits_for_any_number_of_threads(assert_same_bits):
    def run():
        model, _, _ = _train(schedules.OneCycle(0.1, 25))
        return model.get_weights()

    assert_same_bits(run)


@pytest.mark.parametrize(
    "create, message",
    [
        (
            lambda: schedules.PiecewiseConstantDecay([1], [1]),
            r"1 boundaries and 1 values; expected",
        ),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), r"expected growing numbers"),
        (
            lambda: schedules.ExponentialDecay("a", 1, 1),
            r"initial_learning_rate: received 'a'; exp",
        ),
        (
            lambda: schedules.ExponentialDecay(0.1, 0, 1),
            r"decay_steps: received 0; expected a number above 0",
        ),
        (
            lambda: schedules.OneCycle(0.1, 10, pct_start=2),
            r"pct_start: received 2; expected a number from 0 to 1",
        ),
        (lambda: schedules.OneCycle(math.nan, 10), r"max_learning_rate: received nan"),
        (lambda: fd.optimizers.SGD("fast"), r"learning_rate: received 'fast'; expected a number"),
        (
            lambda: fd.optimizers.SGD(lambda step: 0.1),
            r"or a schedule derived from LearningRateSch",
        ),
        (
            lambda: fd.optimizers.SGD({"class_name": "Cosine", "config": {}}),
            r"learning_rate: received 'Cosine'; expected one of cosine_decay",
        ),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_a_schedule_that_begins_at_the_default_rate_is_shown():
    optimizer = fd.optimizers.Adam(schedules.PowerDecay(0.001, 10))
    assert repr(optimizer).startswith("Adam(learning_rate=PowerDecay(")


def test_a_scheduled_rate_is_not_set_by_hand():
    optimizer = fd.optimizers.SGD(schedules.PowerDecay(0.1, 10))
    with pytest.raises(ValueError, match=r"the rate is given by PowerDecay\("):
        optimizer.learning_rate = 0.5


def test_a_bad_rate_of_ones_own_stops_before_a_step():
    class Bad(schedules.LearningRateSchedule):
        def __call__(self, step):
            return -1.0 if step == 3 else 0.1

    with pytest.raises(ValueError, match=r"learning_rate=-1; expected a finite number of at least"):
        _train(Bad())
