"""What scripts are told of a run: the summary at the end, and the answer to `snapshot`. Values for JSON.

Null stands for what cannot be known. Pure.
"""

from collections.abc import Sequence
from typing import Any

from engine.findings.finding import Finding
from engine.views.kernel_numbers import KernelNumbers
from engine.views.queues import queue_of_each
from engine.views.rooms import Rooms, rooms_of
from engine.views.snapshot import (
    STATE_MEANINGS,
    ConnectionView,
    Counts,
    ProcessNumbers,
    Room,
    RunStatus,
    Snapshot,
)
from engine.views.worker_view import WorkerView


def summary_of(status: RunStatus, counts: Counts, traced: bool) -> dict[str, Any]:
    """`{"model", "accepted", ...}`: null where nothing was traced."""
    figures = {
        "accepted": counts.accepted,
        "requests": counts.requests,
        "responses": counts.responses,
        "closed": counts.closed,
        "open": counts.open,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "events": counts.events,
        "lost": counts.lost,
    }
    return {"model": status.model, **(figures if traced else dict.fromkeys(figures))}


def snapshot_of(
    status: RunStatus,
    snapshot: Snapshot,
    numbers: ProcessNumbers,
    kernel: KernelNumbers,
    traced: bool,
    findings: Sequence[Finding] = (),
) -> dict[str, Any]:
    """The answer to the command `snapshot`."""
    # Of thinned connections nobody knows in which room they are.
    rooms = rooms_of(snapshot, numbers, kernel, is_traced=traced and status.thinning == 1)
    queue = rooms["accept_queue"]
    return {
        "kind": "snapshot",
        **summary_of(status, snapshot.counts, traced),
        "mode": status.mode,
        "engine_pid": status.engine_pid,
        "phase": status.phase,
        "rooms": _rooms_as_dict(rooms, kernel),
        "accept_queue_limit": queue and queue.limit,
        "listen_overflows": kernel.listen_overflows,
        "listen_drops": kernel.listen_drops,
        "unread_bytes": _unread_bytes(kernel),
        "unsent_bytes": kernel.unsent_bytes,
        "client_time_wait": kernel.client_time_wait,
        "client_close_wait": kernel.client_close_wait,
        "processes": numbers.processes,
        "threads": numbers.threads,
        "zombies": numbers.zombies,
        "sockets": snapshot.sockets if traced else None,
        "descriptors": numbers.descriptors,
        "children_descriptors": numbers.children_descriptors,
        "draining": status.draining,
        "cut": snapshot.counts.cut,
        "cap": status.cap,
        "refused": status.refused + status.refused_for_lack,
        "restarts": status.restarts,
        "illegal_steps": snapshot.counts.illegal_steps,
        "findings": [finding_as_dict(one) for one in findings],
        "accept_queues": _queues(snapshot, kernel),
        "workers": [_worker_as_dict(one) for one in snapshot.worker_views],
        "connections": [
            _connection_as_dict(one) for one in snapshot.connections if not one.closed_ns
        ],
    }


def _unread_bytes(kernel: KernelNumbers) -> int | None:
    """All that the server has not read, whichever room they are in whose bytes it is."""
    unread = kernel.unread_bytes
    return None if unread is None else unread + (kernel.queued_bytes or 0)


def _queues(snapshot: Snapshot, kernel: KernelNumbers) -> list[dict[str, Any]]:
    """Of each listening socket, with the worker whose own it is."""
    owners = queue_of_each(snapshot.worker_views, kernel.queues)
    pids = {queue: pid for pid, queue in owners.items()}
    return [
        {"pid": pids.get(queue), "now": queue.length, "limit": queue.limit}
        for queue in kernel.queues
    ]


def _rooms_as_dict(rooms: Rooms, kernel: KernelNumbers) -> dict[str, Any]:
    """Of the accept queue, also the first who wait there, where the kernel tells them."""
    told: dict[str, Any] = {name: room and _room_as_dict(room) for name, room in rooms.items()}
    if (queue := told["accept_queue"]) is not None:
        who = [{"peer": peer, "waited_ms": ms} for peer, ms in kernel.accept_queue_ms.items()]
        queue["who"] = who if kernel.rooms else None
    return told


def _room_as_dict(room: Room) -> dict[str, Any]:
    return {
        "now": room.now,
        "longest_ms": room.longest_ms,
        "p50_ms": room.p50_ms,
        "p99_ms": room.p99_ms,
    }


def finding_as_dict(finding: Finding) -> dict[str, Any]:
    """`{"id", "state", "text", "conns", "pids"}`."""
    return {
        "id": finding.id,
        "state": finding.level.name.lower(),
        "text": finding.text,
        "conns": finding.conns,
        "pids": finding.pids,
    }


def _worker_as_dict(worker: WorkerView) -> dict[str, Any]:
    return {
        "pid": worker.pid,
        "task": worker.task,
        "state": worker.state.value,
        "connections": worker.connections,
        "accepts": worker.accepts,
        "wakeups": worker.wakeups,
        "would_block": worker.would_block,
        "ready": worker.ready,
        "longest_turn_ms": worker.longest_turn_ms,
        "gauges": worker.gauges,
    }


def _connection_as_dict(connection: ConnectionView) -> dict[str, Any]:
    return {
        "conn": connection.conn,
        "fd": connection.fd,
        "pid": connection.pid,
        "task": connection.task,
        "state": STATE_MEANINGS[connection.state].name,
        "requests": connection.requests,
        "bytes_in": connection.bytes_in,
        "bytes_out": connection.bytes_out,
    }
