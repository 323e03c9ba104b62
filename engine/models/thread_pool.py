"""thread-pool: a fixed number of threads takes connections from a queue.

Calls: accept futex recv send close
Fails by: a few slow or silent clients hold all threads, and everybody else waits in the queue

Nothing is started for a client. One that is accepted is not yet served: it waits once more, where
neither the kernel nor an access log shows it.
"""

import queue
import socket
import threading
import time

from engine.http1.messages import Piece
from engine.listener import (
    ACCEPT_LOOKUP_S,
    RECEIVE_BYTES,
    set_receive_timeout,
    set_send_timeout,
)
from engine.serving.admission import Admission, pause_after
from engine.serving.closing import linger
from engine.serving.patience import Patience
from engine.serving.service import Service

CONNECTIONS = 1_000  # served and queued; each costs a descriptor only, but it waits

Waiting = queue.Queue[socket.socket | None]
"""Connections for the threads; None tells one of them to end."""


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then let the threads empty the queue."""
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)  # then accept() raises BlockingIOError
    set_send_timeout(listener, service.limits.send_s)  # for the connections, which inherit it
    admission = Admission(service, CONNECTIONS)
    waiting: Waiting = queue.Queue()
    threads = [begin(waiting, service) for _ in range(service.pool.threads)]
    while service.accepting:
        admission.close_refused()
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave
        except OSError as error:
            time.sleep(pause_after(error))
            continue
        # The queue itself has no bound: to wait for room in it would be a second accept queue, and
        # nobody could tell its clients anything.
        if waiting.unfinished_tasks >= admission.cap:
            admission.refuse(connection)
        else:
            waiting.put(connection)
    listener.close()
    admission.close_refused(all_of_them=True)
    for _ in threads:
        waiting.put(None)  # behind the last connection
    for thread in threads:
        thread.join()


def begin(waiting: Waiting, service: Service) -> threading.Thread:
    """Start a thread that serves one connection after another."""
    thread = threading.Thread(target=work, args=(waiting, service))
    thread.start()
    return thread


def work(waiting: Waiting, service: Service) -> None:
    """Serve until told to end."""
    while (connection := waiting.get()) is not None:
        talk(connection, service)
        del connection  # else it would live on, if only as an object, until the next one comes
        waiting.task_done()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client, until it or we end the connection."""
    conversation = service.converse(connection)
    patience = Patience(connection, conversation, service.limits, time.monotonic())
    set_receive_timeout(connection, service.limits.idle_s)  # the listener's own is inherited
    with connection:  # which closes it in the end
        try:
            has_moved = True
            while not conversation.ended:
                try:
                    wait_s = patience.next_wait_s(has_moved)
                    if wait_s is not None:
                        set_receive_timeout(connection, wait_s)
                    data = connection.recv(RECEIVE_BYTES)
                except (BlockingIOError, TimeoutError):  # silent, or slow, for too long
                    for piece in patience.last_words():
                        send_all(connection, piece, patience)
                    break
                if not data:
                    return  # the client has closed its end
                requests = conversation.receive(data)
                for request in requests:
                    response = service.answer(request, conversation.peer)
                    if response.wait_s:
                        time.sleep(response.wait_s)
                    for piece in conversation.send(response):
                        send_all(connection, piece, patience)
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
                has_moved = bool(requests)
            linger(connection, conversation)  # a close() at once might overtake the last answer
        except OSError:
            pass  # the client is gone, or takes nothing of its answer


def send_all(connection: socket.socket, piece: Piece, patience: Patience) -> None:
    """Send all of it. Unlike sendall(), this sees how far it has come: a client that takes something,
    however little, is waited for. OSError: it is gone, or took nothing for too long."""
    while piece:
        try:
            sent = connection.send(piece)
        except BlockingIOError:
            if not patience.has_taken(time.monotonic()):  # of what was sent before
                raise
            continue
        if sent == len(piece):
            return
        # A view: to copy the rest at each step would take longer than to send it.
        piece = memoryview(piece)[sent:]
        patience.follow(time.monotonic(), sent > 0, is_unsent=True)
