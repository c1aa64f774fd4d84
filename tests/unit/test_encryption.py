import base64
import json
import os
import stat
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import doctor
from cli.encryption import key_lines, practice_keys, renew_practice_keys
from cli.encryption_commands import app as encryption_app
from cli.failure import Failure
from connectors.credentials import settings_from
from connectors.gateways.base import Inbound
from database.encryption import KEY_FILE, Cipher, _Key, cipher, kept_keys, read_keys
from messaging.errors import DamagedCiphertext, SettingsError, UnknownKey
from messaging.spool import Spool

OLD, NEW, DIGEST = b"\1" * 32, b"\2" * 32, b"\3" * 32
PLAIN = Cipher({})
BOTH = Cipher({"new": NEW, "old": OLD}, DIGEST)
ONLY_OLD = Cipher({"old": OLD}, DIGEST)
COLUMN = "inbound_text.body"
LINE = base64.b64encode(OLD).decode()


@pytest.mark.parametrize(
    ("key", "purpose", "sealed"),
    [
        (b"\1", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            b"\3",
            "c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_it_is_xaes_256_gcm_as_its_specification_has_it(key, purpose, sealed):
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    assert _Key(key * 32).unseal(nonce + bytes.fromhex(sealed), purpose) == b"XAES-256-GCM"


@pytest.mark.parametrize("keys", [PLAIN, BOTH], ids=["plain", "sealed"])
@given(text=st.text() | st.sampled_from(["enc:1:old:AAAA", "enc:0:x", "enc:", "enc:1:", ""]))
def test_what_was_stored_is_read_whatever_it_looks_like(keys, text):
    assert keys.unseal(keys.seal(text, COLUMN), COLUMN) == text
    content = text.encode("utf-8", "replace")
    assert keys.unseal_bytes(keys.seal_bytes(content, COLUMN), COLUMN) == content


def test_without_keys_nothing_is_changed():
    assert PLAIN.seal("see you", COLUMN) == "see you"
    assert PLAIN.seal_bytes(b"\x89PNG", COLUMN) == b"\x89PNG"
    assert PLAIN.seal_json([{"title": "9 am"}], COLUMN) == [{"title": "9 am"}]
    assert PLAIN.keyed(b"digest") == b"digest"
    assert BOTH.unseal("see you", COLUMN) == "see you"  # written before there were keys
    assert BOTH.unseal_json([1], COLUMN) == [1]


def test_a_sealed_value_shows_its_key_and_nothing_else():
    sealed = BOTH.seal("see you at nine", COLUMN)
    assert sealed.startswith("enc:1:new:")
    assert "nine" not in sealed
    assert sealed != BOTH.seal("see you at nine", COLUMN)  # a nonce of its own
    event = BOTH.seal_json({"text": "nine", "timestamp": 1.5}, COLUMN, {"timestamp": 1.5})
    assert event.keys() == {"timestamp", "sealed"}
    assert "nine" not in json.dumps(event)
    assert BOTH.unseal_json(event, COLUMN) == {"text": "nine", "timestamp": 1.5}


def test_all_keys_read_and_the_first_one_seals():
    other_way_round = Cipher({"old": OLD, "new": NEW}, DIGEST)
    assert other_way_round.unseal(BOTH.seal("hi", COLUMN), COLUMN) == "hi"
    assert BOTH.unseal(other_way_round.seal("hi", COLUMN), COLUMN) == "hi"


def test_an_unknown_key_is_named():
    sealed = BOTH.seal("hi", COLUMN)
    with pytest.raises(UnknownKey, match=r"'new'.*it has old") as told:
        ONLY_OLD.unseal(sealed, COLUMN)
    assert told.value.key_id == "new"
    assert told.value.retry
    with pytest.raises(UnknownKey, match="it has none"):
        PLAIN.unseal_bytes(BOTH.seal_bytes(b"hi", COLUMN), COLUMN)


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-8] + "AAAAAAA=",
        lambda sealed: sealed[:20],
        lambda sealed: sealed.rpartition(":")[0] + ":not base64!",
        lambda sealed: sealed.rpartition(":")[0] + ":",
    ],
)
def test_what_was_changed_is_not_read(change):
    with pytest.raises(DamagedCiphertext, match=COLUMN):
        BOTH.unseal(change(BOTH.seal("hi", COLUMN)), COLUMN)


def test_a_value_of_another_column_is_not_read():
    with pytest.raises(DamagedCiphertext):
        BOTH.unseal(BOTH.seal("hi", "outbound_text.body"), COLUMN)


def test_another_key_of_the_same_id_does_not_read():
    with pytest.raises(DamagedCiphertext):
        Cipher({"old": NEW}, DIGEST).unseal(ONLY_OLD.seal("hi", COLUMN), COLUMN)


def test_digests_are_keyed_and_stay_when_keys_change():
    assert BOTH.keyed(b"digest") == ONLY_OLD.keyed(b"digest") != b"digest"
    assert len(BOTH.keyed(b"digest")) == 32


