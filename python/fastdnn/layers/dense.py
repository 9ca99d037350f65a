"""The fully-connected layer."""

from typing import TYPE_CHECKING, Any

from fastdnn import activations, constraints, initializers, regularizers
from fastdnn.checks import is_integer
from fastdnn.layers.input import LARGEST_WIDTH
from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class Dense(Layer):
    """Connects every input with every unit.

    `y = activation(x @ kernel + bias)`

    Args:
        units: the number of outputs.
        activation: a name, a function of `fastdnn.activations`, a layer such as
            `LeakyReLU(0.1)`, or None for none.
        use_bias: whether to add a bias.
        kernel_initializer: a name, an initializer or an array of shape (inputs, units).
        bias_initializer: a name, an initializer or an array of shape (units,).
        kernel_regularizer: what the kernel adds to the loss: a name, an object of
            `fastdnn.regularizers` or None.
        bias_regularizer: what the bias adds.
        activity_regularizer: what the output adds, divided by the rows of the batch.
        kernel_constraint: what the kernel is changed to after a step: a name, an object of
            `fastdnn.constraints` or None.
        bias_constraint: what the bias is changed to.
        name: unique in the model.

    Shapes: input (rows, inputs), output (rows, units), kernel (inputs, units), bias (units,).

    Raises:
        ValueError: if `units` is not a positive integer or a name is unknown.

    >>> Dense(300, activation="relu")
    Dense(units=300, activation='relu', name='dense')
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not is_integer(units) or not 1 <= units <= LARGEST_WIDTH:
            raise ValueError(
                f"[Dense] units: received {units!r}; expected a positive integer of at most "
                f"{LARGEST_WIDTH}"
            )
        self.units = int(units)
        self.nonlinearity = activations.get(activation, "Dense")
        self.use_bias = self._flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, "Dense")
        self.bias_initializer = initializers.get(bias_initializer, "Dense")
        self.kernel_regularizer = regularizers.get(kernel_regularizer, "Dense")
        self.bias_regularizer = regularizers.get(bias_regularizer, "Dense")
        self.activity_regularizer = regularizers.get(activity_regularizer, "Dense")
        self.kernel_constraint = constraints.get(kernel_constraint, "Dense")
        self.bias_constraint = constraints.get(bias_constraint, "Dense")

    def build(self, row: Shape) -> None:
        """Declare the kernel and the bias."""
        shape = (self.flat_width(row), self.units)
        self.kernel = self.add_weight(
            "kernel",
            shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def output_row(self, row: Shape) -> Shape:
        """Return (units,)."""
        self.flat_width(row)
        return (self.units,)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the product, and the activation and the penalty on its output if there are any."""
        y = lowering.dense(x, self.kernel, self.bias)
        y = lowering.activation(y, self.nonlinearity)
        return lowering.activity_penalty(y, self.activity_regularizer)

    @property
    def activation(self) -> str | dict[str, Any]:
        """The activation, as `get_config` stores it."""
        return activations.serialize(self.nonlinearity)
