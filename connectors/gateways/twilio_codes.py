"""What Twilio's error codes mean for us: at sending, and in receipts.

From Twilio's list of error codes (May 2023) and its newer pages on 21611, 30001, 30024, 30036,
30610, 30640, 63017 and 63038. Twilio may change which code it gives for a cause, so a code that
is not here is not tried again and is shown to staff with Twilio's own words.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.gateways.base import Suppress, VendorCode
from messaging.retry import AFTER_BLOCK, LATER, NEXT_DAY, ONCE_LATER, SOON

_OPERATOR = "Tell your engineer:"

CODES: Mapping[str, VendorCode] = {
    # The request
    "20003": VendorCode(
        f"{_OPERATOR} Twilio does not accept the account's auth token.", unhealthy=True
    ),
    "20404": VendorCode(f"{_OPERATOR} Twilio does not know the account that we send from."),
    "20429": VendorCode("Twilio takes no more texts at the moment; it is tried again.", retry=SOON),
    "14107": VendorCode("Two numbers answer each other without end, so Twilio stopped them."),
    # The phone
    "21211": VendorCode(
        "This is not a phone number that can be texted.", suppress=Suppress.UNREACHABLE
    ),
    "21610": VendorCode(
        "The customer opted out; they can text START.", suppress=Suppress.OPTED_OUT
    ),
    "21614": VendorCode("This is not a mobile number.", suppress=Suppress.UNREACHABLE),
    "30003": VendorCode("The phone is off, has no signal or takes no texts.", retry=LATER),
    "30005": VendorCode("This phone number does not exist.", suppress=Suppress.UNREACHABLE),
    "30006": VendorCode(
        "This is a landline, or its carrier takes no texts.", suppress=Suppress.UNREACHABLE
    ),
    "30640": VendorCode(
        "Twilio's Compliance Toolkit bars texts to this number.", suppress=Suppress.OPTED_OUT
    ),
    # Where we may send
    "21408": VendorCode(f"{_OPERATOR} texts to this country are not switched on at Twilio."),
    "21612": VendorCode("This phone cannot be reached from our number."),
    "21606": VendorCode(f"{_OPERATOR} our number cannot send texts."),
    "21703": VendorCode(f"{_OPERATOR} the messaging service has no number that can send this."),
    "21704": VendorCode(f"{_OPERATOR} the messaging service has no numbers."),
    "30002": VendorCode(f"{_OPERATOR} the Twilio account is suspended.", unhealthy=True),
    "30024": VendorCode(f"{_OPERATOR} our number is not set up for this carrier yet."),
    "30032": VendorCode(f"{_OPERATOR} our toll-free number is not verified."),
    "30034": VendorCode(f"{_OPERATOR} our number is not registered for 10DLC."),
    "30035": VendorCode(f"{_OPERATOR} our number is still being configured at Twilio."),
    # What we send
    "21617": VendorCode("The text is longer than 1600 characters."),
    "21620": VendorCode("The address of a picture is not valid."),
    "21623": VendorCode("There are too many pictures in the text."),
    "30004": VendorCode("The phone or its carrier blocks our texts."),
    "30007": VendorCode("A carrier took the text for spam; try other words."),
    "30009": VendorCode("A part of the customer's text was lost."),
    "30010": VendorCode("The text costs more than the price limit that was set."),
    # Too much, too fast, too late
    "21611": VendorCode(
        "Too many texts wait at Twilio for our number.", retry=LATER, unhealthy=True
    ),
    "30001": VendorCode(
        "Too many texts wait at Twilio for our number.", retry=SOON, unhealthy=True
    ),
    "30017": VendorCode("The carrier's network is congested.", retry=LATER),
    "30022": VendorCode("Our number sends faster than carriers allow.", retry=SOON),
    "30023": VendorCode(
        "The carrier's daily limit is used up until midnight Pacific.", retry=NEXT_DAY
    ),
    "30027": VendorCode(
        "T-Mobile's daily limit is used up until midnight Pacific.", retry=NEXT_DAY
    ),
    "30036": VendorCode("The text could not be delivered while it was valid."),
    "30410": VendorCode("The carrier did not answer Twilio in time.", retry=LATER),
    "30450": VendorCode(
        "Twilio suspects fraud and blocks texts for half an hour.", retry=AFTER_BLOCK
    ),
    "30610": VendorCode("It is quiet time where the customer is.", retry=LATER),
    "63017": VendorCode("The account sends faster than Twilio allows.", retry=SOON),
    "63038": VendorCode("The account's daily limit is used up.", retry=NEXT_DAY, unhealthy=True),
    # No reason known
    "30008": VendorCode("The carrier did not say why it failed.", retry=ONCE_LATER),
}
