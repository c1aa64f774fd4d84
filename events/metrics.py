"""Metrics of outgoing events; what each means is in docs/observability.md."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

POSTS = Counter("linnet_event_posts_total", "Requests to endpoints by outcome.", ["outcome"])
LAG_SECONDS = Histogram(
    "linnet_event_lag_seconds",
    "From an event to its delivery, where the first attempt succeeds.",
    buckets=(0.5, 1, 2, 3, 5, 10, 30, 60, 300),
)
DEAD = Counter("linnet_event_dead_total", "Deliveries that were given up.")
STOPPED = Counter(
    "linnet_event_endpoints_stopped_total", "Endpoints that were paused or are gone.", ["state"]
)
