"""One request, from its first packet to the last byte of its answer: in which rooms its time went.

Changed only by the fold (steps.py). Pure.
"""

from typing import NamedTuple


class Split(NamedTuple):
    """The time of a finished request by rooms, in ns; they follow each other, and together are all of it.
    None: there is no such room for it, or nobody told."""

    accept_queue: int | None
    """Of the first request of a connection; at least, since before it came the client was silent."""
    unread: int | None
    """What it was made of had been received by the kernel, and not by the server; at least, since of
    what is read at once only the last packet has its time told."""
    app_queue: int | None
    handler: int
    unsent: int
    """Until the last byte of the answer was handed to the kernel."""


class Request:
    """A request as far as it has come. Times are those of the events; None: not yet. The fold makes one
    for each, so that nothing is stored here before it is known."""

    __slots__ = (
        "accept_queue_ns", "answered_ns", "app_queue_ns", "asked_ns", "length", "queued_within_ns",
        "split", "status", "title", "unread_ns", "unsent",
    )  # fmt: skip
    length: int
    """Of the answer, in bytes; this and the next two once that is made."""
    status: str
    unsent: int
    """Bytes of it that are not yet handed on."""

    def __init__(
        self,
        title: str,
        asked_ns: int,
        accept_queue_ns: int | None,
        unread_ns: int | None,
        app_queue_ns: int | None,
    ) -> None:
        self.title = title
        self.asked_ns = asked_ns
        self.accept_queue_ns = accept_queue_ns
        self.unread_ns = unread_ns
        self.app_queue_ns = app_queue_ns
        self.queued_within_ns = 0  # after it was whole: that is no time of the handler
        self.answered_ns: int | None = None
        self.split: Split | None = None

    def wait_in_queue(self, waited_ns: int) -> None:
        """It was in the queue of the server until now."""
        self.app_queue_ns = (self.app_queue_ns or 0) + waited_ns
        self.queued_within_ns += waited_ns

    def finish(self, at_ns: int) -> Split:
        """The last byte of the answer is handed to the kernel."""
        answered_ns = at_ns if self.answered_ns is None else self.answered_ns
        handler_ns = answered_ns - self.asked_ns - self.queued_within_ns
        self.split = split = _split(
            Split,
            (
                self.accept_queue_ns,
                self.unread_ns,
                self.app_queue_ns,
                handler_ns if handler_ns > 0 else 0,
                at_ns - answered_ns,
            ),
        )
        return split


_split = tuple.__new__  # Split(...) checks its arguments by name, which costs as much again
