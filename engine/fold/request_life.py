"""One request, from its first packet to the last byte of its answer: in which rooms its time went.

Changed only by the fold (steps.py). Pure.
"""

from engine.views.detail import RequestLife, Split


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


def life_of(request: Request) -> RequestLife:
    """It, frozen."""
    answered_ns, split = request.answered_ns, request.split
    is_answered = answered_ns is not None
    return RequestLife(
        title=request.title,
        asked_ns=request.asked_ns,
        answered_ns=answered_ns,
        sent_ns=answered_ns + split.unsent if answered_ns is not None and split else None,
        status=request.status if is_answered else "",
        length=request.length if is_answered else 0,
        unsent=request.unsent if is_answered else 0,
        accept_queue_ns=request.accept_queue_ns,
        unread_ns=request.unread_ns,
        app_queue_ns=request.app_queue_ns,
        split=split,
    )


_split = tuple.__new__  # Split(...) checks its arguments by name, which costs as much again
