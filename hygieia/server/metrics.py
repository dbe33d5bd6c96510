"""What Prometheus is told. Labels are methods, route patterns and statuses: never what was sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The server's own registry, so that two servers in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "hygieia_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "hygieia_request_seconds",
            "Time from a request's header to the end of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "hygieia_requests_in_flight", "Requests being answered.", registry=self._registry
        )
        self.stored_bytes = Counter(
            "hygieia_stored_bytes", "New bytes of blocks stored.", registry=self._registry
        )
        self.committed_reports = Counter(
            "hygieia_committed_reports", "Reports committed.", registry=self._registry
        )
        self.swept_blocks = Counter(
            "hygieia_swept_blocks", "Blocks that nothing kept.", registry=self._registry
        )
        self.jobs = Counter(
            "hygieia_jobs", "Background jobs done.", ["outcome"], registry=self._registry
        )
        self.verified_blocks = Counter(
            "hygieia_verified_blocks",
            "Blocks read and hashed by verifications, on all nodes.",
            registry=self._registry,
        )
        self.mended_blocks = Counter(
            "hygieia_mended_blocks", "Blocks put back from another copy.", registry=self._registry
        )
        self.safe_reports = Gauge(
            "hygieia_safe_reports",
            "Reports and indexes with all the copies there should be, when last verified.",
            registry=self._registry,
        )
        self.short_reports = Gauge(
            "hygieia_short_reports",
            "Reports and indexes with fewer copies than there should be, when last verified.",
            registry=self._registry,
        )
        self.last_verified = Gauge(
            "hygieia_last_verified_timestamp_seconds",
            "When the last whole verification of all copies ended, in seconds since 1970.",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
