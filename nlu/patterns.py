r"""Rasa component: order numbers, references, phone numbers and other things with a pattern.

In config.yml:

    - name: nlu.patterns.PatternEntityExtractor
      region: US                       # phone numbers without "+" are from here
      currency: USD                    # what "$" and "dollars" mean
      entities: [phone, email]         # of order_number, phone, email, postal_code, money
      patterns:                        # your own, by the name of the entity
        reference: '\bHEC-[0-9A-Z]{4}\b'
        member_id: [{LOWER: {IN: [member, policy]}}, {TEXT: {REGEX: '^\d{6,}$'}}]

A pattern of your own is a regular expression (capitals do not matter; when it has a group, the
group is the entity) or a list of spaCy token patterns. It goes before the built-in ones.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from nlu.lean_spacy import load_spacy
from nlu.pattern_rules import Rule, TokenPattern, built_in_rules
from nlu.words import MAX_CHARACTERS

_OWN = "own||"
_NEEDS_TOKENS = re.compile(r"[0-9@]")
"""Without one of these no built-in pattern can match, and the text need not be split."""

Found = tuple[int, int, str, str]
"""Offsets of the begin and the end, the entity, the value."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class PatternEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Entities by pattern: spaCy's tokens and EntityRuler, and regular expressions.

    Args:
        config: see the head of this module.

    Raises:
        InvalidConfigException: when an option cannot be used; it names the option.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._rules = _chosen(config)
        own = {name: _split(name, pattern) for name, pattern in (config["patterns"] or {}).items()}
        self._expressions = {name: one for name, one in own.items() if isinstance(one, re.Pattern)}
        self._own_tokens = any(isinstance(one, list) for one in own.values())
        self._nlp = load_spacy().blank("en")
        self._ruler = load_spacy().pipeline.EntityRuler(self._nlp, validate=True)
        for name, one in own.items():
            if isinstance(one, list):
                self._add_own(name, one)
        self._ruler.add_patterns(
            [
                {"label": name, "pattern": pattern}
                for name, rule in self._rules.items()
                for pattern in rule.patterns
            ]
        )

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {
            "region": "US",
            "currency": "USD",
            "entities": ["order_number", "phone", "email", "postal_code", "money"],
            "patterns": {},
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> PatternEntityExtractor:
        """Make the component."""
        return cls(config)

    def _add_own(self, name: str, pattern: TokenPattern) -> None:
        try:
            self._ruler.add_patterns([{"label": f"{_OWN}{name}", "pattern": pattern}])
        except Exception as error:  # spaCy raises several kinds
            raise _wrong(
                f"pattern {name!r} is no list of spaCy token patterns ({error})",
                "See https://spacy.io/usage/rule-based-matching.",
            ) from error

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities of each message that has a text, in their order."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                found = self.add_extractor_name(
                    [
                        {"entity": entity, "start": start, "end": end, "value": value,
                         "confidence_entity": 1.0}
                        for start, end, entity, value in self._find(text[:MAX_CHARACTERS])
                    ]
                )  # fmt: skip
                message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages

    def _find(self, text: str) -> list[Found]:
        """What the patterns find, without overlaps."""
        chosen: list[Found] = []
        for one in (*self._by_expression(text), *self._by_tokens(text)):
            if all(one[1] <= start or end <= one[0] for start, end, _, _ in chosen):
                chosen.append(one)
        return sorted(chosen)

    def _by_expression(self, text: str) -> Iterator[Found]:
        for name, expression in self._expressions.items():
            for match in expression.finditer(text):
                start, end = match.span(match.lastindex or 0)
                if start < end:
                    yield start, end, name, text[start:end].upper()

    def _by_tokens(self, text: str) -> Iterator[Found]:
        """Matches of the ruler, the designer's first, then the longest."""
        if not self._own_tokens and not _NEEDS_TOKENS.search(text):
            return
        tokens = self._nlp.tokenizer(text)
        labels = self._nlp.vocab.strings
        matches = [
            (labels[key], tokens[first:last]) for key, first, last in self._ruler.match(tokens)
        ]
        for label, span in matches:
            if label.startswith(_OWN):
                yield span.start_char, span.end_char, label.removeprefix(_OWN), span.text
        tried: list[tuple[str, int, int]] = []
        for label, span in matches:
            # What a longer match did not yield its parts will not: else a text full of digits
            # would be read once for each of their combinations.
            if label not in self._rules or any(
                label == name and span.start < last and first < span.end
                for name, first, last in tried
            ):
                continue
            tried.append((label, span.start, span.end))
            for first, last, value in self._rules[label].find(span.text):
                yield span.start_char + first, span.start_char + last, label, value


def _chosen(config: dict[str, Any]) -> dict[str, Rule]:
    """The built-in rules that config.yml asks for."""
    rules = built_in_rules(config["region"], config["currency"])
    unknown = sorted(set(config["entities"]) - set(rules))
    if unknown:
        raise _wrong(f"entity {unknown[0]!r} is not built in", f"Choose of {', '.join(rules)}.")
    return {name: rules[name] for name in rules if name in config["entities"]}


def _split(name: str, pattern: Any) -> re.Pattern[str] | TokenPattern:
    """A designer's pattern, compiled when it is a regular expression."""
    if isinstance(pattern, list) and pattern:
        return pattern
    if not isinstance(pattern, str) or not pattern:
        raise _wrong(
            f"pattern {name!r} is {pattern!r}",
            "Write a regular expression or a list of spaCy token patterns.",
        )
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise _wrong(
            f"pattern {name!r} is no regular expression ({error})",
            "Write it between single quotes, so that YAML leaves the backslashes alone.",
        ) from error


def _wrong(what: str, remedy: str) -> InvalidConfigException:
    return InvalidConfigException(f"config.yml: {what} of PatternEntityExtractor. {remedy}")
