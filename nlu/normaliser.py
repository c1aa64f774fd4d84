"""Rasa component: the words of a text in their normal form.

In config.yml:

    - name: nlu.normaliser.SmsNormaliser
      spelling: true                       # correct slips of the finger
      abbreviations: {cl: contact lenses}  # of this business, besides nlu/abbreviations.yml

Each of Rasa's tokens keeps the word as it was written, with its place in the text; its `lemma`
is the normal form, which the components after this one read.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import json
from collections import Counter
from itertools import chain, pairwise
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.fingerprint import code_digest
from nlu.normal import Normaliser, common_abbreviations
from nlu.spelling import Speller, english_counts, word_priors
from nlu.words import Word

WORDS = "words.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class SmsNormaliser(GraphComponent):
    """Splits texts into words and gives each its normal form.

    Args:
        config: see the head of this module.
        model_storage: where Rasa keeps trained components.
        resource: this component's part of it.
        speller: corrects slips; None before training and when it is switched off.

    Raises:
        InvalidConfigException: `abbreviations` is no list of words and what they stand for.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        speller: Speller | None = None,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._abbreviations = common_abbreviations() | _own_abbreviations(config["abbreviations"])
        self._normaliser = Normaliser(self._abbreviations, speller)

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"spelling": True, "abbreviations": {}}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """A change of our code or of the usual abbreviations is a reason to train again."""
        return code_digest()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SmsNormaliser:
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
    ) -> SmsNormaliser:
        """Read the trained component."""
        speller = None
        if config["spelling"]:
            with model_storage.read_from(resource) as folder:
                learned = json.loads((folder / WORDS).read_text(encoding="utf-8"))
            known = word_priors(learned["own"], english_counts())
            pairs = ((first, second) for first, second in learned["pairs"])
            speller = Speller(known, learned["own"], pairs)
        return cls(config, model_storage, resource, speller)

    def words(self, text: str) -> list[Word]:
        """The words of a text in their normal form."""
        return self._normaliser.words(text)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the words of this business and which stand beside each other; persist."""
        rows = [
            list(chain.from_iterable(word.text.split() for word in self._normaliser.words(text)))
            for text in (example.get(TEXT) for example in training_data.training_examples)
            if text
        ]
        learned = {
            "own": Counter(chain.from_iterable(rows)),
            "pairs": sorted({pair for row in rows for pair in pairwise(row)}),
        }
        with self._storage.write_to(self._resource) as folder:
            (folder / WORDS).write_text(json.dumps(learned), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Set the tokens of every example."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the tokens of each message that has a text."""
        for message in messages:
            text = message.get(TEXT)
            if text is not None:
                message.set(TOKENS_NAMES[TEXT], [
                    Token(text[word.start : word.end], word.start, word.end, lemma=word.text)
                    for word in self._normaliser.words(text)
                ])  # fmt: skip
        return messages


def normal_words(message: Message) -> list[Word]:
    """The words of a message in their normal form, with offsets in its text.

    Raises:
        InvalidConfigException: no component before has made tokens.
    """
    tokens = message.get(TOKENS_NAMES[TEXT])
    if tokens is None:
        raise InvalidConfigException(
            "A component reads the words of a text and none before it makes them: put "
            "`- name: nlu.normaliser.SmsNormaliser` first in the pipeline of config.yml."
        )
    return [Word(token.lemma, token.start, token.end) for token in tokens]


def normal_text(message: Message) -> str:
    """The normal form of a message's text."""
    return " ".join(word.text for word in normal_words(message))


def _own_abbreviations(configured: Any) -> dict[str, str]:
    if not isinstance(configured, dict) or not all(
        isinstance(short, str) and isinstance(long, str) and short and long
        for short, long in configured.items()
    ):
        raise InvalidConfigException(
            "abbreviations of nlu.normaliser.SmsNormaliser in config.yml: write each short form "
            "with what it stands for, like {cl: contact lenses, '2x': twice}; not "
            f"{configured!r}."
        )
    return {short.casefold(): long.casefold() for short, long in configured.items()}
