"""One policy on the benchmark's stories, in a process of its own; prints JSON.

python -m bench.stories.trial POLICY --domain FILE --stories FILE --others FILE --folds N

Runs in the project's environment, or in that of stock Rasa, which has TensorFlow for TED.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rasa.shared.core.training_data.loading as story_files
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates, TrainingDataGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.utils.log_utils import configure_structlog

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "LinearStoryPolicy": ("dialogue.policy", {}),
    "AugmentedMemoizationPolicy": ("rasa.core.policies.memoization", {"max_history": 3}),
    # As Rasa's own `rasa init` writes it, with a seed.
    "TEDPolicy": (
        "rasa.core.policies.ted_policy",
        {"max_history": 5, "epochs": 100, "random_seed": 7, "constrain_similarities": True},
    ),
}


class Trial:
    """A kind of policy, trained and asked as often as needed.

    Args:
        name: of the policy.
        domain: of the stories.
    """

    def __init__(self, name: str, domain: Domain) -> None:
        module, self.options = POLICIES[name]
        self._kind = getattr(importlib.import_module(module), name)
        self._domain = domain
        self.training, self.asking, self.asked = 0.0, 0.0, 0
        self.trainings = 0

    def train(self, stories: Sequence[TrackerWithCachedStates]) -> Any:
        """A policy that has learned these stories."""
        folder = Path(tempfile.mkdtemp())
        config = {**self._kind.get_default_config(), **self.options}
        context = ExecutionContext(GraphSchema({}))
        policy = self._kind.create(
            config, LocalModelStorage.create(folder), Resource("policy"), context
        )
        began = time.process_time()
        policy.train(list(stories), self._domain)
        self.training += time.process_time() - began
        self.trainings += 1
        return policy

    def ask(self, policy: Any, story: TrackerWithCachedStates) -> list[tuple[str, str, float]]:
        """For each decision of a story: what is right, what the policy says, how sure it is.

        It is told the right history each time, whatever it said before.
        """
        names = self._domain.action_names_or_texts
        # As in serving; training trackers keep what they have worked out.
        tracker = DialogueStateTracker("story", self._domain.slots)
        begun, answers = False, []
        for event in story.applied_events():
            if isinstance(event, ActionExecuted) and begun and not event.unpredictable:
                began = time.process_time()
                chances = policy.predict_action_probabilities(tracker, self._domain).probabilities
                self.asking += time.process_time() - began
                self.asked += 1
                best = max(chances)
                said = names[list(chances).index(best)] if best > 0 else ""
                answers.append((event.action_name, said, float(best)))
            begun = begun or isinstance(event, UserUttered)
            tracker.update(event)
        return answers


def score(told: Sequence[Sequence[tuple[str, str, float]]]) -> dict[str, Any]:
    """Shares of right decisions, of stories without a wrong one, and what confidences are worth."""
    each = [answer for story in told for answer in story]
    hard = [answer for answer in each if answer[0] != ACTION_LISTEN_NAME]
    said = [answer for answer in each if answer[1]]
    sure = sum(confidence for _, _, confidence in said) / max(len(said), 1)
    right = sum(right == chosen for right, chosen, _ in said) / max(len(said), 1)
    return {
        "decisions": len(each),
        "right_percent": _percent(each),
        "right_percent_but_listen": _percent(hard),
        "whole_stories_percent": round(
            100 * sum(all(a == b for a, b, _ in story) for story in told) / len(told), 1
        ),
        "silent_percent": round(100 * (len(each) - len(said)) / len(each), 1),
        "mean_confidence_when_it_speaks": round(sure, 3),
        "right_share_when_it_speaks": round(right, 3),
        "wrong": sorted(
            {f"{right} <- {chosen or 'nothing'}" for right, chosen, _ in each if right != chosen}
        ),
    }


def _percent(answers: Sequence[tuple[str, str, float]]) -> float:
    right = sum(right == chosen for right, chosen, _ in answers)
    return round(100 * right / max(len(answers), 1), 1)


def trackers(file: Path, domain: Domain) -> list[TrackerWithCachedStates]:
    """The stories of a file, one tracker each."""
    graph = StoryGraph(story_files.load_data_from_resource(str(file), domain))
    generator = TrainingDataGenerator(
        graph,
        domain,
        remove_duplicates=False,
        augmentation_factor=0,
        use_story_concatenation=False,
    )
    found: list[TrackerWithCachedStates] = generator.generate_story_trackers()
    return found


def main() -> int:
    """Cross-validate by story; then train on all and ask about other stories."""
    arguments = argparse.ArgumentParser(prog="python -m bench.stories.trial", description=__doc__)
    arguments.add_argument("policy", choices=POLICIES)
    for name in ("domain", "stories", "others"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--folds", type=int, default=5)
    options = arguments.parse_args()
    configure_structlog(logging.WARNING)  # as in serving, where debug lines cost nothing
    domain = Domain.load(str(options.domain))
    stories, others = trackers(options.stories, domain), trackers(options.others, domain)
    before = _highest_mb()
    trial = Trial(options.policy, domain)
    told = []
    for fold in range(options.folds):
        print(f"{options.policy}: fold {fold + 1} of {options.folds}", file=sys.stderr)
        inside = [story for number, story in enumerate(stories) if number % options.folds != fold]
        policy = trial.train(inside)
        told += [trial.ask(policy, story) for story in stories[fold :: options.folds]]
    print(f"{options.policy}: all stories, asked about others", file=sys.stderr)
    policy = trial.train(stories)
    elsewhere = [trial.ask(policy, story) for story in others]
    report = {
        "options": trial.options,
        "stories": len(stories),
        "folds": options.folds,
        "held_out": score(told),
        "other_stories": score(elsewhere),
        "training_cpu_s": round(trial.training / trial.trainings, 2),
        "cpu_ms_a_prediction": round(1000 * trial.asking / trial.asked, 3),
        "highest_mb": _highest_mb(),
        "highest_mb_before_training": before,
    }
    print(json.dumps(report))
    return 0


def _highest_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
