"""The policy that learns from stories: right where it has seen the like, silent where not."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasa.shared.core.training_data.loading as story_files
from rasa.core.policies.policy import Policy
from rasa.core.test import EndToEndUserUtterance
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.generator import TrainingDataGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.core.training_data.structures import StoryGraph

from dialogue.linear import CERTAIN, train
from dialogue.policy import LinearStoryPolicy
from dialogue.turns import FORM, Context, examples, seen

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture(scope="module")
def stories(domain: Domain):
    steps = story_files.load_data_from_resource(str(ROOT / "data" / "stories"), domain)
    generator = TrainingDataGenerator(StoryGraph(steps), domain, augmentation_factor=0)
    return generator.generate_story_trackers()


def make(folder: Path, **options) -> tuple[LocalModelStorage, LinearStoryPolicy]:
    storage = LocalModelStorage.create(folder)
    config = {**LinearStoryPolicy.get_default_config(), **options}
    context = ExecutionContext(GraphSchema({}))
    return storage, LinearStoryPolicy.create(config, storage, Resource("policy"), context)


@pytest.fixture(scope="module")
def policy(tmp_path_factory, stories, domain) -> Policy:
    """Trained on data/stories, saved and loaded."""
    storage, made = make(tmp_path_factory.mktemp("policy"))
    made.train(stories, domain)
    context = ExecutionContext(GraphSchema({}))
    return LinearStoryPolicy.load(made.config, storage, Resource("policy"), context)


def talk(*steps: str) -> DialogueStateTracker:
    """``#intent``, ``action``, ``+form`` or ``-form``; the assistant listens before each intent."""
    tracker = DialogueStateTracker("talk", [])
    for step in steps:
        if step.startswith("#"):
            tracker.update(ActionExecuted("action_listen"))
            tracker.update(UserUttered("", {"name": step[1:]}))
        elif step[0] in "+-":
            tracker.update(ActiveLoop(step[1:] if step[0] == "+" else None))
        else:
            tracker.update(ActionExecuted(step))
    return tracker


def said(policy: Policy, tracker: DialogueStateTracker, domain: Domain) -> tuple[str, float]:
    chances = policy.predict_action_probabilities(tracker, domain).probabilities
    best = max(chances)
    return (domain.action_names_or_texts[chances.index(best)] if best else ""), best


CONFIRMED = (
    "#confirm_appointment",
    "confirm_form",
    "+confirm_form",
    "-",
    "action_confirm_attendance",
)


@pytest.mark.parametrize(
    ("steps", "action"),
    [
        (["#thanks"], "utter_welcome"),
        ([*CONFIRMED, "#thanks"], "utter_see_you"),
        ([*CONFIRMED, "#thanks", "utter_see_you"], "action_listen"),
        # None of these is in a story.
        (["#bot_challenge", "utter_bot_challenge", "#ask_location", "action_say_where", "#thanks"],
         "utter_welcome"),
        (["#help", "utter_help", *CONFIRMED, "#ask_location", "action_say_where", "#thanks"],
         "utter_see_you"),
        ([*CONFIRMED, "#thanks", "utter_see_you", "#ask_hours", "action_say_hours", "#thanks"],
         "utter_welcome"),
        ([*CONFIRMED, "#goodbye", "utter_goodbye", "#ask_hours", "action_say_hours", "#thanks"],
         "utter_welcome"),
        (["#ask_hours", "action_say_hours", "#book_appointment", "book_form", "+book_form",
          "#ask_location", "action_say_where"], "book_form"),
    ],
)  # fmt: skip
def test_what_comes_next(policy, domain, steps, action):
    chosen, confidence = said(policy, talk(*steps), domain)
    assert chosen == action
    assert 0.3 < confidence <= CERTAIN  # above core_fallback_threshold, below a rule


@pytest.mark.parametrize(
    "steps",
    [
        [],
        ["#picture_of_a_cat"],
        ["#thanks", "utter_welcome", "#picture_of_a_cat"],
        ["#thanks", "action_nobody_knows"],
    ],
)
def test_it_says_nothing_about_what_no_story_is_like(policy, domain, steps):
    assert said(policy, talk(*steps), domain) == ("", 0.0)


def test_how_much_must_be_familiar_is_an_option(tmp_path, stories, domain):
    _, strict = make(tmp_path, familiarity=0.99)
    strict.train(stories, domain)
    far = talk("#help", "utter_help", "#out_of_scope", "utter_out_of_scope", "#thanks")
    assert said(strict, far, domain) == ("", 0.0)
    assert said(strict, talk("#thanks"), domain)[0] == "utter_welcome"


def test_the_same_stories_and_seed_give_the_same_policy(tmp_path, policy, stories, domain):
    _, again = make(tmp_path)
    again.train(stories, domain)
    for steps in (["#thanks"], [*CONFIRMED, "#thanks"]):
        tracker = talk(*steps)
        assert (
            again.predict_action_probabilities(tracker, domain).probabilities
            == policy.predict_action_probabilities(tracker, domain).probabilities
        )


def test_no_pickle_is_stored(tmp_path, stories, domain):
    _, made = make(tmp_path)
    made.train(stories, domain)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"weights.npz", "words.json"}


def test_without_stories_there_is_a_clear_error(tmp_path, domain):
    _, made = make(tmp_path)
    with pytest.raises(ValueError, match="data/stories"):
        made.train([], domain)


def test_one_story_is_enough(domain):
    story = list(examples(talk("#thanks", "utter_welcome", "#help").events, domain, 4))
    model = train([story], seed=7)
    chances = model.predict(story[0][0])
    assert max(chances, key=chances.get) == "utter_welcome"


def test_what_is_seen(domain):
    tracker = talk(
        "#greet", "utter_greet", "#book_appointment", "book_form", "+book_form", "#thanks"
    )
    tracker.update(SlotSet("lists_texts", True))
    tracker.update(SlotSet("service", "eye_exam"))  # has no influence on the conversation
    steps = ("#thanks", FORM, "#book_appointment", "utter_greet")
    marks = ("slot lists_texts true",)
    assert seen(tracker.applied_events(), domain, 4, {}) == Context(steps, "book_form", marks)


def test_texts_of_end_to_end_tests_are_seen_like_all_others(domain):
    text = EndToEndUserUtterance("thx", {"name": "thanks"})
    assert seen([text], domain, 3, {}).steps[0] == "#thanks"


def test_turns_that_only_rules_know_are_not_seen(domain):
    tracker = talk(*CONFIRMED, "#ask_hours")
    tracker.update(ActionExecuted("action_say_hours", hide_rule_turn=True))
    tracker.update(ActionExecuted("action_listen"))
    tracker.update(UserUttered("", {"name": "thanks"}))
    hidden = seen(tracker.applied_events(), domain, 4, {})
    assert hidden == seen(talk(*CONFIRMED, "#thanks").applied_events(), domain, 4, {})
    rules = {"rule_only_loops": ["confirm_form"], "rule_only_slots": ["lists_texts"]}
    assert seen(talk("#confirm_appointment", "+confirm_form").events, domain, 2, rules).loop == ""


def test_a_change_of_its_code_changes_its_fingerprint():
    addon = LinearStoryPolicy.fingerprint_addon({})
    assert addon is not None
    assert len(addon) == 64
