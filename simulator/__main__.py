"""``python -m simulator``: a carrier to practise on."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from simulator import practice
from simulator.server import listen, make_server
from simulator.settings import BadSettings, from_environment

_log = logging.getLogger(__name__)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Twilio, IntelePeer and phones on one port, for practice and tests. "
        "Accounts and numbers come from the environment: see docs/simulator.md.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=practice.PORT, help="port, 0 for any (default %(default)s)")
    add("--public-url", help="where the assistant's webhooks are (default LINNET_PUBLIC_URL)")
    add("--twilio-webhook", metavar="URL", help="whole URL, where it is not under --public-url")
    add("--intelepeer-webhook", metavar="URL", help="whole URL, likewise")
    add(
        "--twilio-answers-stop",
        action="store_true",
        help="Twilio blocks phones that text STOP and answers STOP, START and HELP itself",
    )
    add(
        "--twilio-requests-per-second",
        type=float,
        default=0.0,
        metavar="N",
        help="sends in one second before 429 (default: no limit)",
    )
    add(
        "--twilio-segments-per-second",
        type=float,
        default=0.0,
        metavar="N",
        help="what leaves a Twilio number in one second (default: no limit; a long code has 1)",
    )
    add(
        "--intelepeer-seconds-per-text",
        type=float,
        default=2.0,
        metavar="S",
        help="between two texts of an IntelePeer number (default %(default)s)",
    )
    add(
        "--intelepeer-retry-seconds",
        type=float,
        default=1.0,
        metavar="S",
        help="between two attempts at an IntelePeer webhook (default %(default)s)",
    )
    add(
        "--shortest-delay",
        type=float,
        default=0.05,
        metavar="S",
        help="a step of a text takes at least this long (default %(default)s)",
    )
    add(
        "--longest-delay",
        type=float,
        default=0.2,
        metavar="S",
        help="a step of a text takes at most this long (default %(default)s)",
    )
    add(
        "--fetch-media",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Twilio fetches the media of a text before it leaves",
    )
    add("--seed", type=int, help="of the dice for delays and faults (default: another each time)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted.

    Args:
        arguments: of the command line; None for those of the process.

    Returns:
        The exit status: 0, or 2 for settings that cannot be used, or 1 for a port in use.
    """
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="simulator: %(message)s")
    try:
        settings = from_environment(
            os.environ,
            public_url=given.public_url,
            twilio_webhook=given.twilio_webhook,
            intelepeer_webhook=given.intelepeer_webhook,
            answers_stop=given.twilio_answers_stop,
            requests_per_second=given.twilio_requests_per_second,
            segments_per_second=given.twilio_segments_per_second,
            seconds_per_text=given.intelepeer_seconds_per_text,
            retry_seconds=given.intelepeer_retry_seconds,
            shortest_delay=given.shortest_delay,
            longest_delay=given.longest_delay,
            fetch_media=given.fetch_media,
            seed=given.seed,
        )
    except BadSettings as problem:
        sys.stderr.write(f"simulator: {problem}\n")
        return 2
    try:
        listening = listen(given.host, given.port)
    except OSError as problem:
        sys.stderr.write(
            f"simulator: cannot listen on {given.host}:{given.port}: "
            f"{(problem.strerror or str(problem)).partition(' (')[0]}; "
            "end what runs there or choose another --port\n"
        )
        return 1
    url = f"http://{given.host}:{listening.getsockname()[1]}"
    _log.info("%s posts to %s and %s", url, settings.twilio.webhook, settings.intelepeer.webhook)
    # Media must be where the assistant knows Twilio to be: it shows its password nowhere else.
    known_as = os.environ.get("TWILIO_BASE_URL") or url.replace("//127.0.0.1", "//localhost")
    make_server(settings, known_as).run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
