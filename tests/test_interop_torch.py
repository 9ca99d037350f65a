"""Models and weights of PyTorch."""

import os
import pickle
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from equal_outputs import assert_equal_outputs

import fastdnn as fd
from fastdnn import layers
from fastdnn.interop import from_torch, torch_file

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def torch():
    if find_spec("torch") is None:
        pytest.skip("no PyTorch: pip install torch==2.13.0")
    import torch

    return torch


@pytest.mark.parametrize(
    "name, outputs", [("torch.pt", "outputs"), ("torch-checkpoint.pt", "rounded")]
)
def test_golden_files(name, outputs):
    with np.load(GOLDEN / "torch.npz") as expected:
        model = from_torch(GOLDEN / name, output_activation="softmax")
        assert_equal_outputs(model.predict(expected["x"]), expected[outputs])
        normalization = model.layers[1]
        assert normalization.momentum == pytest.approx(0.9) and normalization.epsilon == 1e-5
        own = fd.Sequential(
            [
                fd.Input(shape=(3,)),
                layers.Dense(4),
                layers.BatchNormalization(epsilon=1e-5),
                layers.ReLU(),
                layers.Dense(2, "softmax"),
            ]
        )
        report = from_torch(GOLDEN / name, own)
        assert len(report.loaded) == 8
        assert_equal_outputs(own.predict(expected["x"]), expected[outputs])


def _modules(nn):
    return [
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
        nn.Sequential(
            nn.Sequential(nn.Linear(6, 7, bias=False), nn.BatchNorm1d(7, eps=0.01, momentum=0.3)),
            nn.Sequential(nn.ELU(0.5), nn.Dropout(0.4), nn.Linear(7, 2), nn.Sigmoid()),
        ),
        nn.Sequential(
            nn.LayerNorm(6),
            nn.Linear(6, 8),
            nn.PReLU(),
            nn.Linear(8, 8),
            nn.PReLU(8),
            nn.LayerNorm(8, elementwise_affine=False),
            nn.Identity(),
            nn.LeakyReLU(0.2),
            nn.Linear(8, 4),
            nn.Softmax(dim=-1),
        ),
        nn.Sequential(nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3), nn.Hardtanh()),
        *(
            nn.Sequential(nn.Linear(6, 9), activation, nn.Linear(9, 2), nn.Tanh())
            for activation in (
                *(nn.SELU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Softplus(), nn.Softsign()),
                *(nn.Hardsigmoid(), nn.ReLU6(), nn.AlphaDropout(0.2)),
            )
        ),
    ]


def test_modules(torch, rng):
    torch.manual_seed(int(rng.integers(2**31)))
    for module in _modules(torch.nn):
        x = torch.randn(40, 6)
        module(x)
        module.eval()
        model = from_torch(module)
        expected = module(x).detach().numpy()
        assert_equal_outputs(model.predict(x.numpy()), expected)
        other = model.from_config(model.get_config())
        assert from_torch(module.state_dict(), other).missing == ()
        np.testing.assert_array_equal(other.predict(x.numpy()), model.predict(x.numpy()))


def test_modules_that_are_used_twice(torch):
    nn = torch.nn
    activation = nn.Tanh()
    block = nn.Sequential(activation, nn.Softsign())
    module = nn.Sequential(
        nn.Linear(6, 5), activation, nn.Linear(5, 5), block, nn.Linear(5, 2), block
    )
    x = torch.randn(9, 6)
    assert_equal_outputs(from_torch(module).predict(x.numpy()), module(x).detach())
    layer = nn.Linear(6, 6)
    for shared in (
        nn.Sequential(layer, activation, layer),
        nn.Sequential(nn.Sequential(layer), layer),
    ):
        with pytest.raises(
            ValueError, match=r"' is '0(\.0)?' once more; expected modules with wei"
        ):
            from_torch(shared)


def test_names_and_frozen_modules(torch):
    nn = torch.nn
    module = nn.Sequential()
    module.add_module("low", nn.Linear(3, 4).requires_grad_(False))
    module.add_module("body", nn.Sequential(nn.BatchNorm1d(4)))
    module.body.add_module("high", nn.Linear(4, 2))
    model = from_torch(module)
    named = [(layer.name, layer.trainable) for layer in model.layers]
    assert named == [("low", False), ("batch_normalization", True), ("body_high", True)]
    report = from_torch(module.state_dict(), model)
    assert report.loaded["low/bias"] == "low/bias"
    assert report.loaded["body_high/bias"] == "body/high/bias"


