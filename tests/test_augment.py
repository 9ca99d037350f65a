"""Changes of images: ops against a float64 oracle, layers in training and out of it."""

import numpy as np
import pytest
from reference import image as reference

import fastdnn as fd
from fastdnn import augment, layers, ops

KERNELS = ["image_affine_f32", "image_light_f32"]
SHAPES = [(5, 7, 1), (8, 8, 3), (1, 6, 2), (9, 1, 1)]
FILLS = ["constant", "nearest", "reflect", "wrap"]


def _key(rng):
    return {
        "seed": int(rng.integers(2**63)),
        "stream": int(rng.integers(2**31)),
        "step": int(rng.integers(2**31)),
    }


def _images(rng, shape, rows=6):
    return rng.random((rows, int(np.prod(shape)))).astype(np.float32)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("same_zoom", [True, False])
def test_random_affine(isa, rng, shape, fill, same_zoom):
    x, key = _images(rng, shape), _key(rng)
    ranges = {
        "height_shift": (-0.3, 0.4),
        "width_shift": (-0.5, 0.1),
        "angle": (-0.2, 0.5),
        "height_zoom": (-0.3, 0.6),
        "width_zoom": None if same_zoom else (0.1, 0.2),
    }
    y = ops.random_affine(x, shape, **ranges, fill_mode=fill, fill_value=0.7, **key)
    u = reference.draws(len(x), key)
    for row, drawn, got in zip(x.astype(np.float64), u, y, strict=True):
        numbers = [
            reference.within(drawn[i], ends)
            for i, ends in enumerate(ranges.values())
            if ends is not None
        ]
        numbers += [numbers[-1]] * same_zoom
        matrix = reference.affine_map(*shape[:2], *numbers)
        expected = reference.affine(row.reshape(shape), matrix, fill, 0.7)
        # Places of up to some 30 pixels in float32, times differences of at most 1 a pixel; where
        # a place is rounded across a whole number, both sides are nearly the same, too.
        np.testing.assert_allclose(got.reshape(shape), expected, atol=2e-5)


def test_random_light(isa, rng):
    shape = (6, 5, 3)
    x, key = _images(rng, shape), _key(rng)
    options = {"gain": (0.2, 2.0), "offset": (-0.5, 0.4), "value_range": (0.1, 0.9)}
    y = ops.random_light(x, shape, **options, **key)
    u = reference.draws(len(x), key)
    images = x.reshape(-1, 30, 3).astype(np.float64)
    mean = images.mean(axis=1, keepdims=True)
    gain = reference.within(u[:, 0], options["gain"])[:, None, None]
    offset = reference.within(u[:, 1], options["offset"])[:, None, None]
    expected = np.clip(gain * (images - mean) + mean + offset, 0.1, 0.9)
    np.testing.assert_allclose(y.reshape(expected.shape), expected, atol=8 * 2.0**-24)


def test_nothing_changes_by_nothing(isa, rng):
    x = _images(rng, (7, 9, 2))
    for fill in FILLS:
        y = ops.random_affine(x, (7, 9, 2), fill_mode=fill, **_key(rng))
        np.testing.assert_array_equal(y, x)


def test_quarter_turns_and_whole_pixels_are_exact_but_for_roundings(rng):
    image = rng.random((6, 6)).astype(np.float32)
    x, key = image.reshape(1, -1), _key(rng)

    def changed(**ranges):
        return ops.random_affine(x, (6, 6, 1), **ranges, **key).reshape(6, 6)

    np.testing.assert_allclose(changed(angle=(0.25, 0.25)), np.rot90(image), atol=1e-5)
    np.testing.assert_allclose(changed(angle=(-0.5, -0.5)), image[::-1, ::-1], atol=1e-5)
    down = changed(height_shift=(1 / 3, 1 / 3), fill_mode="wrap")
    np.testing.assert_allclose(down, np.roll(image, 2, axis=0), atol=1e-5)
    right = changed(width_shift=(0.5, 0.5), fill_mode="wrap")
    np.testing.assert_allclose(right, np.roll(image, 3, axis=1), atol=1e-5)


def test_rows_are_their_own_and_threads_do_not_matter(assert_same_bits, rng):
    x, key = _images(rng, (8, 8, 1), 23), _key(rng)

    def run():
        y = ops.random_affine(x, (8, 8, 1), angle=(-0.5, 0.5), **key)
        np.testing.assert_array_equal(
            y[:5], ops.random_affine(x[:5].copy(), (8, 8, 1), angle=(-0.5, 0.5), **key)
        )
        return [y, ops.random_light(x, (8, 8, 1), gain=(0, 2), **key)]

    assert_same_bits(run)
    y = run()[0]
    assert len({row.tobytes() for row in y}) == len(y)


def _layers(**shape):
    return [
        augment.RandomTranslation((-0.2, 0.1), 0.3, "constant", fill_value=0.5, **shape),
        augment.RandomRotation(0.1, "nearest", **shape),
        augment.RandomZoom((-0.2, 0.3), seed=3, **shape),
        augment.RandomZoom(0.1, 0.2, "wrap", **shape),
        augment.RandomBrightness(0.1, **shape),
        augment.RandomContrast((0.5, 0.2), value_range=(-1.0, 2.0), **shape),
        layers.GaussianNoise(0.05),
    ]


