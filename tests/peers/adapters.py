"""Objects that Keras's tests take for Keras's, and that fastdnn computes.

Each adapter is as thin as it can be: it translates arrays and arguments, and asks fastdnn for
numbers. Where Keras reduces or weighs losses in ways that fastdnn does not have, it asks for those
of rows, and does as Keras does. What fastdnn does not have is no attribute of a facade, so that a
test that uses it fails.
"""

import numpy as np
from keras.src import backend

import fastdnn as fd
from fastdnn import _core


class Facade:
    """A module of Keras's, of which only these names are fastdnn's."""

    def __init__(self, module, **names):
        self.__dict__.update(names)
        self._module = module.__name__

    def __getattr__(self, name):
        raise AttributeError(f"fastdnn has no {self._module}.{name}")


def numbers(value):
    """An array of what tests call tensors."""
    return np.asarray(backend.convert_to_numpy(value) if backend.is_tensor(value) else value)


# --- Optimizers ---


def rate_of(value):
    """A schedule of Keras's as one of fastdnn's."""
    ours = fd.optimizers.schedules
    if hasattr(value, "get_config") and not isinstance(value, ours.LearningRateSchedule):
        return getattr(ours, type(value).__name__)(**value.get_config())
    return value


class Optimizer:
    """One of fastdnn's optimizers, for variables of Keras's.

    They become biases of a native network, one for each output; derivatives by these outputs are
    the gradients that a test gives. Every step is one of training.
    """

    def __init__(self, made):
        self._optimizer, self._network, self._variables = made, None, []

    def __getattr__(self, name):
        if name == "_optimizer":  # while a copy is made
            raise AttributeError(name)
        return getattr(self._optimizer, name)

    def build(self, variables):
        graph, self._variables = _core.Graph(), list(variables)
        x = graph.add_input(1)
        for place, variable in enumerate(self._variables):
            size = int(np.prod(variable.shape))
            kernel = graph.add_parameter(f"kernel{place}", (1, size), False)
            graph.add_output(
                graph.add_dense(x, kernel, graph.add_parameter(f"bias{place}", (size,), True))
            )
        self._network = _core.Network(graph)
        rules = [(rule.native_name, rule.hyperparameters()) for rule in self._optimizer.rules]
        self._put()
        self._network.compile([("function", {}, 1.0, [])] * len(self._variables), rules)

    def _put(self):
        for place, variable in enumerate(self._variables):
            self._network.parameter(2 * place + 1)[...] = numbers(variable.value).reshape(-1)

    def apply_gradients(self, pairs):
        gradients, variables = zip(*pairs, strict=True)
        self.apply(gradients, variables)

    def apply(self, gradients, variables=None):
        if self._network is None:
            self.build(variables)
        assert variables is None or list(map(id, variables)) == list(map(id, self._variables))
        self._put()
        given = [numbers(g).astype(np.float32).reshape(1, -1) for g in gradients]
        count = len(given)

        def answer(output, rows, y_pred, derives):
            return np.zeros(1, np.float32), np.ascontiguousarray(given[output]), []

        self._network.learning_rates = self._optimizer.learning_rates
        ones = np.ones((1, 1), np.float32)
        nothing = [None] * count
        self._network.train([ones], nothing, nothing, None, 0, 1, 1, np.inf, functions=answer)
        self._optimizer.note_steps(int(self._network.iterations))
        for place, variable in enumerate(self._variables):
            variable.assign(self._network.parameter(2 * place + 1).reshape(variable.shape))

    def _clip_gradients(self, gradients):
        """What a step of SGD at rate 1 with this clipping takes from zeros."""
        clips = ("clipnorm", "clipvalue", "global_clipnorm")
        options = {name: getattr(self._optimizer, name) for name in clips}
        variables = [backend.Variable(np.zeros_like(numbers(g), np.float32)) for g in gradients]
        Optimizer(fd.optimizers.SGD(1.0, **options)).apply(gradients, variables)
        return [-numbers(variable.value) for variable in variables]

    @property
    def _model_variables_moving_average(self):
        return [
            self._network.slot("average", 2 * place + 1).reshape(variable.shape)
            for place, variable in enumerate(self._variables)
        ]

    def finalize_variable_values(self, variables):
        for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
            variable.assign(average)


def optimizer(cls):
    """Return what makes such optimizers."""

    def make(*arguments, **options):
        if "learning_rate" in options:
            options["learning_rate"] = rate_of(options["learning_rate"])
        return Optimizer(cls(*arguments, **options))

    return make


def get_optimizer(identifier):
    """The optimizer that a name or a config stands for."""
    return Optimizer(fd.optimizers.get(identifier))


# --- Losses ---


