"""AggMo for Keras, on the backend that KERAS_BACKEND names (PyTorch if it names none): the same steps as the torch
AggMo's, and what Keras's own tests ask of its optimizers. test_keras_backends.py runs this file on the other backends.
"""

from __future__ import annotations

import doctest
import os
import pickle
import subprocess
import sys
from importlib.util import find_spec

import numpy
import pytest
from conftest import ROOT
from keras_reference import CASES, DECAY, RATE, STEPS, B, W, batches, gradient, references

if find_spec("keras") is None:
    pytest.skip("keras is not installed: pip install 'keras>=3.15,<4'", allow_module_level=True)
os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
# Keras's own, under numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

G = numpy.array([[1.0, 2.0, -3.0], [0.5, -1.0, 4.0]], "float32")


@pytest.fixture(scope="module")
def keras():
    """Imported by the first test and not with the file, which takes seconds."""
    import keras

    return keras


@pytest.fixture(scope="module")
def aggmo(keras):
    from optim.keras import AggMo

    return AggMo


@pytest.fixture(scope="module")
def torch_results():
    return references(BACKEND)


def step(keras, optimizer, *pairs):
    """One step by these (gradient, variable)s; returns the variables' values."""
    optimizer.apply([keras.ops.convert_to_tensor(g) for g, _ in pairs], [v for _, v in pairs])
    return [numpy.array(keras.ops.convert_to_numpy(v)) for _, v in pairs]


def walk(keras, optimizer, gradients, start=W):
    """The weights after each step by given gradients."""
    w = keras.Variable(start)
    return [step(keras, optimizer, (g, w))[0] for g in gradients]


@pytest.mark.parametrize("case", CASES)
def test_equals_the_torch_optimizer(keras, aggmo, torch_results, case):
    """Weights in 50 steps, velocities after them, in float32; gradients are those at each optimizer's own weights."""
    make = aggmo.from_exp_form if "k" in CASES[case] else aggmo
    optimizer, variables = make(RATE, **CASES[case]), [keras.Variable(W), keras.Variable(B)]
    weights, velocities = torch_results[0][case]
    values = [W, B]
    for t in range(STEPS):
        gradients = [gradient(w, i, t) for i, w in enumerate(values)]
        values = step(keras, optimizer, *zip(gradients, variables, strict=True))
        for ours, theirs in zip(values, weights, strict=True):
            assert numpy.abs(ours - theirs[t]).max() <= 1e-6
    assert len(optimizer.velocities) == len(velocities[0])
    for k, ours in enumerate(optimizer.velocities):
        for v, theirs in zip(ours, velocities, strict=True):
            assert numpy.abs(keras.ops.convert_to_numpy(v) - theirs[k]).max() <= 1e-5  # sums of 50 gradients


def test_the_same_layer_by_both(keras, aggmo, torch_results):
    """compile and train_on_batch, with an L2 regulariser of half the torch optimizer's weight decay."""
    regularizer = keras.regularizers.L2(DECAY / 2)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False, kernel_regularizer=regularizer)])
    model.layers[0].set_weights([W])
    model.compile(aggmo(0.05), "mse")
    for x, y in zip(*batches(), strict=True):
        model.train_on_batch(x, y)
    ours = model.layers[0].get_weights()[0]
    assert numpy.abs(ours - torch_results[1]).max() <= 1e-6
    assert numpy.abs(ours - W).max() > 0.1


def test_config(keras, aggmo):
    from keras.src.testing import TestCase

    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    check = TestCase().run_class_serialization_test  # as Keras's tests of its own optimizers
    for optimizer in (
        aggmo(0.5, (0.1, 0.7), 0.004, clipnorm=2.0, use_ema=True, ema_momentum=0.9, name="a"),
        aggmo(schedule, gradient_accumulation_steps=2),
        aggmo.from_exp_form(1, a=0.2, k=2),
    ):
        check(optimizer)
        config = keras.optimizers.serialize(optimizer)
        assert keras.optimizers.deserialize(config).get_config() == optimizer.get_config()
        assert pickle.loads(pickle.dumps(optimizer)).get_config() == optimizer.get_config()
    assert optimizer.betas == (0.0, 0.8) and isinstance(optimizer, keras.optimizers.Optimizer)
    check(keras.optimizers.LossScaleOptimizer(aggmo(betas=(0, 0.5))))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"learning_rate": -1}, r"learning_rate=-1 is not in \[0, inf\)"),
        ({"learning_rate": "fast"}, r"learning_rate is of str: .* \[0, inf\)"),
        ({"betas": (0, 1.0)}, r"betas\[1\]=1.0 is not in \[0, 1\)"),
        ({"betas": ()}, "betas=.* at least 1"),
        ({"betas": 0.9}, r"betas=0.9 is not a list of values in \[0, 1\)"),
        ({"weight_decay": -0.1}, r"weight_decay=-0.1 is not in \[0, inf\)"),
        ({"k": 0}, r"k=0 is not an integer in \[1, inf\)"),
        ({"a": 1.0}, r"a=1.0 is not in \(0, 1\)"),
        ({"a": 0.1, "k": 20}, r"betas\[17\]=1.0"),
        ({"nesterov": True}, "nesterov"),
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps=1"),
    ],
)
def test_wrong_arguments(aggmo, arguments, message):
    make = aggmo.from_exp_form if {"a", "k"} & set(arguments) else aggmo
    with pytest.raises(ValueError, match=message) as raised:
        make(**arguments)
    assert "\n" not in str(raised.value)


