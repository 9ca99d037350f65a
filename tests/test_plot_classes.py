"""Pictures of what a classifier says: the data that is drawn, not pixels."""

import subprocess
import sys

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import plot

pytest.importorskip("matplotlib")


class Model:
    """A model that is one function of the rows."""

    def __init__(self, function):
        self.function = function

    def predict(self, x, verbose):
        assert verbose == 0 and x.dtype == np.float32
        self.rows = x
        return np.asarray(self.function(x), np.float32)


def _sigmoid_of(direction):
    return Model(lambda x: 1 / (1 + np.exp(-4 * (x @ direction)))[:, None])


@pytest.fixture
def rows(rng):
    """Rows around zero, and numbers of two classes, each of which there is."""
    x = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    y = np.arange(60) % 2
    rng.shuffle(y)
    return x, y


def _points(panel):
    """Label -> the rows drawn in its colour."""
    from matplotlib.collections import PathCollection

    drawn = [part for part in panel.collections if isinstance(part, PathCollection)]
    return {part.get_label(): np.asarray(part.get_offsets()) for part in drawn}


def _contours(panel):
    from matplotlib.contour import QuadContourSet

    return [part for part in panel.collections if isinstance(part, QuadContourSet)]


def test_probability_and_the_line_where_it_is_a_half(rows, rng, tmp_path):
    x, y = rows
    angle = rng.uniform(0, np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    model = _sigmoid_of(direction)
    figure = plot.decision_boundary(model, x, y, tmp_path / "b.png", grid_resolution=50)
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    panel, bar = figure.axes
    filled, line = _contours(panel)
    np.testing.assert_allclose(filled.levels, np.arange(11) / 10, rtol=0, atol=1e-15)
    assert list(line.levels) == [0.5] and bar.get_ylabel() == "probability of 1"
    # The line crosses cells of the grid between two corners of different classes.
    cell = np.ptp(model.rows, axis=0) / 49
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert len(vertices) > 49
    assert np.abs(vertices @ direction).max() <= np.hypot(*cell)


def test_the_rows_are_drawn_by_class(rows, tmp_path):
    x, y = rows
    model = _sigmoid_of(np.ones(2))
    for classes in (y, y[:, None], np.eye(2)[y], y.astype(np.float32), np.array(["a", "b"])[y]):
        figure = plot.decision_boundary(model, x, classes, tmp_path / "b.png", labels=["a", "b"])
        drawn = _points(figure.axes[0])
        assert list(drawn) == ["a", "b"] and figure.axes[1].get_ylabel() == "probability of b"
        for number, name in enumerate("ab"):
            np.testing.assert_array_equal(drawn[name], x[y == number])
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_the_grid_goes_beyond_the_rows(rows, tmp_path):
    x, y = rows
    x[:, 1] = 3.0  # a feature that does not differ
    model = _sigmoid_of(np.ones(2))
    plot.decision_boundary(model, x, y, tmp_path / "b.png", grid_resolution=7)
    assert model.rows.shape == (49, 2) and len(np.unique(model.rows, axis=0)) == 49
    assert (model.rows.min(axis=0) < x.min(axis=0)).all()
    assert (model.rows.max(axis=0) > x.max(axis=0)).all()


def test_areas_of_the_largest_output(rng, tmp_path):
    from matplotlib.path import Path

    centres = np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    x = (centres[:, None] + rng.uniform(-0.3, 0.3, (3, 20, 2))).reshape(60, 2).astype(np.float32)
    y = np.repeat(range(3), 20)

    def nearness(points):
        return -((points[:, None] - centres) ** 2).sum(axis=2)

    figure = plot.decision_boundary(Model(nearness), x, y, tmp_path / "b.png")
    (panel,) = figure.axes  # no bar of probabilities
    areas = _contours(panel)
    # The lead over the next output is linear between cells of one boundary: all rows, which are
    # further than a cell away from any, lie in the area of their class alone.
    for number, area in enumerate(areas):
        assert area.levels[0] == 0.0
        inside = [
            any(path.contains_point(row) for path in area.get_paths() if isinstance(path, Path))
            for row in x
        ]
        np.testing.assert_array_equal(inside, y == number)
        points = _points(panel)[str(number)]
        np.testing.assert_array_equal(points, x[y == number])
        # An area has the colour of its rows.
        colors = [part.get_facecolor()[0][:3] for part in (area, panel.collections[3 + number])]
        np.testing.assert_array_equal(*colors)


def test_classes_that_are_nowhere_the_largest(rows, tmp_path):
    x, y = rows
    constant = Model(lambda x: np.tile(np.linspace(0, 1, 12), (len(x), 1)))
    figure = plot.decision_boundary(constant, x, y, tmp_path / "b.png")
    assert len(_contours(figure.axes[0])) == 1 and len(_points(figure.axes[0])) == 12
    certain = Model(lambda x: np.ones((len(x), 1)))
    figure = plot.decision_boundary(certain, x, y, tmp_path / "b.png")
    assert [len(contour.levels) for contour in _contours(figure.axes[0])] == [11]


def test_a_model_of_ours(rows, tmp_path):
    x, y = rows
    model = fd.Sequential([fd.Input((2,)), fd.layers.Dense(1)])
    model.set_weights([np.float32([[3.0], [0.0]]), np.float32([0.0])])
    with pytest.raises(ValueError, match=r"its output goes from -3\..* to 3\..*; expected prob.*"):
        plot.decision_boundary(model, 2 * x / np.ptp(x, axis=0), y, tmp_path / "b.png")
    figure = plot.decision_boundary(model, x, y, tmp_path / "b.png", from_logits=True)
    (vertices,) = (path.vertices for path in _contours(figure.axes[0])[1].get_paths())
    assert np.abs(vertices[:, 0]).max() <= np.ptp(x[:, 0]) * 1.16 / 199


def test_a_frame_s_columns_name_the_axes(rows, tmp_path):
    class Frame:
        columns = ("height", "width")

        def __array__(self, dtype=None, copy=None):
            return np.asarray(rows[0], dtype)

    figure = plot.decision_boundary(_sigmoid_of(np.ones(2)), Frame(), rows[1], tmp_path / "b.png")
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("height", "width")


def _cells(figure):
    """The texts of a table, row by row."""
    texts = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    count = int(len(texts) ** 0.5)
    return [[texts[column, row] for column in range(count)] for row in range(count)]


TRUE, PREDICTED = [0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 2, 1]


@pytest.mark.parametrize(
    "normalize, cells",
    [
        (None, [["3", "1", "0"], ["0", "1", "1"], ["0", "1", "0"]]),
        ("true", [["0.75", "0.25", "0.00"], ["0.00", "0.50", "0.50"], ["0.00", "1.00", "0.00"]]),
        ("pred", [["1.00", "0.33", "0.00"], ["0.00", "0.33", "1.00"], ["0.00", "0.33", "0.00"]]),
        ("all", [["0.43", "0.14", "0.00"], ["0.00", "0.14", "0.14"], ["0.00", "0.14", "0.00"]]),
    ],
)
def test_confusion(normalize, cells, tmp_path):
    figure = plot.confusion(TRUE, PREDICTED, normalize=normalize, path=tmp_path / "c.svg")
    assert b"<svg" in (tmp_path / "c.svg").read_bytes()
    assert _cells(figure) == cells
    panel, bar = figure.axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "true")
    assert bar.get_ylabel() == ("rows" if normalize is None else "share")
    np.testing.assert_allclose(
        panel.images[0].get_array(), np.array(cells, float), rtol=0, atol=0.005
    )