class Loss:
    """One of fastdnn's losses, with Keras's ways to reduce those of rows."""

    def __init__(self, cls, *arguments, reduction="sum_over_batch_size", **options):
        if reduction not in (None, "none", "sum", "sum_over_batch_size", "mean_with_sample_weight"):
            raise ValueError(reduction)
        self._loss, self.reduction = cls(*arguments, **options), reduction
        self.name = self._loss.name

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = numbers(y_true), numbers(y_pred).astype(np.float32)
        if self._is_fastdnn_s(y_pred, sample_weight):
            return np.float32(self._loss(y_true, y_pred, sample_weight))
        shape = y_pred.shape[:-1]
        rows = self._rows(y_true, y_pred.reshape(-1, y_pred.shape[-1])).astype(np.float64)
        rows = rows.reshape(shape)
        if sample_weight is not None:
            weight = numbers(sample_weight)
            if weight.ndim == rows.ndim + 1 and weight.shape[-1] == 1:
                weight = weight[..., 0]
            if weight.ndim < rows.ndim and weight.ndim:
                weight = weight.reshape(weight.shape + (1,) * (rows.ndim - weight.ndim))
            weight = np.broadcast_to(weight, rows.shape)
            rows = rows * weight
        if self.reduction in (None, "none"):
            return rows.astype(np.float32)
        total = rows.sum()
        if self.reduction == "sum_over_batch_size":
            total /= rows.size
        elif self.reduction == "mean_with_sample_weight":
            total /= rows.size if sample_weight is None else weight.sum()
        else:
            assert self.reduction == "sum"
        return np.float32(total)

    def _is_fastdnn_s(self, y_pred, weight):
        """Whether fastdnn takes such arrays, and has this mean."""
        one_a_row = weight is None or np.shape(weight) in ((), y_pred.shape[:1], (len(y_pred), 1))
        return y_pred.ndim == 2 and self.reduction == "sum_over_batch_size" and one_a_row

    def _rows(self, y_true, y_pred):
        """The losses of the rows."""
        if self._loss.targets == "classes":
            y_true = np.ascontiguousarray(y_true.reshape(len(y_pred)), np.int32)
        else:
            y_true = np.ascontiguousarray(y_true.reshape(y_pred.shape), np.float32)
        return self._loss.row_losses(y_true, np.ascontiguousarray(y_pred))


def loss(cls):
    """Return what makes such losses."""

    def make(*arguments, **options):
        return Loss(cls, *arguments, **options)

    return make


# --- Metrics ---


class Metric:
    """One of fastdnn's metrics."""

    def __init__(self, cls, *arguments, dtype=None, **options):
        assert dtype in (None, "float32")
        self._metric = cls(*arguments, **options)
        self.name = self._metric.name

    def __getattr__(self, name):
        return getattr(self._metric, name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        weight = None if sample_weight is None else numbers(sample_weight)
        self._metric.update_state(numbers(y_true), numbers(y_pred), weight)

    def result(self):
        return np.asarray(self._metric.result(), np.float32)

    def reset_state(self):
        self._metric.reset_state()

    def __call__(self, y_true, y_pred, sample_weight=None):
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


def metric(cls):
    """Return what makes such metrics."""

    def make(*arguments, **options):
        return Metric(cls, *arguments, **options)

    return make


# --- Functions of one array: constraints, regularizers, initializers ---


def of_array(cls):
    """Return what makes objects of a class of fastdnn's that take one array."""

    def make(*arguments, **options):
        made = cls(*arguments, **options)

        class OfArray:
            def __call__(self, x):
                return np.asarray(made(numbers(getattr(x, "value", x))), np.float32)

            def __getattr__(self, name):
                return getattr(made, name)

        return OfArray()

    return make


def initializer(cls):
    """Return what makes such initializers."""

    def make(*arguments, **options):
        made = cls(*arguments, **options)

        class Initializer:
            def __call__(self, shape, dtype=None):
                assert dtype in (None, "float32")
                return made(tuple(shape))

            def __getattr__(self, name):
                return getattr(made, name)

        return Initializer()

    return make


def schedule(cls):
    """Return what makes such schedules."""

    def make(*arguments, **options):
        made = cls(*arguments, **options)

        class Schedule:
            def __call__(self, step):
                return made(float(numbers(getattr(step, "value", step))))

            def __getattr__(self, name):
                return getattr(made, name)

        return Schedule()

    return make


def all_of(module, make):
    """Adapters for the classes that a module of fastdnn's has."""
    classes = {name: cls for name, cls in vars(module).items() if isinstance(cls, type)}
    return {name: make(cls) for name, cls in classes.items() if not name.startswith("_")}


# --- Layers ---


class BatchNormalization:
    """fastdnn's layer on the last axis of arrays of any shape."""

    def __init__(self, made):
        self._layer = made

    def __getattr__(self, name):
        if name == "_layer":  # while a copy is made
            raise AttributeError(name)
        value = getattr(self._layer, name)
        return value.numpy() if isinstance(value, fd.layers.weight.Weight) else value

    def __setattr__(self, name, value):
        if name == "trainable":
            self._layer.trainable = value
        else:
            super().__setattr__(name, value)

    def build(self, shape):
        self._model = fd.Sequential([fd.Input((shape[-1],)), self._layer])

    def __call__(self, x, training=False):
        rows = numbers(x).astype(np.float32).reshape(-1, x.shape[-1])
        return self._model.forward(rows, training=training).reshape(x.shape)


def batch_normalization(cls):
    """Return what makes such layers."""

    def make(**options):
        return BatchNormalization(cls(**options))

    return make
