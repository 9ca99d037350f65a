import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import plot

pytest.importorskip("matplotlib")

CURVES = {
    "loss": [2.0, 1.0, 0.5],
    "accuracy": [0.3, 0.6, 0.9],
    "val_loss": [2.5, 1.5, 1.2],
    "val_accuracy": [0.2, 0.5, 0.6],
}


def lines(figure):
    """Panel's title -> curve's label -> its points."""
    return {
        panel.get_title(): {
            line.get_label(): list(zip(*line.get_data(), strict=True)) for line in panel.lines
        }
        for panel in figure.axes
    }


@pytest.mark.parametrize(
    "given", [CURVES, SimpleNamespace(history=CURVES, epoch=[0, 1, 2])], ids=["dict", "History"]
)
def test_curves(tmp_path, given):
    path = tmp_path / "curves.png"
    drawn = lines(plot.history(given, path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert drawn == {
        "loss": {
            "training": [(1, 2.0), (2, 1.0), (3, 0.5)],
            "validation": [(1, 2.5), (2, 1.5), (3, 1.2)],
        },
        "accuracy": {
            "training": [(1, 0.3), (2, 0.6), (3, 0.9)],
            "validation": [(1, 0.2), (2, 0.5), (3, 0.6)],
        },
    }


def test_unit(tmp_path):
    figure = plot.history(CURVES, tmp_path / "c.png", unit="of the price")
    assert [panel.get_ylabel() for panel in figure.axes] == ["of the price"] * 2
    assert plot.history(CURVES, tmp_path / "c.png").axes[0].get_ylabel() == ""


def test_resumed_training_counts_on(tmp_path):
    given = SimpleNamespace(history={"loss": [2.0, 1.0]}, epoch=[10, 11])
    drawn = lines(plot.history(given, tmp_path / "c.png"))
    assert drawn == {"loss": {"training": [(11, 2.0), (12, 1.0)]}}


def test_validation_every_second_epoch(tmp_path):
    given = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 1.5]}
    assert lines(plot.history(given, tmp_path / "c.png"))["loss"]["validation"] == [
        (2, 3.5),
        (4, 1.5),
    ]


def test_validation_stands_at_its_epochs(tmp_path):
    model = fd.Sequential([fd.Input((1,)), fd.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 1), np.float32)
    for freq, epochs in ((3, [3, 6]), ([1, 2, 8], [1, 2, 8])):
        given = model.fit(x, x, epochs=8, validation_data=(x, x), validation_freq=freq, verbose=0)
        drawn = lines(plot.history(given, tmp_path / "c.png"))["loss"]["validation"]
        assert [epoch for epoch, _ in drawn] == epochs
    with pytest.raises(
        ValueError, match=r"received 3 numbers of 'val_loss' for 8 epochs; expected"
    ):
        plot.history(given.history, tmp_path / "c.png")


@pytest.mark.parametrize(
    "given",
    [
        {"loss": [float("nan"), 1.0]},
        {"loss": [float("inf"), 1.0]},
        {"loss": [1.0]},
        {"val_auc": [0.5, 0.7]},
        {"loss": [1.0, 2.0], "empty": []},
    ],
)
def test_odd_histories_are_drawn(tmp_path, given):
    plot.history(given, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000


@pytest.mark.parametrize("ending", ["svg", "pdf", "PNG"])
def test_other_formats(tmp_path, ending):
    plot.history(CURVES, tmp_path / f"c.{ending}")
    assert (tmp_path / f"c.{ending}").stat().st_size > 1000


@pytest.mark.parametrize("given", [{}, {"loss": []}, SimpleNamespace(history={}, epoch=[])])
def test_empty_history(given):
    with pytest.raises(ValueError, match=r"\[plot.history\] the history is empty; train for at"):
        plot.history(given)


def test_not_a_history():
    with pytest.raises(ValueError, match=r"received a list; expected what fit returned"):
        plot.history([1, 2])


@pytest.mark.parametrize("name", ["curves", "curves.doc"])
def test_unknown_format(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected one of .*\.png"):
        plot.history(CURVES, tmp_path / name)


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        plot.history(CURVES, tmp_path / "absent" / "c.png")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_importing_fastdnn_leaves_matplotlib_alone():
    done = run("import sys, fastdnn.plot; assert 'matplotlib' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_saving_needs_no_display_and_leaves_pyplot_alone(tmp_path):
    code = (
        "import sys, fastdnn.plot as plot;"
        f"plot.history({{'loss': [1, 2]}}, {str(tmp_path / 'c.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_without_a_path_the_figure_belongs_to_pyplot(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    with matplotlib.rc_context():
        pyplot.switch_backend("agg")
        figure = plot.history(CURVES)
        assert pyplot.get_fignums() == [figure.number]
        pyplot.close(figure)


def test_the_error_names_the_extra():
    done = run(
        "import sys; sys.modules['matplotlib.figure'] = None\n"
        "import fastdnn.plot as plot\n"
        "try: plot.history({'loss': [1]}, 'c.png')\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install 'fastdnn[plot]'" in done.stdout
