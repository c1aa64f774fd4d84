"""Rasa policy: what the assistant does where no rule says it, learned from data/stories.

In config.yml:

    - name: dialogue.policy.LinearStoryPolicy
      max_history: 6     # steps back (a text of the customer's, or an action) that may decide
      familiarity: 0.4   # how much of them some story must have in common, 0 to 1
      seed: 7

It is never as confident as a rule, so a rule always wins; where its confidence is below
``core_fallback_threshold`` of RulePolicy, the fallback action runs.
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rasa.core.featurizers.tracker_featurizers import MaxHistoryTrackerFeaturizer
from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from dialogue import linear, turns
from dialogue.linear import LinearModel, train
from dialogue.turns import examples, seen

PRIORITY = 1  # as Rasa's own policies that learn; RulePolicy has 6 and memoization 3


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class LinearStoryPolicy(Policy):
    """A linear model over the last steps of a conversation, trained on stories.

    Args:
        config: see the head of this module.
        model_storage: where Rasa keeps trained components.
        resource: this component's part of it.
        execution_context: Rasa's.
        model: the trained model, when there is one.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        model: LinearModel | None = None,
    ) -> None:
        # Rasa wants a featurizer; this policy reads events itself, which is far cheaper.
        unused = MaxHistoryTrackerFeaturizer(max_history=config["max_history"])
        super().__init__(config, model_storage, resource, execution_context, unused)
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"priority": PRIORITY, "max_history": 6, "familiarity": 0.4, "seed": 7}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Changes when the model's code does, so that Rasa trains again."""
        sources = [Path(str(module.__file__)).read_bytes() for module in (linear, turns)]
        return hashlib.sha256(b"".join(sources)).hexdigest()

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LinearStoryPolicy:
        """Read the trained component."""
        with model_storage.read_from(resource) as folder:
            model = LinearModel.load(folder)
        return cls(config, model_storage, resource, execution_context, model)

    def train(
        self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **kwargs: Any
    ) -> Resource:
        """Learn from every story, as it is written, and persist.

        Stories that Rasa glues together by chance are left out: what a story does not say about
        the steps before it, the model need not be told.

        Raises:
            ValueError: there are no stories.
        """
        stories = SupportedData.trackers_for_supported_data(
            self.supported_data(), training_trackers
        )
        length = self.config["max_history"]
        self._model = train(
            [
                list(examples(story.applied_events(), domain, length))
                for story in stories
                if not getattr(story, "is_augmented", False)
            ],
            self.config["seed"],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Confidence in each action; none in any where nothing like it was ever seen."""
        probabilities = self._default_predictions(domain)
        if self._model is not None:
            context = seen(
                tracker.applied_events(), domain, self.config["max_history"], rule_only_data or {}
            )
            predicted = self._model.predict(context, self.config["familiarity"])
            for number, name in enumerate(domain.action_names_or_texts):
                probabilities[number] = predicted.get(name, 0.0)
        return self._prediction(probabilities)
