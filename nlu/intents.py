"""Rasa component: what the customer wants.

In config.yml:

    - name: nlu.intents.LinearIntentClassifier
      threshold: 0.35      # below this confidence the intent is nlu_fallback
      ranking_length: 10   # how many intents the ranking shows
      seed: 7
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.linear import LinearModel, train
from nlu.ngrams import Spans
from nlu.words import split_words

RANKING = "intent_ranking"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(GraphComponent, IntentClassifier):
    """Linear classifier on words and characters, with measured confidence and fallback.

    It reads the text itself, so that it needs no tokenizer or featurizer before it, and
    leaves Rasa's tokens on the message for `rasa test`. Entities found before it count as
    what they are: "this is Ravi" is understood like "this is Maria".

    Args:
        config: see the head of this module.
        model_storage: where Rasa keeps trained components.
        resource: this component's part of it.
        model: the trained model, when there is one.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: LinearModel | None = None,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"threshold": 0.35, "ranking_length": 10, "seed": 7}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LinearIntentClassifier:
        """Make an untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LinearIntentClassifier:
        """Read the trained component."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, LinearModel.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from every example that has an intent, and persist."""
        examples = [
            ((example.get(TEXT), _spans(example)), example.get(INTENT))
            for example in training_data.intent_examples
            if example.get(TEXT) and example.get(INTENT)
        ]
        texts, labels = [text for text, _ in examples], [label for _, label in examples]
        self._model = train(texts, labels, self._config["seed"])
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent, ranking and tokens of each message that has a text."""
        for message in messages:
            text = message.get(TEXT) or ""
            message.set(
                TOKENS_NAMES[TEXT], [Token(word.text, word.start) for word in split_words(text)]
            )
            ranking = self._rank(text, _spans(message))
            message.set(INTENT, ranking[0] if ranking else {"name": None, "confidence": 0.0},
                        add_to_output=True)  # fmt: skip
            message.set(RANKING, ranking, add_to_output=True)
        return messages

    def _rank(self, text: str, spans: Spans) -> list[dict[str, Any]]:
        """Best intents; `nlu_fallback` in front when the best is too doubtful."""
        if self._model is None:
            return []
        length, threshold = self._config["ranking_length"], self._config["threshold"]
        ranked = [
            {"name": name, "confidence": share}
            for name, share in self._model.rank(text, spans)[:length]
        ]
        unknown = not ranked and bool(text.strip())  # another script, or emoji never seen
        if unknown or (ranked and ranked[0]["confidence"] < threshold):
            ranked.insert(0, {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": threshold})
        return ranked


def _spans(message: Message) -> Spans:
    """Entities that are learned from examples; training data does not mark the others."""
    return [
        (entity["start"], entity["end"], entity["entity"])
        for entity in message.get(ENTITIES) or []
        if entity["entity"] != "time"
    ]
