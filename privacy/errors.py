"""What can keep a person's data from being erased, as data."""

from __future__ import annotations

from messaging.errors import LinnetError


class ErasureBusy(LinnetError):
    """Something is under way that must end first; nothing was changed."""

    code = "privacy.busy"
    staff = "This person's data cannot be erased at this moment; please try again in a minute."
    retry = True


class WaitsOnDisk(LinnetError):
    """Texts of the person wait on disk for the database, or could never be stored."""

    code = "privacy.on-disk"
    staff = "Texts of this person wait on disk; they are erased once they are stored."
    retry = True
