"""Campaigns and alerts: texts to many, who let them go, and what became of each."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a phone is once in a campaign              campaign_recipient primary key
#   a campaign takes only steps that exist     campaign_steps
#   what was approved is what is sent          campaign_steps (content changes in drafts alone;
#                                              a new draft is a version), campaign_recipient_stays
#   an alert is let go by two people, none of whom wrote it   campaign_approval_is_anothers,
#                                              campaign_approval_once, campaign_steps
#   what was done stays on record              campaign_event_stays
UPGRADE = """
CREATE TABLE campaign (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    class text NOT NULL CHECK (class IN ('marketing', 'transactional', 'emergency')),
    text text NOT NULL CHECK (btrim(text) <> ''),
    subject text NOT NULL CHECK (btrim(subject) <> ''),
    audience jsonb NOT NULL,
    starts_at timestamptz,
    starts_on_clock timestamp,
    expires_at timestamptz,
    per_minute integer NOT NULL CHECK (per_minute BETWEEN 1 AND 60000),
    also_opted_out text CHECK (btrim(also_opted_out) <> ''),
    state text NOT NULL DEFAULT 'draft'
        CHECK (state IN ('draft', 'ready', 'running', 'paused', 'done', 'aborted')),
    version integer NOT NULL DEFAULT 1,
    created_by text NOT NULL CHECK (created_by = btrim(created_by) AND created_by <> ''),
    created_at timestamptz NOT NULL,
    edited_by text NOT NULL CHECK (edited_by = btrim(edited_by) AND edited_by <> ''),
    paced_until timestamptz,
    CONSTRAINT campaign_starts_once CHECK (starts_at IS NULL OR starts_on_clock IS NULL),
    CONSTRAINT campaign_opted_out_only_in_emergency
        CHECK (also_opted_out IS NULL OR class = 'emergency')
);
COMMENT ON COLUMN campaign.text IS 'with {variables} of its recipients';
COMMENT ON COLUMN campaign.audience IS
    'where its recipients are from, how many rows were taken, and which were not';
COMMENT ON COLUMN campaign.starts_on_clock IS 'on the wall clock of each recipient';
COMMENT ON COLUMN campaign.per_minute IS 'texts, at most';
COMMENT ON COLUMN campaign.also_opted_out IS 'why phones get it that opted out; null: they do not';
COMMENT ON COLUMN campaign.version IS 'of text, audience and times; approvals are for one';
COMMENT ON COLUMN campaign.paced_until IS 'when all that was handed over has left at its rate';
CREATE INDEX campaign_running ON campaign (id) WHERE state = 'running';

CREATE TABLE campaign_recipient (
    campaign_id bigint NOT NULL REFERENCES campaign,
    phone text NOT NULL CHECK (phone ~ '^\\+[1-9][0-9]{6,14}$'),
    variables jsonb NOT NULL DEFAULT '{}',
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'enqueued', 'refused', 'withdrawn')),
    code text,
    text_ids uuid[] NOT NULL DEFAULT '{}',
    enqueued_at timestamptz,
    PRIMARY KEY (campaign_id, phone),
    CHECK ((state = 'refused') = (code IS NOT NULL)),
    CHECK ((state = 'enqueued') = (text_ids <> '{}')),
    CHECK ((state = 'enqueued') = (enqueued_at IS NOT NULL))
);
COMMENT ON COLUMN campaign_recipient.code IS 'why it is not sent';
COMMENT ON COLUMN campaign_recipient.due_at IS 'when it leaves at the earliest';
CREATE INDEX campaign_recipient_due ON campaign_recipient (campaign_id, due_at)
    WHERE state = 'pending';
CREATE INDEX campaign_recipient_enqueued ON campaign_recipient (campaign_id, enqueued_at)
    WHERE state = 'enqueued';

CREATE TABLE campaign_approval (
    campaign_id bigint NOT NULL REFERENCES campaign,
    version integer NOT NULL,
    actor text NOT NULL CHECK (actor = btrim(actor) AND actor <> ''),
    at timestamptz NOT NULL
);
COMMENT ON TABLE campaign_approval IS 'who let a version of a campaign go';
CREATE UNIQUE INDEX campaign_approval_once
    ON campaign_approval (campaign_id, version, lower(actor));

CREATE TABLE campaign_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL REFERENCES campaign,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (btrim(actor) <> ''),
    action text NOT NULL,
    version integer NOT NULL,
    detail text
);
COMMENT ON TABLE campaign_event IS
    'who did what with a campaign, and why; append-only for four years';
CREATE INDEX campaign_event_campaign ON campaign_event (campaign_id, id);

