"""Fills a database with old texts, as years of use would have left them."""

from __future__ import annotations

import psycopg

from bench.turns.account import Account
from bench.turns.texts import FIRST_PHONE

PHONES = 20_000

# Every phone has texted once an hour until a week ago; one turn is a text and its reply, and each
# fifth turn begins a session. Keys are made of names, so that tables can be filled side by side.
# What refers to what is right as it is made, so that nothing is checked row by row.
FILL = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE old AS
    SELECT md5('talk ' || phone)::uuid AS talk, '+1332' || ({first_phone} + phone) AS phone,
        turn, md5(phone || ' ' || turn)::uuid AS id, phone || '.' || turn AS name,
        now() - interval '7 days' - make_interval(hours => {turns} / {phones} - turn) AS at
    FROM generate_series(0, greatest(0, ({turns} - 1) / {phones})) AS turn,
        generate_series(1, least({turns}, {phones})) AS phone;
INSERT INTO conversation (id, gateway, number, phone, created_at)
    SELECT md5('talk ' || phone)::uuid, 'twilio', '{number}', '+1332' || ({first_phone} + phone),
        now() - interval '1 year'
    FROM generate_series(1, {phones}) AS phone;
INSERT INTO turn (id, conversation_id, number, state, handled_by, started_at, finished_at, intent,
        confidence, policy, timings)
    SELECT id, talk, turn + 1, 'done', 'assistant', at, at, 'greet', 0.98, 'RulePolicy',
        '{{"understood": 0.011, "decided": 0.02}}'
    FROM old;
INSERT INTO inbound_text (conversation_id, gateway, external_id, body, received_at, turn_id)
    SELECT talk, 'twilio', 'SM' || md5('in ' || name), 'are you a bot', at, id FROM old;
INSERT INTO outbound_text (id, conversation_id, turn_id, kind, gateway, sender, recipient, body,
        segments, state, attempts, created_at, next_attempt_at, expires_at, first_attempt_at,
        accepted_at, vendor_id, vendor_status, updated_at)
    SELECT id, talk, id, 'reply', 'twilio', '{number}', phone,
        'I am an automated assistant. I can book an exam or tell you our hours.', 1, 'delivered', 1,
        at, at, at + interval '1 hour', at, at, 'SM' || md5('out ' || name), 'delivered', at
    FROM old;
INSERT INTO receipt (gateway, vendor_id, status, vendor_status, raw, received_at, outbound_id)
    SELECT 'twilio', 'SM' || md5('out ' || name), status, status,
        jsonb_build_object('MessageSid', 'SM' || md5('out ' || name), 'MessageStatus', status,
            'To', phone, 'From', '{number}', 'ApiVersion', '2010-04-01'),
        at, id
    FROM old, unnest(ARRAY['sent', 'delivered']) AS status;
INSERT INTO tracker_event (conversation_id, position, turn_id, session_start, event)
    SELECT talk, turn * 7 + place, id, event ->> 'event' = 'session_started',
        event || jsonb_build_object('timestamp', extract(epoch FROM at)::float)
    FROM old, jsonb_array_elements($$[
        {{"event": "action", "name": "action_session_start", "policy": null, "confidence": 1.0,
          "action_text": null, "hide_rule_turn": false}},
        {{"event": "session_started"}},
        {{"event": "action", "name": "action_listen", "policy": null, "confidence": null,
          "action_text": null, "hide_rule_turn": false}},
        {{"event": "user", "text": "are you a bot", "input_channel": "sms", "message_id": "1",
          "metadata": {{}}, "parse_data": {{"text": "are you a bot", "entities": [],
              "intent": {{"name": "bot_challenge", "confidence": 0.98}}}}}},
        {{"event": "action", "name": "utter_bot", "policy": "RulePolicy", "confidence": 1.0,
          "action_text": null, "hide_rule_turn": true}},
        {{"event": "bot", "text": "I am an automated assistant. I can book an exam.",
          "data": {{}}, "metadata": {{"utter_action": "utter_bot"}}}},
        {{"event": "action", "name": "action_listen", "policy": "RulePolicy", "confidence": 1.0,
          "action_text": null, "hide_rule_turn": true}}
    ]$$) WITH ORDINALITY AS happened (event, place)
    WHERE place > 3 OR turn % 5 = 0;
DROP TABLE old;
RESET session_replication_role
"""


def fill(database_url: str, texts: int) -> None:
    """Put old texts in, half of them from customers and half replies to those.

    They are spread evenly over 20,000 phones, the first ones of ``Phones`` among them; where
    there are fewer turns than phones, the first phones have one each.

    Args:
        database_url: of an empty database.
        texts: how many.
    """
    filled = FILL.format(
        turns=texts // 2, phones=PHONES, number=Account().number, first_phone=FIRST_PHONE
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in filled.split(";\n"):
            connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")