def _model(flat=True, seed=4, more=None):
    fd.set_seed(seed)
    stack = [fd.Input(shape=(60,)), *_layers(image_shape=(6, 10))]
    if not flat:
        stack = [fd.Input(shape=(6, 10)), *_layers(), layers.Flatten()]
    stack = more if more is not None else stack
    model = fd.Sequential([*stack, layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def data(rng):
    return rng.random((50, 60)).astype(np.float32), rng.integers(0, 3, 50)


def test_only_training_changes_images(data):
    x, y = data
    model = _model()
    plain = _model(more=[fd.Input(shape=(60,))])
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x), plain.predict(x))
    assert model.evaluate(x, y, verbose=0) == plain.evaluate(x, y, verbose=0)
    trained, alone = model.train_on_batch(x, y), plain.train_on_batch(x, y)
    assert trained[0] != alone[0]
    shown = model.extract("random_brightness").forward(x, training=True)
    assert shown.shape == x.shape and not np.array_equal(shown, x)
    assert shown.min() >= 0.0 and shown.max() <= 1.0


def test_flat_rows_and_images_are_the_same(data):
    x, y = data
    flat, images = _model(), _model(flat=False)
    flat.fit(x, y, epochs=2, verbose=0)
    images.fit(x.reshape(-1, 6, 10), y, epochs=2, verbose=0)
    for a, b in zip(flat.get_weights(), images.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bytes_are_shares_of_255(rng):
    x, y = rng.integers(0, 256, (40, 60)).astype(np.uint8), rng.integers(0, 3, 40)
    one, two = _model(), _model()
    one.fit(x, y, epochs=2, verbose=0)
    two.fit(x.astype(np.float32) / 255, y, epochs=2, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_training_goes_on_with_the_same_bits(assert_same_bits, data, tmp_path):
    def run():
        model = _model()
        model.fit(*data, epochs=1, verbose=0)
        model.save(tmp_path / "m.safetensors", overwrite=True)
        same = fd.load_model(tmp_path / "m.safetensors")
        assert [repr(layer) for layer in same.layers] == [repr(layer) for layer in model.layers]
        for other in (model, same):
            other.fit(*data, epochs=1, verbose=0)
        for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        return model.get_weights()

    assert_same_bits(run)


def test_a_layer_that_images_of_other_shapes_share():
    fd.set_seed(1)
    turn = augment.RandomRotation((0.25, 0.25), "constant", seed=3)
    a, b = fd.Input((4, 6), name="a"), fd.Input((6, 4), name="b")
    both = fd.Model([a, b], [turn(a), turn(b)])
    rows = [np.random.default_rng(2).random((3, *shape), np.float32) for shape in ((4, 6), (6, 4))]
    outputs = both.forward(rows, training=True)
    for row, output in zip(rows, outputs, strict=True):
        fd.set_seed(1)
        x = fd.Input(row.shape[1:])
        alone = augment.RandomRotation((0.25, 0.25), "constant", seed=3)
        expected = fd.Model(x, alone(x)).forward(row, training=True)
        np.testing.assert_array_equal(output, expected)


def test_what_is_refused(data):
    dense = layers.Dense(60, name="below")
    turn = augment.RandomRotation(0.1, image_shape=(6, 10))
    model = _model(more=[fd.Input(shape=(60,)), dense, turn])
    with pytest.raises(ValueError, match=r"\[augment\] received a layer below that changes images"):
        model.fit(*data, verbose=0)
    model.freeze("below")
    model.fit(*data, verbose=0)
    for make, text in (
        (lambda: augment.RandomRotation(2.0), r"\[RandomRotation\] factor: received 2.0; expected"),
        (lambda: augment.RandomZoom((0.2, 0.1)), r"height_factor: received \(0.2, 0.1\); expected"),
        (lambda: augment.RandomZoom(0.1, "a"), r"width_factor: received 'a'; expected a number"),
        (lambda: augment.RandomTranslation(0.1, 0.1, "edge"), r"fill_mode: received 'edge'; exp"),
        (lambda: augment.RandomRotation(0.1, interpolation="nearest"), r"expected 'bilinear'"),
        (lambda: augment.RandomRotation(0.1, fill_value=np.nan), r"fill_value: received nan"),
        (lambda: augment.RandomContrast(1.5), r"factor: received 1.5; expected a number from 0"),
        (lambda: augment.RandomBrightness(0.1, (1, 0)), r"value_range: received \(1, 0\)"),
        (lambda: augment.RandomBrightness(0.1, 1.0), r"value_range: received 1.0; expected the s"),
        (lambda: augment.RandomRotation(0.1, image_shape=(3,)), r"image_shape: received \(3,\)"),
        (lambda: augment.RandomRotation(0.1, seed=-1), r"seed: received -1"),
        (
            lambda: augment.RandomRotation(0.1)(fd.Input(shape=(60,))),
            r"received rows of shape \(60,\); expected images",
        ),
        (
            lambda: augment.RandomRotation(0.1, image_shape=(5, 5))(fd.Input(shape=(60,))),
            r"received rows of shape \(60,\); expected images",
        ),
        (
            lambda: ops.random_affine(data[0], (7, 9, 1), seed=1),
            r"image_shape: received \(7, 9, 1\) for rows of 60 numbers",
        ),
        (
            lambda: ops.random_affine(data[0], (6, 10, 1), angle=(1, 0), seed=1),
            r"angle: received 1 to 0; expected finite numbers that grow",
        ),
        (
            lambda: ops.random_light(data[0], (6, 10, 1), gain=(0, np.inf), seed=1),
            r"gain: received 0 to inf",
        ),
        (
            lambda: ops.random_affine(data[0], (6, 10, 1), fill_mode="x", seed=1),
            r"received the fill mode 'x'; expected one of constant, nearest",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            make()
