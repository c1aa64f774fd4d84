"""Rasa component: what the customer wants.

In config.yml:

    - name: nlu.intents.LinearIntentClassifier
      threshold: 0.35      # below this confidence the intent is nlu_fallback
      strange: 0.02        # so many texts that do belong may be taken for out of scope
      alongside: [ask_hours]  # questions answered beside what else the text says
      ranking_length: 10   # how many intents the ranking shows
      seed: 7

Besides Rasa's `intent` and `intent_ranking` a parsed text has `scope` (`score`: 0 is a usual
text, -4 one about something else; `as_strange`: the share of training texts that look as
strange), and `also`: questions of the same text that are answered too.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.clauses import split_clauses
from nlu.encoder import shared_encoder
from nlu.fingerprint import code_digest
from nlu.intent_model import IntentModel, Ranking, train
from nlu.ngrams import Spans
from nlu.normaliser import normal_words
from nlu.sentence_encoder import sentence_vector
from nlu.words import Word

RANKING, SCOPE, ALSO = "intent_ranking", "scope", "also"
OUT_OF_SCOPE = "out_of_scope"
LONGEST_ANSWER = 3
"""Words; a strange text that is shorter may be a name or another answer, so it is asked again
instead of being sent away."""
CLEAR = 0.5
"""Confidence (0 to 1) from which a clause is answered by itself."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(GraphComponent, IntentClassifier):
    """Two linear models, one on n-grams and one on the sentence vector, with measured confidence.

    It needs :class:`nlu.normaliser.SmsNormaliser` before it and uses
    :class:`nlu.sentence_encoder.SentenceEncoder` if that is there. Entities found before it count
    as what they are: "this is Ravi" is understood like "this is Maria".

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
        model: IntentModel | None = None,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {
            "threshold": 0.35,
            "strange": 0.02,
            "alongside": [],
            "ranking_length": 10,
            "seed": 7,
        }

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """A change of our code is a reason to train again."""
        return code_digest()

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
            return cls(config, model_storage, resource, IntentModel.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from every example that has an intent, and persist."""
        examples = [
            example
            for example in training_data.intent_examples
            if example.get(TEXT) and example.get(INTENT) and normal_words(example)
        ]
        vectors = [sentence_vector(example) for example in examples]
        known = [vector for vector in vectors if vector is not None]
        self._model = train(
            [(normal_words(example), _spans(example)) for example in examples],
            [example.get(INTENT) for example in examples],
            np.array(known) if len(known) == len(examples) else None,
            [example.get(TEXT) for example in examples],
            self._config["seed"],
        )
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent, ranking, scope and what is asked alongside, of each message."""
        for message in messages:
            words = normal_words(message) if message.get(TEXT) else []
            spans, vector = _spans(message), sentence_vector(message)
            found = self._model.rank((words, spans), vector) if self._model else _NOTHING
            ranking = self._named(found, words)
            also: list[dict[str, Any]] = []
            if self._config["alongside"] and vector is not None:
                ranking, also = self._apart(message.get(TEXT), words, spans, ranking)
            message.set(INTENT, ranking[0] if ranking else {"name": None, "confidence": 0.0},
                        add_to_output=True)  # fmt: skip
            message.set(RANKING, ranking, add_to_output=True)
            if words:
                scope = {"score": round(found.scope, 3), "as_strange": round(found.as_strange, 4)}
                message.set(SCOPE, scope, add_to_output=True)
            if also:
                message.set(ALSO, also, add_to_output=True)
        return messages

    def nearest(self, words: Sequence[Word], count: int) -> list[tuple[str, str, float]]:
        """The training texts that mean most nearly the same: text, intent and cosine.

        None when the model was trained without a sentence encoder.
        """
        if self._model is None or not len(self._model.scope.neighbours):
            return []
        vector = shared_encoder().encode(" ".join(word.text for word in words))
        return self._model.nearest(vector, count)

    def _named(self, found: Ranking, words: Sequence[Word]) -> list[dict[str, Any]]:
        """Best intents; in front what stands for "not understood", where that is the case."""
        threshold = self._config["threshold"]
        ranked = [
            {"name": name, "confidence": share}
            for name, share in found.intents[: self._config["ranking_length"]]
        ]
        if not words:
            return ranked
        doubtful = not ranked or ranked[0]["confidence"] < threshold
        if found.as_strange < self._config["strange"] and len(words) > LONGEST_ANSWER:
            name = OUT_OF_SCOPE
            ranked = [intent for intent in ranked if intent["name"] != OUT_OF_SCOPE]
        elif doubtful or found.as_strange < self._config["strange"]:
            name = DEFAULT_NLU_FALLBACK_INTENT_NAME
        else:
            return ranked
        return [{"name": name, "confidence": threshold}, *ranked]

    def _apart(
        self, text: str, words: Sequence[Word], spans: Spans, ranking: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The ranking of what the text says, and the questions that it asks alongside."""
        clauses = split_clauses(words)
        if len(clauses) < 2 or self._model is None:  # noqa: PLR2004
            return ranking, []
        main: list[dict[str, Any]] | None = None
        also: list[dict[str, Any]] = []
        for clause in clauses:
            vector = shared_encoder().encode(" ".join(word.text for word in clause))
            ranked = self._named(self._model.rank((clause, spans), vector), clause)
            if not ranked or ranked[0]["confidence"] < CLEAR:
                continue
            start, end = clause[0].start, clause[-1].end
            if ranked[0]["name"] not in self._config["alongside"]:
                main = main or ranked
            elif ranked[0]["name"] not in {one["intent"]["name"] for one in also}:
                also.append({"intent": ranked[0], "text": text[start:end], "start": start,
                             "end": end})  # fmt: skip
        if main is None:  # two questions: the first is the text's own
            return ranking, [one for one in also if one["intent"]["name"] != ranking[0]["name"]]
        return (main, also) if also else (ranking, [])


_NOT_MARKED = {"PatternEntityExtractor"}
_NOTHING = Ranking([], 0.0, 1.0)


def _spans(message: Message) -> Spans:
    """Entities that are learned from examples; training data does not mark the others."""
    return [
        (entity["start"], entity["end"], entity["entity"])
        for entity in message.get(ENTITIES) or []
        if entity.get("extractor") not in _NOT_MARKED and entity["entity"] != "time"
    ]
