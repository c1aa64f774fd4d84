"""The values that the simulator answers to unless told otherwise.

They open nothing: only the simulator knows them. ``credentials.yml`` in the repository holds
the same ones, so that both sides fit together without an account.
"""

from __future__ import annotations

from typing import Final

PUBLIC_URL: Final = "http://localhost:5080"
PORT: Final = 5083

TWILIO_ACCOUNT_SID: Final = "AC00000000000000000000000000000142"
TWILIO_AUTH_TOKEN: Final = "practice-twilio-auth-token"
TWILIO_NUMBERS: Final = ("+12125550142",)

INTELEPEER_TOKEN: Final = "practice-intelepeer-token"
INTELEPEER_SECRET: Final = "practice-intelepeer-secret"
INTELEPEER_USERNAME: Final = "practice"
INTELEPEER_PASSWORD: Final = "practice-intelepeer-password"
INTELEPEER_NUMBERS: Final = ("+12125550143",)
