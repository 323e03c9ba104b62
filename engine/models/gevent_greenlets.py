"""gevent: a greenlet for each connection, all in one thread.

Calls: accept epoll_wait recv send close
Fails by: one call that blocks or burns CPU without yielding stops everybody

Looks like `thread`, runs like `epoll`: a patched recv() that would block switches to another greenlet.
"""

from gevent import monkey

monkey.patch_all()  # before anything else takes the blocking functions of the standard library

import socket
import time
from collections.abc import Iterator
from itertools import count

from gevent.pool import Group

from engine.http1.messages import Piece
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.admission import Admission, pause_after
from engine.serving.closing import linger
from engine.serving.patience import Patience
from engine.serving.service import Service

CONNECTIONS = 20_000  # each costs some 20 KB of memory, and a descriptor
MOST_ACCEPTS = 16  # in a row: the others wait for their turn
MOST_STEPS = 8  # in a row for one client, likewise: what is received, what is sent


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the greenlets."""
    greenlets = Group()
    service.gauge("greenlets", lambda: len(greenlets))
    listener.settimeout(ACCEPT_LOOKUP_S)
    admission = Admission(service, CONNECTIONS)
    accepts = 0
    while service.accepting:
        admission.close_refused()
        accepts += 1
        if accepts % MOST_ACCEPTS == 0:
            # The trap: an accept() that need not wait does not switch. As long as others come, all
            # would be let in, and nobody served.
            time.sleep(0)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue  # nobody came for a moment: look whether to leave
        except OSError as error:
            time.sleep(pause_after(error))  # patched: only this greenlet sleeps
            continue
        if len(greenlets) >= admission.cap:
            admission.refuse(connection)
        else:
            greenlets.spawn(talk, connection, service)
        # Not closed here: a greenlet is no process, there is one descriptor.
    listener.close()
    admission.close_refused(all_of_them=True)
    greenlets.join()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client, until it or we end the connection."""
    conversation = service.converse(connection)
    patience = Patience(connection, conversation, service.limits, time.monotonic())
    with connection:
        try:
            has_moved = True
            steps = count(1)
            while not conversation.ended:
                try:
                    wait_s = patience.next_wait_s(has_moved)
                    connection.settimeout(wait_s or service.limits.idle_s)
                    data = connection.recv(RECEIVE_BYTES)
                except TimeoutError:  # silent, or slow, for too long
                    for piece in patience.last_words():
                        send_all(connection, piece, patience)
                    break
                if not data:
                    return
                take_turns(steps)
                requests = conversation.receive(data)
                for request in requests:
                    response = service.answer(request, conversation.peer)
                    if response.wait_s:
                        time.sleep(response.wait_s)  # even sleep(0) would let the others run first
                    connection.settimeout(service.limits.send_s)
                    for piece in conversation.send(response):
                        send_all(connection, piece, patience)
                        take_turns(steps)
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
                has_moved = bool(requests)
            linger(connection, conversation)
        except OSError:
            pass  # the client is gone, or takes nothing of its answer


def take_turns(steps: Iterator[int]) -> None:
    """The same trap as with accept(): who finds room for each answer, and then the next request, need not
    wait, and nobody else would be served."""
    if next(steps) % MOST_STEPS == 0:
        time.sleep(0)


def send_all(connection: socket.socket, piece: Piece, patience: Patience) -> None:
    """Like sendall(), which does not tell how far it came: a client that takes something, however
    little, is waited for. OSError: it is gone, or took nothing for too long."""
    while piece:
        try:
            sent = connection.send(piece)
        except TimeoutError:
            if not patience.has_taken(time.monotonic()):
                raise
            continue
        if sent == len(piece):
            return
        # A view: to copy the rest at each step would take longer than to send it.
        piece = memoryview(piece)[sent:]
        patience.follow(time.monotonic(), sent > 0, is_unsent=True)
