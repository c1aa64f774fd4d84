"""The errors of Twilio's REST API that the simulator gives."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse

# Code -> HTTP status, message. Codes from https://www.twilio.com/docs/api/errors; the wording
# is ours, as Twilio says that messages may change and programs go by the code.
ERRORS: Final[dict[int, tuple[int, str]]] = {
    20001: (400, "A parameter cannot be read"),
    20003: (401, "Authentication failed: check the account SID and the auth token"),
    20009: (409, "The message cannot be deleted before it is complete"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too many requests"),
    20500: (500, "Internal server error"),
    21211: (400, "'To' is not a valid phone number"),
    21408: (400, "No permission to send to the region of 'To'"),
    21602: (400, "A message needs a body or media"),
    21603: (400, "A 'From' phone number is required"),
    21604: (400, "A 'To' phone number is required"),
    21606: (400, "'From' is not a phone number of this account that can send texts"),
    21609: (400, "'StatusCallback' is not a valid URL"),
    21610: (400, "The recipient has opted out of messages from this number"),
    21611: (400, "The queue of this 'From' number is full"),
    21612: (400, "'To' cannot be reached from this 'From' number"),
    21614: (400, "'To' is not a mobile number"),
    21617: (400, "The message body is longer than 1600 characters"),
    21620: (400, "A media URL is not valid"),
    21623: (400, "A message has at most 10 media URLs"),
    21624: (400, "The validity period is a whole number of seconds from 1 to 36000"),
    21701: (400, "The messaging service does not exist"),
}


class Refused(Exception):
    """The request is answered with an error.

    Attributes:
        code: Twilio's.
    """

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code][1])
        self.code = code


def error_response(code: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer for an error code, also for one that only a fault asks for."""
    status, message = ERRORS.get(code, (400, "The message was refused"))
    return JSONResponse(
        {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
        status_code=status,
        headers=headers,
    )
