r"""Rasa component: services, places, names and references in a text.

In config.yml:

    - name: nlu.entities.CrfEntityExtractor
      catalogue:                       # entities that stand for one of a few values
        service: [eye_exam, contact_lens_exam]
      similarity: 80                   # 0-100: how alike a mistyped name must be
      patterns:                        # entities found by pattern, without examples
        reference: '\bHEC-[0-9A-Z]{4}\b'

The other words for a value are `synonym:` lists in the training data.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import json
import re
import warnings
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.io import raise_warning

from nlu.catalogue import Catalogue
from nlu.crf import OUTSIDE, Tagger, features, train
from nlu.words import MAX_CHARACTERS, Word, split_words

# Rasa's check of config.yml knows only its own extractors and says, wrongly for this one, that
# nothing learns from annotated entities and synonyms.
for _wrong in ("You have defined training data consisting of entity examples",
               "You have defined synonyms in your training data"):  # fmt: skip
    warnings.filterwarnings("ignore", message=_wrong, category=UserWarning)

MODEL, NAMES = "entities.crf", "catalogue.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class CrfEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Entities by a trained sequence model and by patterns, with values of the catalogue.

    Args:
        config: see the head of this module.
        model_storage: where Rasa keeps trained components.
        resource: this component's part of it.
        catalogue: written forms and their values.
        tagger: the trained model; None when the training data names no entity.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        catalogue: Catalogue,
        tagger: Tagger | None = None,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._catalogue = catalogue
        self._tagger = tagger
        self._patterns = {
            entity: re.compile(pattern, re.IGNORECASE)
            for entity, pattern in config["patterns"].items()
        }

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"catalogue": {}, "similarity": 80, "patterns": {}}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CrfEntityExtractor:
        """Make an untrained component."""
        return cls(config, model_storage, resource, Catalogue(config["similarity"]))

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CrfEntityExtractor:
        """Read the trained component."""
        with model_storage.read_from(resource) as folder:
            names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            model = folder / MODEL
            tagger = Tagger(model) if model.exists() else None
        catalogue = Catalogue(config["similarity"], names)
        return cls(config, model_storage, resource, catalogue, tagger)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn names from annotations and synonyms, then the model; persist both."""
        self._learn_names(training_data)
        examples = []
        for example in training_data.training_examples:
            words = split_words(example.get(TEXT) or "")
            if words:
                labels = self._labels(words, example.get(ENTITIES) or [])
                examples.append((features(words, self._catalogue), labels))
        with self._storage.write_to(self._resource) as folder:
            (folder / NAMES).write_text(json.dumps(self._catalogue.names), encoding="utf-8")
            if any(label != OUTSIDE for _, labels in examples for label in labels):
                train(examples, folder / MODEL)
                self._tagger = Tagger(folder / MODEL)
        return self._resource

    def _learn_names(self, training_data: TrainingData) -> None:
        """Written forms: the values themselves, their synonyms, then what is annotated."""
        entity_of = {
            value: entity
            for entity, values in self._config["catalogue"].items()
            for value in values
        }
        for value, entity in entity_of.items():
            self._catalogue.learn(entity, value, value)
        for written, value in training_data.entity_synonyms.items():
            if value in entity_of:
                self._catalogue.learn(entity_of[value], written, value)
        for example in training_data.training_examples:
            for entity in example.get(ENTITIES) or []:
                if entity["entity"] in self._config["catalogue"]:
                    written = example.get(TEXT)[entity["start"] : entity["end"]]
                    self._learn_annotation(entity["entity"], written, entity["value"], entity_of)

    def _learn_annotation(
        self, entity: str, written: str, value: str, entity_of: dict[str, str]
    ) -> None:
        known = value if value in entity_of else self._catalogue.find(entity, written)
        if known:
            self._catalogue.learn(entity, written, known)
        else:
            raise_warning(
                f"{written!r} in the training data is no {entity} of the catalogue in config.yml. "
                "Add it to a `synonym:` list in data/nlu."
            )

    def _labels(self, words: list[Word], entities: list[dict[str, Any]]) -> list[str]:
        labels = [OUTSIDE] * len(words)
        for entity in entities:
            if entity["entity"] in self._patterns:
                continue
            inside = False
            for index, word in enumerate(words):
                if word.start < entity["end"] and entity["start"] < word.end:
                    labels[index] = f"{'I' if inside else 'B'}-{entity['entity']}"
                    inside = True
        return labels

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities of each message that has a text."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                found = self.add_extractor_name(self._find(text))
                message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages

    def _find(self, text: str) -> list[dict[str, Any]]:
        found = [
            _entity(entity, match.start(), match.end(), match.group().upper(), 1.0)
            for entity, pattern in self._patterns.items()
            for match in pattern.finditer(text[:MAX_CHARACTERS])
        ]
        taken = [(entity["start"], entity["end"]) for entity in found]
        for entity, start, end, confidence in self._tagged(text):
            if any(start < last and first < end for first, last in taken):
                continue
            value: str | None = text[start:end]
            if entity in self._config["catalogue"]:
                value = self._catalogue.find(entity, text[start:end])
            if value:  # what is in no catalogue cannot be offered
                found.append(_entity(entity, start, end, value, confidence))
        return sorted(found, key=lambda entity: entity["start"])

    def _tagged(self, text: str) -> list[tuple[str, int, int, float]]:
        words = split_words(text)
        if self._tagger is None or not words:
            return []
        spans: list[tuple[str, int, int, float]] = []
        previous = OUTSIDE
        for word, (label, share) in zip(
            words, self._tagger.tag(features(words, self._catalogue)), strict=True
        ):
            name = label[2:]
            if label != OUTSIDE and label.startswith("I-") and previous[2:] == name and spans:
                entity, start, _, confidence = spans[-1]
                spans[-1] = (entity, start, word.end, min(confidence, share))
            elif label != OUTSIDE:
                spans.append((name, word.start, word.end, share))
            previous = label
        return spans


def _entity(entity: str, start: int, end: int, value: str, confidence: float) -> dict[str, Any]:
    return {"entity": entity, "start": start, "end": end, "value": value,
            "confidence_entity": confidence}  # fmt: skip
