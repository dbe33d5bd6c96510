"""How often one may ask what costs the server little and tells nobody anything (WB-07).

Stretching parameters and nonces are given to whoever asks, with an account or without. They are no
guesses, so they are not counted in the store as attempts are (``attempts``): each process bounds
what it answers itself, without a call on the store, alike for every email there may be. An email
is bounded for each network apart, so nobody elsewhere can use up its owner's share; a device she
has signed in on has a share of its own.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.attempts import network_of, too_many

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SUBJECTS: Final = 50_000
"""Remembered at a time, some 10 MB; the one not heard of for longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a window, evenly given back."""

    most: int
    window: timedelta

    @property
    def seconds_each(self) -> float:
        """How long until one more is given back."""
        return self.window.total_seconds() / self.most


class Rates:
    """Bounds one kind of question, for an email on a network and for the network."""

    def __init__(
        self, each_email: Rate, each_network: Rate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._email = _Buckets(each_email, clock)
        self._network = _Buckets(each_network, clock)

    def take(self, email: str, address: str, device: str | None) -> None:
        """Let one question pass. Raises ``TooManyAttempts`` with when to ask again.

        ``device`` is the id of a device of the account's owner, recognised by its token.
        """
        if device is not None:
            self._email.take(f"device {device}")
            return
        network = network_of(address)
        self._network.take(network)
        self._email.take(f"{network} {email}")


class _Buckets:
    """A token bucket each subject: full at first, filled up as time goes by."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, subject: str) -> None:
        """Take one, or raise ``TooManyAttempts``; a refusal takes nothing."""
        now = self._clock()
        each = self._rate.seconds_each
        full_at = max(self._full_at.get(subject, now), now) + each
        wait = full_at - now - self._rate.most * each
        if wait > 0:
            raise too_many("questions", wait)
        self._full_at[subject] = full_at
        self._full_at.move_to_end(subject)
        if len(self._full_at) > MAX_SUBJECTS:
            self._full_at.popitem(last=False)