def test_hooks_are_refused(torch):
    from torch.nn.utils import prune

    nn = torch.nn

    def register(module, how):
        getattr(module, how)(lambda *_: None)

    for change in (
        lambda m: register(m[0], "register_forward_hook"),
        lambda m: register(m[0], "register_forward_pre_hook"),
        lambda m: register(m, "register_forward_hook"),
        lambda m: prune.l1_unstructured(m[0], "weight", 0.5),
        lambda m: nn.utils.spectral_norm(m[0]),
    ):
        module = nn.Sequential(nn.Linear(3, 4))
        from_torch(module)
        change(module)
        with pytest.raises(
            ValueError, match=r"\[from_torch\] '(0|Sequential)' has hooks, which run"
        ):
            from_torch(module)


def test_embeddings(torch):
    module = torch.nn.Sequential(torch.nn.Embedding(7, 3), torch.nn.Linear(3, 2))
    model = from_torch(module)
    codes = torch.tensor([0, 6, 3])
    assert_equal_outputs(model.predict(codes.numpy()), module(codes).detach())
    own = fd.Sequential([fd.Input(shape=()), layers.Embedding(7, 3), layers.Dense(2)])
    from_torch(module.state_dict(), own)
    np.testing.assert_array_equal(own.predict(codes.numpy()), model.predict(codes.numpy()))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_files(torch, tmp_path, dtype):
    from safetensors.torch import save_file

    module = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    state = module.to(getattr(torch, dtype)).state_dict()
    model = from_torch(state)
    torch.save(state, tmp_path / "a.pt")
    torch.save({"optimizer": {"x": [1]}, "state_dict": state, "step": 3}, tmp_path / "b.pth")
    paths = [tmp_path / "a.pt", tmp_path / "b.pth"]
    save_file(state, tmp_path / "c.safetensors")
    paths.append(tmp_path / "c.safetensors")
    for path in paths:
        for a, b in zip(from_torch(path).get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_orders_of_modules(torch, tmp_path):
    from safetensors.torch import save_file

    nn = torch.nn
    deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(12)))
    save_file(deep.state_dict(), tmp_path / "deep.safetensors")  # "10.weight" before "2.weight"
    x = torch.randn(5, 3)
    model = from_torch(tmp_path / "deep.safetensors", activation=None)
    assert_equal_outputs(model.predict(x.numpy()), deep(x).detach())

    named = nn.Sequential()
    for name in ("one", "and", "two"):
        named.add_module(name, nn.Linear(3, 3))
    expected, path = named(x).detach(), tmp_path / "named.safetensors"
    save_file(named.state_dict(), path)
    with pytest.raises(ValueError, match=r"received 'and' and 'one', and safetensors files do not"):
        from_torch(path)
    order = ["one", "and", "two"]
    for source in (path, named.state_dict(), named):
        model = from_torch(source, activation=None, modules=order)
        assert_equal_outputs(model.predict(x.numpy()), expected)
        own = fd.Sequential([fd.Input(shape=(3,)), *(layers.Dense(3, name=n) for n in order)])
        assert len(from_torch(source, own).loaded) == 6
        assert_equal_outputs(own.predict(x.numpy()), expected)
    part = fd.Sequential([fd.Input(shape=(3,)), layers.Dense(3)])
    from_torch(path, part, modules=["two"])
    np.testing.assert_array_equal(part.get_weights()[1], named.two.bias.detach())
    for modules, message in (
        (
            ["one", "ad"],
            r"module: received 'ad'; expected one of and, one, two; did you mean 'and'\?",
        ),
        ("one", "modules: received 'one'; expected a list of some of and, one, two"),
    ):
        with pytest.raises(ValueError, match=r"\[from_torch\] " + message):
            from_torch(path, part, modules=modules)


