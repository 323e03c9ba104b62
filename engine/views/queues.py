"""Whose accept queue is whose, where several sockets listen on the port. Pure."""

from collections.abc import Sequence

from engine.views.kernel_numbers import AcceptQueue
from engine.views.worker_view import WorkerView


def queue_of_each(
    views: Sequence[WorkerView], queues: Sequence[AcceptQueue]
) -> dict[int, AcceptQueue]:
    """By the pid of the worker that takes from it; empty where all take from the same.

    A worker tells of a socket that it has opened. One opens none: it takes from the socket that was there
    before the workers, which all of them have inherited.
    """
    if len(queues) < 2:
        return {}
    by_listener = {queue.listener: queue for queue in queues}
    own = {one.pid: by_listener[one.listener] for one in views if one.listener in by_listener}
    if not own:
        return {}
    opened = {one.listener for one in views}
    inherited = [queue for queue in queues if queue.listener not in opened]
    others = [one.pid for one in views if one.depth and not (one.task or one.listener)]
    if len(inherited) == len(others) == 1:  # else nobody knows which is whose
        own[others[0]] = inherited[0]
    return own
