from collections import Counter

import pytest

from nlu.normal import Normaliser, common_abbreviations
from nlu.spelling import Speller, english_counts, word_priors

OWN = ("can i reschedule my appointment for tomorrow", "cancel my appointment", "set an alarm",
       "how many contact lenses do i have", "lakeside office", "move it to friday",
       "reschedule the appointment", "you may be interested")  # fmt: skip


@pytest.fixture(scope="module")
def normaliser() -> Normaliser:
    words = [word for text in OWN for word in text.split()]
    pairs = {pair for text in OWN for pair in zip(text.split(), text.split()[1:], strict=False)}
    known = word_priors(Counter(words), english_counts())
    return Normaliser(common_abbreviations(), Speller(known, words, pairs))


def _normal(normaliser: Normaliser, text: str) -> str:
    return " ".join(word.text for word in normaliser.words(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cud u resched 4 tmrw", "could you reschedule for tomorrow"),
        ("pls cncl my appt", "please cancel my appointment"),
        ("thx gr8", "thanks great"),
        ("gonna b l8", "going to be late"),
        ("w/o it", "without it"),
        ("THANK YOU", "thank you"),
        ("I\u2019m here", "i'm here"),
        ("soooo goooood", "so good"),
        ("resceduel my apointment", "reschedule my appointment"),
        ("rschdl my appntmnt", "reschedule my appointment"),
        ("tomorow", "tomorrow"),
        ("hoe many", "how many"),  # a word, but not beside "many"
        ("the hoe is new", "the hoe is new"),
        ("at 2 or 4", "at 2 or 4"),
        ("thursday 2 or 4", "thursday 2 or 4"),
        ("2", "2"),
        ("move it 2 friday", "move it to friday"),
        ("kids 4 pm", "kids 4 pm"),
        ("xqzvkw", "xqzvkw"),
        ("na\u00efve \u4f60\u597d \U0001f600", "na\u00efve \u4f60\u597d \U0001f600"),
        ("", ""),
    ],
)
def test_each_word_has_its_normal_form(normaliser, text, wanted):
    assert _normal(normaliser, text) == wanted


def test_words_keep_their_place_in_the_original(normaliser):
    text = "Pls  cncl w/o fee, gonna go!"
    assert [(text[word.start : word.end], word.text) for word in normaliser.words(text)] == [
        ("Pls", "please"), ("cncl", "cancel"), ("w/o", "without"), ("fee", "fee"), (",", ","),
        ("gonna", "going to"), ("go", "go"), ("!", "!"),
    ]  # fmt: skip


def test_without_a_speller_only_abbreviations_are_resolved():
    plain = Normaliser({"appt": "appointment"}, None)
    assert _normal(plain, "appt tomorow pleeeease") == "appointment tomorow pleease"


def test_every_short_form_leads_to_a_long_one_and_no_further():
    short = common_abbreviations()
    assert len(short) > 400
    assert not {form for form in short if form != form.casefold() or " " in form}
    assert not {form for form in short.values() if short.get(form, form) != form}


def test_a_training_word_is_never_a_slip_and_a_single_odd_one_no_correction():
    words = ["olly", "olly", "zzyx", "cancel"]
    speller = Speller(word_priors(Counter(words), english_counts()), words, [])
    assert speller.correct("zzyx", "", "") == "zzyx"
    assert speller.correct("zzyxx", "", "") != "zzyx"
    assert speller.correct("cancwl", "", "") == "cancel"
