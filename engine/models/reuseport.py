"""reuseport: worker processes, each with a listening socket of its own on the same port.

Calls: fork socket setsockopt bind listen accept recv send close waitpid
Fails by: clients queued for a busy worker wait while others are free, and are reset if it dies

The kernel chooses by a hash of both addresses when a client comes, before anybody accepts. There is
no shared queue to fight for, and none to share the work.
"""

import socket
import time
from functools import partial

from engine.admission import in_turn, pause_after
from engine.closing import linger
from engine.listener import (
    ACCEPT_LOOKUP_S,
    RECEIVE_BYTES,
    set_receive_timeout,
    set_send_timeout,
    share_port,
    stand_alone,
    steer_to_first,
)
from engine.patience import Patience
from engine.service import Service
from engine.worker_processes import keep_workers


def serve(listener: socket.socket, service: Service) -> None:
    """Keep the workers until told to leave; then wait for them."""
    # While we serve, and no longer: with it set, another server could take the port unnoticed.
    share_port(listener)
    listener.setblocking(True)
    workers = in_turn(service, service.pool.workers)
    keep_workers(workers, partial(work, listener, service), service, partial(stand_alone, listener))
    listener.close()


def work(listener: socket.socket, service: Service, number: int) -> None:
    """One worker: accept and talk in turn until told to leave."""
    # The first one's is the socket that was there before. Left alone it would be given its share of
    # the clients all the same, and nobody would take them.
    own = service.beside(listener) if number else listener
    set_receive_timeout(own, ACCEPT_LOOKUP_S)
    set_send_timeout(own, service.limits.send_s)  # for the connections, which inherit it
    while service.settings.accepting:
        take(own, service)
    if own is not listener:
        # Closed now, it would reset the clients that are queued in it, and those on their way.
        steer_to_first(own)
        while take(own, service):
            pass
        own.close()
    assert not service.accepting  # asked, it tells that we have left


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
    patience = Patience(conversation, service.limits, time.monotonic())
    set_receive_timeout(connection, service.limits.idle_s)  # the listener's own is inherited
    with connection:
        try:
            while not conversation.ended:
                try:
                    data = connection.recv(RECEIVE_BYTES)
                except BlockingIOError:  # silent, or slow, for too long
                    for piece in patience.last_words():
                        connection.sendall(piece)
                    break
                if not data:
                    return
                requests = conversation.receive(data)
                for request in requests:
                    response = service.answer(request)
                    if response.wait_s:
                        time.sleep(response.wait_s)
                    for piece in conversation.send(response):
                        connection.sendall(piece)
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
                wait_s = patience.next_wait_s(bool(requests))
                if wait_s is not None:
                    set_receive_timeout(connection, wait_s)
            linger(connection, conversation)
        except OSError:
            pass  # the client is gone, or takes nothing of its answer
