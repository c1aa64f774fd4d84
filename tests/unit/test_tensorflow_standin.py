import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("tensorflow").origin is not None,
    reason="real TensorFlow is installed",
)


def _run(program: str, *paths: str) -> subprocess.CompletedProcess[str]:
    head = f"import sys; sys.path[:0] = {list(paths)!r}\n"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_importing_is_answered_and_a_layer_of_ones_own_is_refused():
    done = _run(
        """
        import tensorflow as tf, tensorflow.keras.layers
        from nlu.tensorflow_standin import TensorFlowMissing
        class Mine(tf.keras.layers.Layer):
            pass
        try:
            Mine()
        except TensorFlowMissing as error:
            print(error)
        """
    )
    assert done.stdout.startswith("Mine needs TensorFlow"), done.stderr
    assert "uv sync --extra diet" in done.stdout


def test_the_model_behind_diet_says_what_to_install():
    done = _run(
        """
        from rasa.nlu.classifiers.diet_classifier import DIET
        try:
            DIET("diet", {}, {}, {})
        except ImportError as error:
            print(error)
        """
    )
    assert "needs TensorFlow" in done.stdout, done.stderr
    assert "`diet` extra" in done.stdout


def test_real_tensorflow_is_found_first(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("REAL = True\n")
    done = _run("import tensorflow; print(tensorflow.REAL)", str(tmp_path))
    assert done.stdout.strip() == "True", done.stderr