def test_what_there_is_no_layer_for(torch):
    nn = torch.nn
    for module, message in (
        (nn.Sequential(nn.Linear(2, 3), nn.Hardswish()), r"'1' is a Hardswish; expected modules"),
        (nn.Sequential(nn.Linear(2, 3), nn.GELU("tanh")), r"'1' is a GELU with approximate='tanh'"),
        (nn.Sequential(nn.Linear(2, 3), nn.Softmax(dim=0)), r"Softmax with dim=0; expected 1"),
        (nn.Sequential(nn.BatchNorm1d(2, momentum=None)), r"'0' keeps no moving statistics; expec"),
        (nn.Sequential(nn.LayerNorm((2, 3))), r"'0' normalizes over \(2, 3\); expected one axis"),
        (nn.Sequential(nn.ReLU()), r"received no module with weights"),
        (nn.Sequential(type("Linear", (nn.Linear,), {})(2, 3)), r"'0' is a .*test_interop_torch.L"),
        (nn.Linear, r"source: received the class Linear; expected an nn.Module"),
        (nn.Conv1d(1, 2, 3), r"is a Conv1d; expected modules of nn.Sequential among Linear"),
    ):
        with pytest.raises(ValueError, match=r"\[from_torch\] .*" + message):
            from_torch(module)


def test_files_of_others(tmp_path):
    model = fd.Sequential([fd.Input(shape=(3,)), layers.Dense(4)])
    model.save(tmp_path / "own.safetensors")
    with pytest.raises(
        ValueError, match=r"received a file of fastdnn; expected one of PyTorch; us"
    ):
        from_torch(tmp_path / "own.safetensors")
    for name, reader in (("a.pt", "from_torch"), ("a.keras", "from_keras"), ("a.npz", "from_npz")):
        (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(30))
        for load in (fd.load_model, model.load_weights):
            with pytest.raises(ValueError, match=rf"was cut short; use fastdnn\.interop\.{reader}"):
                load(tmp_path / name)


def test_weights_that_do_not_fit_change_nothing():
    arrays = {"0.weight": np.ones((4, 3)), "0.bias": np.ones(4), "1.weight": np.ones((2, 4))}
    model = fd.Sequential([fd.Input(shape=(3,)), layers.Dense(4), layers.Dense(2, use_bias=False)])
    before = model.get_weights()
    wrong = dict(arrays, **{"1.weight": np.ones((2, 5))})
    for source, message in (
        (wrong, r"dense_1/kernel: the file has float32 of shape \(5, 2\); expected float32 of sha"),
        (dict(arrays, **{"2.weight": np.ones((2, 2))}), r"received 3 modules with tensors \(0, 1"),
        ({"0.weight": np.ones(4), "1.weight": np.ones((2, 4))}, r"received '0', a PReLU, for the"),
        (dict(arrays, **{"1.scale": np.ones(4)}), r"'1' has the tensors scale, weight \(weight of"),
        (
            dict(arrays, **{"1.weight": np.ones((4, 3, 2))}),
            r"'1' has the tensors weight \(weight of shape \(4, 3",
        ),
        ({}, r"source: received an empty dict; expected an nn.Module, a state dict or a path"),
        (3, r"source: received int; expected an nn.Module"),
        ({"epoch": 3, "state": arrays}, r"source: received a dict for 'state'; expected a state d"),
        ({3: np.ones(3)}, r"source: received a ndarray for 3; expected a state dict"),
    ):
        with pytest.raises(ValueError, match=r"\[from_torch\] .*" + message):
            from_torch(source, model)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    for wrong, message in (
        (3, r"model: received int; expected a model, such as a Sequential"),
        (fd.Sequential, r"model: received the class Sequential; expected a model"),
        (fd.Sequential([layers.Dense(3)]), r"the model has no weights yet; give it an Input"),
    ):
        with pytest.raises(ValueError, match=message):
            from_torch(arrays, wrong)
    assert len(from_torch(arrays, model).loaded) == 3
    with pytest.raises(ValueError, match="received no Linear module"):
        from_torch({"0.weight": np.ones(1)})
    with pytest.raises(ValueError, match="may be that of a PReLU or of a normalization"):
        from_torch({"0.weight": np.ones((3, 3)), "1.weight": np.ones(3)})


class Call:
    """What a pickle runs when it is read."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def _archive(path, pickled, data=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in data:
            archive.writestr(f"archive/data/{key}", content)


def test_pickles_run_nothing(tmp_path):
    path, victim = tmp_path / "x.pt", tmp_path / "victim"
    for function, arguments in ((os.mkdir, (str(victim),)), (eval, ("1",)), (Path, ("x",))):
        _archive(path, pickle.dumps({"a": Call(function, *arguments)}))
        with pytest.raises(ValueError, match=r"the file's pickle asks for .*; nothing of it was r"):
            from_torch(path)
    assert not victim.exists()


def test_damaged_files(tmp_path):
    content = (GOLDEN / "torch.pt").read_bytes()
    path = tmp_path / "x.pt"
    for size in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"\[from_torch .*\] the file is"):
            from_torch(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match=r"the file is no archive of torch.save"):
        from_torch(path)
    for pickled in (pickle.dumps({"a": 1}), pickle.dumps([1]), pickle.dumps({})):
        _archive(path, pickled)
        with pytest.raises(ValueError, match=r"the file has no dicts of tensors; expected a state"):
            from_torch(path)
    _archive(path, pickle.dumps({"a": "b" * 10_000}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed, which PyTorch does not do"):
        from_torch(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        from_torch(tmp_path / "no.pt")


def _pickled(value):
    """Instructions that make a number, a text or a tuple of these; bytes are instructions."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_pickled, value)) + b"t"
    return pickle.dumps(value, 2)[2:-1]  # without those that begin and end it


