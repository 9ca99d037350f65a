"""The table that `Model.summary` prints."""

from collections.abc import Sequence

from fastdnn.layers.layer import Layer, Shape

_BYTES = 4


def format_summary(
    name: str, layers: Sequence[Layer], shapes: Sequence[Shape | None], slots: int
) -> str:
    """Return the table.

    Args:
        name: the model's name.
        layers: the layers.
        shapes: the shape of a row of each layer's output, None where it is not known yet.
        slots: the number of elements of the optimizer's state.
    """
    header = ("Layer (type)", "Output shape", "Params")
    rows = [
        (
            f"{layer.name} ({type(layer).__name__})",
            "?" if shape is None else "(" + ", ".join(["None", *map(str, shape)]) + ")",
            f"{layer.count_params():,}" if layer.built else "?",
        )
        for layer, shape in zip(layers, shapes, strict=True)
    ]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(3)]
    line = "-" * (sum(widths) + 4)
    # Layers that models inside have in common count once.
    weights = list(dict.fromkeys(weight for layer in layers for weight in layer.weights))
    trainable = sum(weight.size for weight in weights if weight.trainable)
    total = sum(weight.size for weight in weights)
    return "\n".join(
        [
            f'Model: "{name}"',
            _row(header, widths),
            line,
            *(_row(row, widths) for row in rows),
            line,
            f"Total params: {_count(total)}",
            f"Trainable params: {_count(trainable)}",
            f"Non-trainable params: {_count(total - trainable)}",
            *([f"Optimizer params: {_count(slots)}"] if slots else []),
        ]
    )


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    left, middle, right = widths
    return f"{cells[0]:<{left}}  {cells[1]:<{middle}}  {cells[2]:>{right}}"


def _count(params: int) -> str:
    size = float(params * _BYTES)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return f"{params:,} ({size:.2f} {unit})"