def test_build(keras, aggmo):
    w, other = keras.Variable(W), keras.Variable(W)
    optimizer = aggmo(0.5, (0, 0.5))
    optimizer.build([w])
    (after,) = step(keras, optimizer, (G, w))
    optimizer.build([w])
    optimizer.build([w, other])  # Keras's do nothing either
    assert len(optimizer.variables) == 2 + 2  # steps and learning rate, a velocity for each beta
    numpy.testing.assert_allclose(after, W - 0.5 * G)
    numpy.testing.assert_array_equal(keras.ops.convert_to_numpy(optimizer.velocities[1][0]), G)
    with pytest.raises(ValueError, match="Unknown variable"):
        step(keras, optimizer, (G, other))
    half = keras.Variable(W, dtype="bfloat16")
    aggmo(betas=(0, 0.99)).build([half])
    with pytest.raises(ValueError, match=r"betas\[1\]=0.999 is 1 in bfloat16"):
        aggmo(betas=(0, 0.999)).build([half])


def test_weight_decay_is_decoupled_and_knows_exclusions(keras, aggmo):
    decayed, plain = W - 0.5 * G - 0.5 * 0.1 * W, W - 0.5 * G
    for excluded in ({}, {"var_names": ["bias"]}, {"var_list": [1]}):
        kernel, bias = keras.Variable(W, name="kernel"), keras.Variable(W, name="bias")
        optimizer = aggmo(0.5, weight_decay=0.1)
        if excluded:
            optimizer.exclude_from_weight_decay(**excluded if "var_names" in excluded else {"var_list": [bias]})
        first, second = step(keras, optimizer, (G, kernel), (G, bias))
        numpy.testing.assert_allclose(first, decayed, rtol=1e-6)
        numpy.testing.assert_allclose(second, plain if excluded else decayed, rtol=1e-6)


def test_clipping(keras, aggmo):
    """The first step is by the clipped gradient."""
    norms = numpy.linalg.norm(G), numpy.sqrt(2 * (G**2).sum())
    clipped = {"clipvalue": G.clip(-1, 1), "clipnorm": G / norms[0], "global_clipnorm": G / norms[1]}
    for name, expected in clipped.items():
        pair = keras.Variable(W), keras.Variable(W)
        for value in step(keras, aggmo(0.5, **{name: 1.0}), *((G, v) for v in pair)):
            numpy.testing.assert_allclose(value, W - 0.5 * expected, rtol=1e-5, err_msg=name)