def _forged(path, *tensors, storage=b"ctorch\nFloatStorage\n", count=12):
    """A file of tensors, each (offset, shape, strides), of a storage of the numbers 0 to 11."""
    made = b""
    for place, (offset, shape, strides) in enumerate(tensors):
        place_of_numbers = _pickled(("storage", storage, "0", "cpu", count)) + b"Q"
        call = _pickled((place_of_numbers, offset, shape, strides, False, None))
        made += _pickled(f"{place}.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n" + call + b"Rs"
    _archive(path, b"\x80\x02}" + made + b".", [("0", np.arange(12, dtype=np.float32).tobytes())])


@pytest.mark.parametrize(
    "offset, shape, strides",
    [
        (0, (4, 4), (4, 1)),
        (1, (12,), (1,)),
        (0, (2**40,), (0,)),
        (0, (3,), (-1,)),
        (-1, (3,), (1,)),
        (0, (2**62, 4), (1, 1)),
        (0, (3,), (1, 1)),
        (0, (3.0,), (1,)),
        (True, (3,), (1,)),
        (0, (2, 2), (2**62, 1)),
        (0, (0, 2**62), (1, 1)),
        (0, (1,) * 100, (1,) * 100),
    ],
)
def test_tensors_outside_of_their_storage(tmp_path, offset, shape, strides):
    path = tmp_path / "x.pt"
    _forged(path, (2, (2, 3), (1, 3)))
    found = torch_file.read_state_dict("here", path)
    assert found["0.weight"].tolist() == [[2, 5, 8], [3, 6, 9]]
    _forged(path, (offset, shape, strides))
    with pytest.raises(ValueError, match=r"\[here .*\] the file is damaged: "):
        torch_file.read_state_dict("here", path)


def test_many_tensors_of_the_same_numbers(tmp_path):
    path = tmp_path / "x.pt"
    _forged(path, *[(0, (3, 4), (4, 1))] * 64)
    assert len(torch_file.read_state_dict("here", path)) == 64
    _forged(path, *[(0, (3, 4), (4, 1))] * 65)
    with pytest.raises(ValueError, match="its tensors are 64 times as large as what is stored"):
        from_torch(path)


@pytest.mark.parametrize(
    "pickled, message",
    [
        (b"}r\xff\xff\xff\x0f.", "the file has no dicts of tensors"),  # place 2^28 of the memo
        (b"\x8d" + (10**12).to_bytes(8, "little") + b"a.", "the file is damaged"),
        (b"(ios\nsystem\n.", "an instruction INST, which makes no data"),
        (b"\x82\x01.", "an instruction EXT1, which makes no data"),
        (b"ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsI1\nsb.", "no dicts of tensors"),
        (b"ctorch\nFloatStorage\n)R.", "'_StorageType' object is not callable"),
        (b"\x86.", "an instruction without its arguments"),
        (b"I1\nQ.", "the file is damaged"),
        (b"h\x05.", "the file is damaged: KeyError 5"),
        (b"}", "pickle exhausted before seeing STOP"),
    ],
)
def test_forged_pickles(tmp_path, pickled, message):
    _archive(tmp_path / "x.pt", b"\x80\x02" + pickled)
    with pytest.raises(ValueError, match=r"\[from_torch .*\] .*" + message):
        from_torch(tmp_path / "x.pt")


def test_mutated_files(tmp_path, rng):
    from hostile_files import Mutations

    content = (GOLDEN / "torch.pt").read_bytes()
    path, mutations = tmp_path / "x.pt", Mutations(rng)
    for _ in range(500):
        path.write_bytes(mutations.of(content))
        try:
            from_torch(path)
        except ValueError as error:
            assert str(error).startswith("["), error