CREATE FUNCTION campaign_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a campaign begins as a draft'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_steps';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (('draft', 'ready'),
        ('ready', 'draft'), ('ready', 'running'), ('running', 'paused'), ('paused', 'running'),
        ('running', 'done'), ('draft', 'aborted'), ('ready', 'aborted'), ('running', 'aborted'),
        ('paused', 'aborted')) THEN
        RAISE EXCEPTION 'a campaign that is % does not become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_steps';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.name, NEW.class, NEW.text, NEW.subject, NEW.audience,
        NEW.starts_at, NEW.starts_on_clock, NEW.expires_at, NEW.per_minute, NEW.also_opted_out,
        NEW.version, NEW.created_by, NEW.edited_by) IS DISTINCT FROM (OLD.name, OLD.class,
        OLD.text, OLD.subject, OLD.audience, OLD.starts_at, OLD.starts_on_clock, OLD.expires_at,
        OLD.per_minute, OLD.also_opted_out, OLD.version, OLD.created_by, OLD.edited_by) THEN
        RAISE EXCEPTION 'a campaign that is % stays as it is', OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_steps';
    END IF;
    IF OLD.state = 'ready' AND NEW.state = 'draft' THEN
        NEW.version := OLD.version + 1;
    END IF;
    IF OLD.state = 'ready' AND NEW.state = 'running' AND NEW.class = 'emergency' AND (
        SELECT count(*) FROM campaign_approval
        WHERE campaign_id = NEW.id AND version = NEW.version) < 2 THEN
        RAISE EXCEPTION 'an alert needs the approval of two people'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_two_people';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER campaign_steps BEFORE INSERT OR UPDATE ON campaign
    FOR EACH ROW EXECUTE FUNCTION campaign_steps();

CREATE FUNCTION campaign_approval_is_anothers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own campaign;
BEGIN
    SELECT * INTO own FROM campaign WHERE id = NEW.campaign_id FOR SHARE;
    IF own.state <> 'ready' OR own.version <> NEW.version
        OR lower(NEW.actor) IN (lower(own.created_by), lower(own.edited_by)) THEN
        RAISE EXCEPTION 'somebody else approves what is ready, as it is now'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_approval_is_anothers';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER campaign_approval_is_anothers BEFORE INSERT ON campaign_approval
    FOR EACH ROW EXECUTE FUNCTION campaign_approval_is_anothers();

CREATE FUNCTION campaign_recipient_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM campaign WHERE state NOT IN ('draft', 'done', 'aborted')
        AND id IN (SELECT campaign_id FROM changed)) THEN
        RAISE EXCEPTION 'only a draft gets other recipients'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_recipient_stays';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER campaign_recipient_stays AFTER INSERT ON campaign_recipient
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION campaign_recipient_stays();

CREATE FUNCTION campaign_recipient_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Words may be sealed anew at any time: that they are the same is for whoever has the key.
    IF (NEW.campaign_id = OLD.campaign_id AND NEW.phone = OLD.phone
            AND starts_with(NEW.variables ->> 'sealed', 'enc:1:')) IS NOT TRUE
        AND EXISTS (SELECT FROM campaign WHERE id = OLD.campaign_id
            AND state NOT IN ('draft', 'done', 'aborted')) THEN
        RAISE EXCEPTION 'only a draft gets other recipients'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_recipient_stays';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER campaign_recipient_is_kept BEFORE UPDATE OF campaign_id, phone, variables
    ON campaign_recipient FOR EACH ROW EXECUTE FUNCTION campaign_recipient_is_kept();

CREATE FUNCTION campaign_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- As long as a suit about a text can be brought (28 U.S.C. 1658(a)).
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '4 years' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only for four years', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER campaign_event_stays BEFORE UPDATE OR DELETE ON campaign_event
    FOR EACH ROW EXECUTE FUNCTION campaign_event_stays();
CREATE TRIGGER campaign_event_is_kept BEFORE TRUNCATE ON campaign_event
    FOR EACH STATEMENT EXECUTE FUNCTION campaign_event_stays();
CREATE TRIGGER campaign_approval_stays BEFORE UPDATE OR DELETE ON campaign_approval
    FOR EACH ROW EXECUTE FUNCTION campaign_event_stays();
CREATE TRIGGER campaign_approval_is_kept BEFORE TRUNCATE ON campaign_approval
    FOR EACH STATEMENT EXECUTE FUNCTION campaign_event_stays();
"""

DOWNGRADE = """
DROP TABLE campaign_event, campaign_approval, campaign_recipient, campaign;
DROP FUNCTION campaign_event_stays, campaign_recipient_is_kept, campaign_recipient_stays,
    campaign_approval_is_anothers, campaign_steps;
"""


def upgrade() -> None:
    """Create the tables of campaigns."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop them."""
    op.execute(DOWNGRADE)