def test_average_of_the_weights(keras, aggmo):
    """use_ema: the average of AggMo's weights; every third step it becomes the weights."""
    w1, w2 = walk(keras, aggmo(0.1), [G, G])
    optimizer = aggmo(0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3)
    a = walk(keras, optimizer, [G, G, G])
    average = 0.9 * w1 + 0.1 * w2
    w3 = w2 - 0.1 * G * (1 + 2.71 + 2.9701) / 3
    numpy.testing.assert_allclose(a[1], w2, rtol=1e-6)
    numpy.testing.assert_allclose(a[2], 0.9 * average + 0.1 * w3, rtol=1e-5)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    model.compile(aggmo(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(numpy.ones((4, 2)), numpy.zeros((4, 3)), batch_size=1, verbose=0)
    averages = model.optimizer._model_variables_moving_average  # fit ends with the average as the weights
    numpy.testing.assert_array_equal(model.layers[0].kernel.numpy(), averages[0].numpy())


def test_gradient_accumulation(keras, aggmo):
    optimizer = aggmo(0.1, gradient_accumulation_steps=3)
    values = walk(keras, optimizer, [G, 2 * G, 3 * G, G, G, 4 * G])
    for value in values[:2]:
        numpy.testing.assert_array_equal(value, W)
    expected = walk(keras, aggmo(0.1), [2 * G, 2 * G])
    numpy.testing.assert_allclose([values[2], values[3], values[5]], [expected[0], expected[0], expected[1]], rtol=1e-6)


def test_loss_scaling(keras, aggmo):
    expected = walk(keras, aggmo(0.1), [G, G])
    fixed = aggmo(0.1, loss_scale_factor=1024.0)
    assert fixed.scale_loss(1.0) == 1024
    numpy.testing.assert_array_equal(walk(keras, fixed, [1024 * G, 1024 * G]), expected)

    dynamic = keras.optimizers.LossScaleOptimizer(aggmo(0.1), initial_scale=1024.0)
    w = keras.Variable(W)
    dynamic.build([w])
    for g in (1024 * G, G * numpy.float32(numpy.inf), 512 * G):  # the infinite step is left out and halves the scale
        g = keras.ops.convert_to_tensor(g)
        if BACKEND == "jax":  # where this optimizer has to be called so
            values, state = dynamic.stateless_apply([v.value for v in dynamic.variables], [g], [w.value])
            for variable, value in zip([w, *dynamic.variables], [*values, *state], strict=True):
                variable.assign(value)
        else:
            dynamic.apply([g], [w])
    numpy.testing.assert_allclose(keras.ops.convert_to_numpy(w), expected[1], rtol=1e-6)


def test_changing_learning_rates(keras, aggmo):
    rates = [0.5, 0.5, 0.1]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.1])
    left = iter(rates)
    expected, v = [W], numpy.zeros_like(W)
    for rate in rates:
        v = 0.9 * v + G
        expected.append(expected[-1] - rate * (G + v) / 2)
    for learning_rate in (schedule, lambda: next(left)):
        values = walk(keras, aggmo(learning_rate, (0, 0.9)), [G, G, G])
        numpy.testing.assert_allclose(values, expected[1:], rtol=1e-5)
    optimizer = aggmo(0.5, (0, 0.9))
    w = keras.Variable(W)
    for rate in rates:
        optimizer.learning_rate = rate
        (value,) = step(keras, optimizer, (G, w))
    numpy.testing.assert_allclose(value, expected[-1], rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_saved_model_goes_on_as_the_first(keras, aggmo, tmp_path, policy):
    """Its optimizer's state and settings come back without custom_objects; mixed_float16 brings loss scaling."""
    random = numpy.random.default_rng(1)
    x, y = random.normal(size=(16, 4)).astype("float32"), random.normal(size=(16, 2)).astype("float32")
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)  # the model's too, not the layers' alone: float16 has its loss scaled then
    try:
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)])
        model.compile(aggmo.from_exp_form(0.05, k=2, weight_decay=0.01), "mse")
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    inner = getattr(loaded.optimizer, "inner_optimizer", loaded.optimizer)
    assert type(inner) is aggmo and (inner is not loaded.optimizer) == (policy == "mixed_float16")
    assert {v.dtype for velocities in inner.velocities for v in velocities} == {"float32"}
    losses = [m.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"] for m in (model, loaded)]
    assert losses[0] == losses[1] and losses[0][1] < losses[0][0]
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        numpy.testing.assert_array_equal(ours, theirs)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras has sparse gradients on TensorFlow and JAX alone")
def test_sparse_gradients_are_as_dense_ones(keras, aggmo):
    """Rows without a gradient move too: their velocities decay."""
    start, rows = numpy.ones((5, 3), "float32"), [0, 2, 4]
    dense = [numpy.zeros((5, 3), "float32") for _ in range(3)]
    for t in range(2):
        dense[t][rows] = t + 1.0
    expected = walk(keras, aggmo(0.1), dense, start)
    w, optimizer = keras.Variable(start), aggmo(0.1)
    for g, value in zip(dense, expected, strict=True):
        if BACKEND == "tensorflow":
            import tensorflow

            sparse = tensorflow.IndexedSlices(g[rows], rows, g.shape)
        else:
            from jax.experimental.sparse import BCOO

            sparse = BCOO((g[rows], numpy.array(rows)[:, None]), shape=g.shape)
        optimizer.apply([sparse], [w])
        numpy.testing.assert_allclose(keras.ops.convert_to_numpy(w), value, rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.function is TensorFlow's")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_loop_of_ones_own_in_tf_function(keras, aggmo, jit_compile):
    import tensorflow

    def loop(variable):
        optimizer = aggmo(0.1)
        optimizer.build([variable])

        @tensorflow.function(jit_compile=jit_compile)
        def one(g):
            optimizer.apply([g], [variable])

        one(G)
        one(2 * G)
        return keras.ops.convert_to_numpy(variable)

    expected = walk(keras, aggmo(0.1), [G, 2 * G])[-1]
    for variable in (keras.Variable(W), tensorflow.Variable(W)):
        numpy.testing.assert_allclose(loop(variable), expected, rtol=1e-6)


def test_docstring_numbers(aggmo):
    result = doctest.testmod(sys.modules[aggmo.__module__])
    assert result.attempted and not result.failed


WITHOUT_KERAS = """
import sys
import optim.keras
assert not {"keras", "torch"} & set(sys.modules)
sys.modules["keras"] = None
try:
    from optim.keras import AggMo
except ModuleNotFoundError as error:
    print(error)
"""


def test_the_package_imports_without_keras_which_its_optimizer_asks_for():
    done = subprocess.run([sys.executable, "-c", WITHOUT_KERAS], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "optim.keras needs Keras: pip install 'keras>=3.15,<4'\n", done.stderr
