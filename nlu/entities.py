"""Rasa component: services, places and names in a text.

In config.yml:

    - name: nlu.entities.CrfEntityExtractor
      catalogue:                       # entities that stand for one of a few values
        service: [eye_exam, contact_lens_exam]
      similarity: 80                   # 0-100: share of letters right in a mistyped word
      seed: 7

The other words for a value are `synonym:` lists in the training data; the lookup tables
`given_name` and `family_name` hold common names of people, `name_or_word` those that are usual
words too.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
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

from nlu.catalogue import Catalogue, Phrase
from nlu.crf import OUTSIDE, Tagger, features, train
from nlu.dates.spelling import DATE_WORDS
from nlu.fingerprint import code_digest
from nlu.lexicon import USUAL, Lexicon, usual_words
from nlu.normal import common_abbreviations
from nlu.spelling import english_counts
from nlu.variants import Variants, is_person
from nlu.words import Word, split_words

# Rasa's check of config.yml knows only its own extractors and says, wrongly for this one, that
# nothing learns from annotated entities, synonyms and lookup tables.
for _wrong in ("You have defined training data consisting of entity examples",
               "You have defined synonyms in your training data",
               "You have defined training data consisting of lookup tables"):  # fmt: skip
    warnings.filterwarnings("ignore", message=_wrong, category=UserWarning)

_Span = tuple[str, int, int, float]
"""An entity, its words (the last is not included), its probability."""

MODEL, NAMES, WORDS = "entities.crf", "catalogue.json", "lexicon.json"

_POSSESSIVE = re.compile(r"['\u2019]s$", re.IGNORECASE)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class CrfEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Entities by a trained sequence model, with values of the catalogue.

    Args:
        config: see the head of this module.
        model_storage: where Rasa keeps trained components.
        resource: this component's part of it.
        catalogue: written forms and their values.
        lexicon: words of the training data.
        tagger: the trained model; None when the training data names no entity.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        catalogue: Catalogue,
        lexicon: Lexicon | None = None,
        tagger: Tagger | None = None,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._catalogue = catalogue
        self._lexicon = lexicon or Lexicon()
        self._tagger = tagger

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"catalogue": {}, "similarity": 80, "seed": 7}

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
            words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
            model = folder / MODEL
            tagger = Tagger(model) if model.exists() else None
        catalogue = Catalogue(config["similarity"], names)
        lists = {name: frozenset(listed) for name, listed in words["lists"].items()}
        lexicon = Lexicon(frozenset(words["known"]), lists, frozenset(words["english"]))
        return cls(config, model_storage, resource, catalogue, lexicon, tagger)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn names from annotations and synonyms, then the model; persist both."""
        self._learn_names(training_data)
        labelled = []
        for example in training_data.training_examples:
            words = split_words(example.get(TEXT) or "")
            if words:
                labelled.append((words, _labels(words, example.get(ENTITIES) or [])))
        uses = Counter(word for words, labels in labelled for word in _plain(words, labels))
        tables = {
            table["name"]: frozenset(str(word).casefold() for word in table["elements"])
            for table in training_data.lookup_tables
            if isinstance(table["elements"], list)
        }
        short_forms = dict.fromkeys(common_abbreviations(), USUAL)  # "pls" is as usual as "please"
        english = usual_words(english_counts() | short_forms, tables)
        self._lexicon = Lexicon(frozenset(uses), tables, english)
        variants = Variants(tables, self._config["seed"])
        examples = []
        for words, labels in labelled:
            unseen = {word for word in _plain(words, labels) if uses[word] == 1}
            for written, marks in variants.of(words, labels):
                examples.append((features(written, self._phrases(written), self._lexicon, unseen),
                                 marks))  # fmt: skip
        with self._storage.write_to(self._resource) as folder:
            (folder / NAMES).write_text(json.dumps(self._catalogue.names), encoding="utf-8")
            kept = {
                "known": sorted(uses),
                "english": sorted(english),
                "lists": {name: sorted(words) for name, words in tables.items()},
            }
            (folder / WORDS).write_text(json.dumps(kept), encoding="utf-8")
            if any(label != OUTSIDE for _, labels in examples for label in labels):
                train(examples, folder / MODEL)
                self._tagger = Tagger(folder / MODEL)
        return self._resource

    def _phrases(self, words: list[Word]) -> list[Phrase]:
        return self._catalogue.phrases([word.text for word in words])

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

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities of each message that has a text."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                # Patterns are certain, so what they found stays what it is.
                earlier = message.get(ENTITIES, [])
                found = [
                    one
                    for one in self.add_extractor_name(self._find(text))
                    if all(one["end"] <= its["start"] or its["end"] <= one["start"]
                           for its in earlier)
                ]  # fmt: skip
                message.set(ENTITIES, [*earlier, *found], add_to_output=True)
        return messages

    def _find(self, text: str) -> list[dict[str, Any]]:
        words = split_words(text)
        if self._tagger is None or not words:
            return []
        phrases = self._phrases(words)
        labels = self._tagger.tag(features(words, phrases, self._lexicon))
        found = []
        free = 0  # words before this one are taken
        for span in _spans(labels):
            one = self._read(text, words, phrases, span)
            if one and one.first >= free:
                start, end = words[one.first].start, words[one.last - 1].end
                value = one.value
                if one.entity not in self._config["catalogue"]:
                    end = _name_end(words, one.first, one.last)
                    # "Zuri's mom" names Zuri
                    value = _POSSESSIVE.sub("", text[start:end])
                    end = start + len(value)
                found.append(_entity(one.entity, start, end, value, span[-1]))
                free = one.last
        return found

    def _read(
        self, text: str, words: list[Word], phrases: list[Phrase], span: _Span
    ) -> Phrase | None:
        """What a span stands for; None when its catalogue has no such value to offer."""
        entity, first, last, _ = span
        written = text[words[first].start : words[last - 1].end]
        if entity not in self._config["catalogue"]:
            return Phrase(entity, written, first, last, exact=True)
        # The model says that a service is named, the catalogue knows where its name ends.
        for phrase in phrases:
            if phrase.entity == entity and phrase.first < last and first < phrase.last:
                return phrase
        value = self._catalogue.find(entity, written)
        return Phrase(entity, value, first, last, exact=False) if value else None