def test_forms_of_classes(rng, tmp_path):
    true, predicted = rng.integers(0, 4, (2, 100))
    true[:4] = predicted[:4] = range(4)
    expected = [[str(((true == i) & (predicted == j)).sum()) for j in range(4)] for i in range(4)]
    names = np.array(["d", "c", "b", "a"])
    outputs = np.eye(4)[predicted] + rng.uniform(0, 0.9, (100, 4))
    path = tmp_path / "c.png"
    for y in (true, true[:, None], true.astype(np.uint8), np.eye(4)[true], true.astype(float)):
        figure = plot.confusion(y, outputs, list(names), path=path)
        assert _cells(figure) == expected
        panel = figure.axes[0]
        for labels in (panel.get_xticklabels(), panel.get_yticklabels()):
            assert [label.get_text() for label in labels] == list("dcba")
    for y in (names[true], names[true].astype(object)):
        assert _cells(plot.confusion(y, outputs, list(names), path=path)) == expected
        backwards = [row[::-1] for row in expected[::-1]]  # names are sorted
        assert _cells(plot.confusion(y, names[predicted], path=path)) == backwards


def test_probabilities_of_one_output(tmp_path):
    figure = plot.confusion([0, 1, 1, 0], [[0.2], [0.7], [0.5], [0.6]], path=tmp_path / "c.png")
    assert _cells(figure) == [["1", "1"], ["1", "1"]]