@pytest.mark.parametrize(
    ("keys", "digest", "told"),
    [
        ("key", LINE, "a key needs an id and a colon"),
        (f"a b:{LINE}", LINE, "a key needs an id"),
        (f"a:{LINE},a:{LINE}", LINE, "two keys with the id a"),
        ("a:c2hvcnQ=", LINE, "key a: expected 32 bytes"),
        ("a:no base64", LINE, "key a: expected 32 bytes"),
        (f"a:{LINE}", "", "LINNET_DIGEST_KEY is missing"),
        (f"a:{LINE}", "c2hvcnQ=", "LINNET_DIGEST_KEY: expected 32 bytes"),
    ],
)
def test_wrong_keys_are_told_and_never_quoted(keys, digest, told):
    with pytest.raises(SettingsError, match=told) as error:
        read_keys(keys, digest)
    assert LINE not in str(error.value)
    assert "c2hvcnQ" not in str(error.value)
    with pytest.raises(SettingsError, match=told):  # when a process starts
        settings_from({}, {"LINNET_ENCRYPTION_KEYS": keys, "LINNET_DIGEST_KEY": digest})


def test_new_keys_stand_before_the_old_ones_and_the_digest_key_stays():
    first = dict(line.split("=", 1) for line in key_lines({}, date(2026, 11, 26)))
    second = dict(line.split("=", 1) for line in key_lines(first, date(2027, 1, 2)))
    assert second["LINNET_ENCRYPTION_KEYS"].startswith("k20270102-")
    assert second["LINNET_ENCRYPTION_KEYS"].endswith("," + first["LINNET_ENCRYPTION_KEYS"])
    assert second["LINNET_DIGEST_KEY"] == first["LINNET_DIGEST_KEY"]
    assert len(read_keys(*second.values()).key_ids) == 2


def test_the_practice_stack_keeps_its_keys_to_itself(tmp_path, monkeypatch):
    made = practice_keys(tmp_path, date(2026, 11, 26))
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert practice_keys(tmp_path, date(2026, 11, 27)) == made == kept_keys(tmp_path)
    monkeypatch.setenv("LINNET_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("LINNET_ENCRYPTION_KEYS")
    for database, keys in {"": 1, "postgresql://elsewhere": 0}.items():
        monkeypatch.setenv("DATABASE_URL", database)
        cipher.cache_clear()
        assert len(cipher().key_ids) == keys
    cipher.cache_clear()


def test_the_command_puts_a_new_key_into_the_file_of_a_stack_that_does_not_run(
    tmp_path, monkeypatch
):
    before = practice_keys(tmp_path, date(2026, 11, 26))
    monkeypatch.setenv("LINNET_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("LINNET_ENCRYPTION_KEYS")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    told = CliRunner().invoke(encryption_app, ["new-key"])
    assert "has a new key. Start `linnet up`" in told.output
    after = kept_keys(tmp_path)
    assert after["LINNET_ENCRYPTION_KEYS"].endswith("," + before["LINNET_ENCRYPTION_KEYS"])
    assert after["LINNET_DIGEST_KEY"] == before["LINNET_DIGEST_KEY"]
    assert after["LINNET_ENCRYPTION_KEYS"] not in told.output
    (tmp_path / "up.json").write_text(json.dumps({"pid": os.getpid()}))
    with pytest.raises(Failure, match="end it first"):
        renew_practice_keys(tmp_path, date(2026, 11, 27))
    assert kept_keys(tmp_path) == after


@pytest.mark.parametrize(
    ("keys", "state", "found"),
    [
        ("", "warn", "texts are stored as they are"),
        (f"new:{LINE},old:{LINE}", "ok", "texts are sealed with new; old only read"),
        ("new:short", "fail", "expected 32 bytes"),
    ],
)
def test_the_doctor_tells_whether_texts_are_sealed(monkeypatch, keys, state, found):
    monkeypatch.setenv("LINNET_ENCRYPTION_KEYS", keys)
    monkeypatch.setenv("LINNET_DIGEST_KEY", LINE)
    cipher.cache_clear()
    finding = doctor._encryption()
    cipher.cache_clear()
    assert (finding.state, found in finding.found) == (state, True)


TEXT = Inbound("SM1", "+12125550100", "+12125550142", "my knee hurts")


async def spooled(directory, keys, monkeypatch):
    monkeypatch.setattr("messaging.spool.cipher", lambda: keys)
    spool = Spool(directory)
    await spool.append("twilio", [TEXT], datetime(2026, 11, 26, tzinfo=UTC))
    return spool


async def drained(directory, keys, monkeypatch):
    monkeypatch.setattr("messaging.spool.cipher", lambda: keys)
    stored = []

    async def store(gateway, events, received_at):
        stored.extend(events)

    spool = Spool(directory)
    await spool.adopt()
    await spool.drain(store)
    spool.close()
    return stored


async def test_texts_on_disk_are_sealed_and_wait_for_whoever_has_their_key(
    tmp_path, monkeypatch, caplog
):
    (await spooled(tmp_path, BOTH, monkeypatch)).close()
    (file,) = tmp_path.iterdir()
    assert b"knee" not in file.read_bytes()
    assert await drained(tmp_path, ONLY_OLD, monkeypatch) == []
    assert [record.message for record in caplog.records] == ["spool.unknown-key"]
    assert list(tmp_path.iterdir()) == [file]  # neither set aside nor taken
    assert await drained(tmp_path, BOTH, monkeypatch) == [TEXT]
    assert list(tmp_path.iterdir()) == []


async def test_texts_on_disk_of_a_release_without_keys_are_stored(tmp_path, monkeypatch):
    (await spooled(tmp_path, PLAIN, monkeypatch)).close()
    assert await drained(tmp_path, BOTH, monkeypatch) == [TEXT]


async def test_a_process_that_only_knows_the_newest_key_stores_what_it_takes(tmp_path, monkeypatch):
    newest = Cipher({"new": NEW}, DIGEST)
    (await spooled(tmp_path, newest, monkeypatch)).close()
    assert await drained(tmp_path, newest, monkeypatch) == [TEXT]
