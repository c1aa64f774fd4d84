"""Metrics of the API; what each means is in docs/observability.md."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "linnet_api_requests_total",
    "Requests to the API by route and status.",
    ["method", "route", "status"],
)
SECONDS = Histogram(
    "linnet_api_request_seconds",
    "From a request to the API to its answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 15, 60),
)
