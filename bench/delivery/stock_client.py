"""Sends as Rasa's own Twilio channel does: with Twilio's synchronous client, one after another.

python -m bench.delivery.stock_client URL NUMBER TEXTS THREADS    (account and token on stdin)
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from twilio import __version__
from twilio.rest import Client

from bench.turns.texts import Phones


def main() -> None:
    """Send, and print what it cost in JSON."""
    url, number, texts, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    client = Client(*sys.stdin.read().split())
    client.api.base_url = url  # there is no setting for it
    phones = Phones()
    given = [phones.new() for _ in range(texts)]

    def send(phone: str) -> None:
        client.messages.create(to=phone, from_=number, body="Your glasses are ready.")

    send(given[0])
    before = time.process_time()
    if threads == 1:
        for phone in given[1:]:
            send(phone)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(send, given[1:]))
    used = time.process_time() - before
    print(
        json.dumps(
            {
                "twilio": __version__,
                "threads": threads,
                "cpu_ms_per_send": round(used * 1000 / (texts - 1), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
