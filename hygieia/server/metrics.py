"""What Prometheus is told. Labels are methods, route patterns and statuses: never what was sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The server's own registry, so that two servers in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._count("requests", "Requests answered.", ("method", "route", "status"))
        self.seconds = Histogram(
            "hygieia_request_seconds",
            "Time from a request's header to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = self._level("requests_in_flight", "Requests being answered.")
        self.stored_bytes = self._count("stored_bytes", "New bytes of blocks stored.")
        self.committed_reports = self._count("committed_reports", "Reports committed.")
        self.swept_blocks = self._count("swept_blocks", "Blocks that nothing kept.")
        self.jobs = self._count("jobs", "Background jobs done.", ("outcome",))
        self.verified_blocks = self._count(
            "verified_blocks", "Blocks read and hashed by verifications, on all nodes."
        )
        self.mended_blocks = self._count("mended_blocks", "Blocks put back from another copy.")
        self.safe_reports = self._level(
            "safe_reports",
            "Reports and indexes with all the copies there should be, when last verified.",
        )
        self.short_reports = self._level(
            "short_reports",
            "Reports and indexes with fewer copies than there should be, when last verified.",
        )
        self.last_verified = self._level(
            "last_verified_timestamp_seconds",
            "When the last whole verification of all copies ended, in seconds since 1970.",
        )

    def _count(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"hygieia_{name}", meaning, labels, registry=self._registry)

    def _level(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"hygieia_{name}", meaning, registry=self._registry)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