def test_a_class_without_rows(tmp_path):
    figure = plot.confusion([0, 0], [0, 0], ["a", "b"], "true", tmp_path / "c.png")
    assert _cells(figure) == [["1.00", "0.00"], ["0.00", "0.00"]]


X = np.zeros((3, 2), np.float32)
FINE = _sigmoid_of(np.ones(2))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((FINE, X[:, :1], [0, 1, 1]), r"x: received shape \(3, 1\); expected \(rows, 2\)"),
        ((FINE, X / np.float32(np.nan), [0, 1, 1]), r"x: received NaN or infinity; expected"),
        ((FINE, X, [0, 1]), r"received 3 rows of x and 2 of y; expected equal numbers"),
        ((FINE, X, [0, 1, 2]), r"class 2 and 2 outputs; expected one for each of 3 classes"),
        ((FINE, X, [0, 1, -1]), r"y: received int64 of shape \(3,\), or numbers of no class"),
        ((FINE, X, [0, 1, 1.5]), r"y: received float64 of shape \(3,\), or numbers of no class"),
        ((Model(lambda x: x[:, 0]), X, [0, 1, 1]), r"model: it gives ndarrays that are not finite"),
        ((Model(lambda x: 2 + x[:, :1]), X, [0, 1, 1]), r"goes from 1\.5 to 2\.5; expected prob"),
    ],
)
def test_errors_of_boundaries(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=rf"\[plot.decision_boundary\] .*{message}"):
        plot.decision_boundary(*arguments, tmp_path / "b.png")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0, 1], [0, 1], None, "rows"), r"normalize: received 'rows'; expected None, 'true', 'p"),
        (([0, 1], [0, 1, 1]), r"received 2 rows of y_true and 3 of y_pred; expected equal numb"),
        (([], []), r"received 0 rows of y_true and 0 of y_pred; expected equal numbers, and some"),
        (([0, 2], [0, 1], ["a", "b"]), r"class 2 and 2 labels; expected one for each of 3 classes"),
        ((["a", "c"], ["a", "b"], ["a", "b"]), r"y_true: received the class 'c'; expected .*a, b"),
        ((None, None), r"y_true: received object of shape \(\), or numbers of no class"),
        (([[[0]]], [0]), r"y_true: received int64 of shape \(1, 1, 1\), or numbers of no class"),
    ],
)
def test_errors_of_confusion(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=rf"\[plot.confusion\] .*{message}"):
        plot.confusion(*arguments, path=tmp_path / "c.png")


def test_unknown_formats(tmp_path):
    for name, draw in (
        ("decision_boundary", lambda path: plot.decision_boundary(FINE, X, [0, 1, 1], path)),
        ("confusion", lambda path: plot.confusion([0], [0], path=path)),
    ):
        with pytest.raises(ValueError, match=rf"\[plot.{name}\] the path .*expected one of .*png"):
            draw(tmp_path / "c.doc")


def test_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['matplotlib.figure'] = None\n"
        "import fastdnn.plot as plot\n"
        "try: plot.confusion([0], [0], path='c.png')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "[plot.confusion] matplotlib cannot be imported" in done.stdout
    assert "pip install 'fastdnn[plot]'" in done.stdout
