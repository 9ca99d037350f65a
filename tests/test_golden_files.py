"""Files of every version of the format, as the first fastdnn of that version wrote them."""

from pathlib import Path

import numpy as np
import pytest
from hostile_files import metadata_of

import fastdnn as fd
from fastdnn import callbacks, checkpoint

GOLDEN = Path(__file__).with_name("golden")


def _files(kind):
    return sorted(GOLDEN.glob(f"{kind}-*.safetensors"))


def test_there_is_one_of_every_version():
    versions = [str(version) for version in range(1, checkpoint.FORMAT_VERSION + 1)]
    assert [metadata_of(path)["format_version"] for path in _files("model")] == versions
    assert [metadata_of(path)["format_version"] for path in _files("fit")] == versions[1:]


@pytest.mark.parametrize("path", _files("model"), ids=lambda path: path.stem)
def test_models(path):
    model = fd.load_model(path)
    with np.load(path.with_suffix(".npz")) as data:
        # Sums of eight products and an exponential, in float32; other processors round otherwise.
        np.testing.assert_allclose(model.predict(data["x"]), data["outputs"], rtol=1e-5, atol=1e-7)
        assert model.optimizer.iterations == 12 and not model.get_layer("classes").kernel.frozen
        before = model.evaluate(data["x"], data["y"], verbose=0)[0]
        model.fit(data["x"], data["y"], epochs=20, batch_size=16, verbose=0)
        assert model.evaluate(data["x"], data["y"], verbose=0)[0] < before
    other = model.clone()
    assert len(other.load_weights(path).loaded) == len(other.weights)


@pytest.mark.parametrize("path", _files("fit"), ids=lambda path: path.stem)
def test_fits(tmp_path, path):
    backup = tmp_path / "fit.safetensors"
    backup.write_bytes(path.read_bytes())
    model = fd.load_model(path)
    with np.load(path.with_name(path.name.replace("fit", "model")).with_suffix(".npz")) as data:
        history = model.fit(
            data["x"],
            data["y"],
            epochs=2,
            batch_size=16,
            verbose=0,
            callbacks=[
                callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True),
                callbacks.BackupAndRestore(backup),
            ],
        )
    # Three epochs of four batches before, and seven batches until the file was written.
    assert history.epoch == [0, 1] and model.optimizer.iterations == 20
    assert not backup.exists()
