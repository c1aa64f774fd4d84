"""Rasa component: the meaning of a text as a vector, by a sentence encoder.

In config.yml, after the normaliser and before the classifier:

    - name: nlu.sentence_encoder.SentenceEncoder

It knows English from its own training, so texts that say the same in other words are near each
other although no example says it. Without this line the assistant still works, from the words
alone, 4 ms faster and less well.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.encoder import Encoder, Vector, digest, shared_encoder
from nlu.normaliser import normal_text

NAME = "sentence_encoder"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(GraphComponent):
    """Adds the sentence vector to a message, as Rasa's dense sentence feature.

    Args:
        encoder: shared by all models of the process.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Another encoder is a reason to train again."""
        return digest()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Make the component; the encoder is loaded once in a process."""
        return cls(shared_encoder())

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors of every example."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the vector of each message that has words."""
        for message in messages:
            if message.get(TOKENS_NAMES[TEXT]):
                vector = self._encoder.encode(normal_text(message))
                message.add_features(Features(vector[None], FEATURE_TYPE_SENTENCE, TEXT, NAME))
        return messages


def sentence_vector(message: Message) -> Vector | None:
    """The vector that this component has added to a message, if it has."""
    for feature in message.features or []:
        if feature.origin == NAME:
            vector: Vector = feature.features[0]
            return vector
    return None