def _labels(words: list[Word], entities: list[dict[str, Any]]) -> list[str]:
    labels = [OUTSIDE] * len(words)
    for entity in entities:
        inside = False
        for index, word in enumerate(words):
            if word.start < entity["end"] and entity["start"] < word.end:
                labels[index] = f"{'I' if inside else 'B'}-{entity['entity']}"
                inside = True
    return labels


def _plain(words: list[Word], labels: list[str]) -> set[str]:
    """The words of an example that are no names of people."""
    return {
        word.text.casefold()
        for word, label in zip(words, labels, strict=True)
        if not is_person(label)
    }


def _spans(labels: list[tuple[str, float]]) -> list[_Span]:
    """Entities with their words, `last` not included, and the least probability among them."""
    spans: list[_Span] = []
    previous = OUTSIDE
    for index, (label, share) in enumerate(labels):
        name = label[2:]
        if label.startswith("I-") and previous[2:] == name and spans:
            entity, first, _, confidence = spans[-1]
            spans[-1] = (entity, first, index + 1, min(confidence, share))
        elif label != OUTSIDE:
            spans.append((name, index, index + 1, share))
        previous = label
    return spans


def _name_end(words: list[Word], first: int, last: int) -> int:
    """Where a name ends that was found from the word `first` to before the word `last`.

    A word with one capital right behind a name with one is the rest of it, whatever else it may
    mean: "Pat Doe", "Una Day". A text in capitals tells nothing. A short form in small letters
    ("pls") is no part of a name.
    """
    while last - 1 > first and words[last - 1].text in common_abbreviations():
        last -= 1
    name, following = words[last - 1], words[last] if last < len(words) else None
    if (
        following
        and following.start == name.end + 1
        and all(word.text[:1].isupper() and not word.text.isupper() for word in (name, following))
        and following.text.casefold() not in DATE_WORDS
    ):
        return following.end
    return name.end


def _entity(entity: str, start: int, end: int, value: str, confidence: float) -> dict[str, Any]:
    return {"entity": entity, "start": start, "end": end, "value": value,
            "confidence_entity": confidence}  # fmt: skip
