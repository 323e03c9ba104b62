"""prefork: worker processes, forked before anybody comes, all block in accept.

Calls: fork accept recv send close waitpid
Fails by: as many slow clients as there are workers, and nobody else is even accepted

The kernel wakes one of them for a connection, the one that has slept longest: the work is divided
evenly, without a lock and without a word between them.
"""

import socket
import time
from functools import partial

from engine.http1.messages import Piece
from engine.listener import (
    ACCEPT_LOOKUP_S,
    RECEIVE_BYTES,
    set_receive_timeout,
    set_send_timeout,
)
from engine.serving.admission import in_turn, pause_after
from engine.serving.closing import linger
from engine.serving.patience import Patience
from engine.serving.service import Service
from engine.serving.worker_processes import keep_workers


def serve(listener: socket.socket, service: Service) -> None:
    """Keep the workers until told to leave; then wait for them."""
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)  # then accept() raises BlockingIOError
    set_send_timeout(listener, service.limits.send_s)  # for the connections, which inherit it
    workers = in_turn(service, service.pool.workers)
    keep_workers(workers, partial(work, listener, service), service)
    listener.close()


def work(listener: socket.socket, service: Service, _: int) -> None:
    """One worker: accept and talk in turn until told to leave."""
    while service.accepting:
        take(listener, service)


def take(listener: socket.socket, service: Service) -> bool:
    """Accept one client and talk to it; False: nobody came for a moment."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    except OSError as error:
        time.sleep(pause_after(error))
        return True
    talk(connection, service)
    return True


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
