"""Tables of Procrastinate, which runs what is a job: upkeep, reconciliation, cron.

Procrastinate carries its schema as a chain of migrations that only grows. This revision applies
the chain as far as ``LAST`` and no further, whichever release is installed, and refuses to run
where what it would apply is not what it was written for. A release of Procrastinate with newer
files in its chain (its release notes say so, and ``tests/integration/test_jobs.py`` fails) needs
a revision of ours that applies those behind ``LAST`` in the same way; deploy it before the
release.
"""

from __future__ import annotations

import hashlib
from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LAST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
SHA256 = "365a817fc5b91914e3de242e8a7c26462f8fe863e4db9b47ccd0055dd22d40cd"

DOWNGRADE = """
DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs,
    procrastinate_workers CASCADE;
DO $$
DECLARE name regprocedure;
BEGIN
    FOR name IN SELECT oid FROM pg_proc WHERE proname LIKE 'procrastinate\\_%' LOOP
        EXECUTE 'DROP FUNCTION ' || name;
    END LOOP;
END
$$;
DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
"""


def chain() -> list[str]:
    """Procrastinate's own migrations up to ``LAST``, in order."""
    files = resources.files("procrastinate.sql").joinpath("migrations").iterdir()
    scripts = sorted((file.name, file) for file in files if file.name.endswith(".sql"))
    return [file.read_text(encoding="utf-8") for name, file in scripts if name <= LAST]


def upgrade() -> None:
    """Create the tables, as they are after ``LAST``."""
    scripts = chain()
    if hashlib.sha256("".join(scripts).encode()).hexdigest() != SHA256:
        raise RuntimeError(
            f"the migrations of the installed Procrastinate up to {LAST} are not those that "
            "revision 0004 was written for; install the version that uv.lock names"
        )
    # Not through op.execute, which would take colons and percent signs in them for parameters.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101  it is the one that runs this migration
    for script in scripts:
        connection.execute(script)


def downgrade() -> None:
    """Drop them, with all jobs."""
    op.execute(DOWNGRADE)
