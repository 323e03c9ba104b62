"""polling: one thread asks every socket in turn, ready or not.

Calls: accept recv send close, most of them answered EAGAIN
Fails by: 100 % CPU with nothing to do; one slow request stalls all

No call may block, since all connections wait for the same thread. What would block says EAGAIN
(BlockingIOError), and is asked again in the next round.
"""

import socket
import time
from collections.abc import Iterator
from itertools import count

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.listener import RECEIVE_BYTES
from engine.serving.admission import Admission, pause_after
from engine.serving.loop_client import Client
from engine.serving.service import Service

CONNECTIONS = 20_000  # each costs a few KB of memory, a descriptor, and a call in every round
CROWD = 100  # clients; of more than these, the silent ones are asked less often
SILENT_ROUNDS = 8  # after so many refusals without a break, a client counts as silent
TURNS = 16  # rounds in which each silent client is asked once
LEAST_REST_S = 0.002  # after a round, while nobody can be let in
REST_ROUNDS = 5  # or so many times as long as the round took: a sixth of a processor then


def serve(listener: socket.socket, service: Service) -> None:
    """Go round until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    admission = Admission(service, CONNECTIONS)
    clients: list[Client] = []
    pause_ends_s = 0.0
    rounds = count()
    while service.accepting:
        service.pause_between_rounds()  # --tick; without it a processor is never idle
        began_s = time.monotonic()
        if began_s >= pause_ends_s:
            pause_ends_s = began_s + accept(listener, service, admission, clients)
        has_moved = go_round(clients, service, next(rounds))
        # Without a descriptor for the next client nothing is gained by haste, and whoever is to set some
        # free may need the processor. Not when somebody had something to say: there may be more of it.
        if not has_moved and began_s < pause_ends_s:
            time.sleep(max(LEAST_REST_S, (time.monotonic() - began_s) * REST_ROUNDS))
    listener.close()
    admission.close_refused(all_of_them=True)
    while clients:
        service.pause_between_rounds()
        go_round(clients, service, next(rounds))


def accept(
    listener: socket.socket, service: Service, admission: Admission, clients: list[Client]
) -> float:
    """Take one connection, if there is one; for how long not to ask again, in seconds."""
    admission.close_refused()
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return 0.0  # nobody is waiting
    except OSError as error:
        return pause_after(error)
    if len(clients) >= admission.cap:
        admission.refuse(connection)
    else:
        connection.setblocking(False)  # accept() does not hand the listener's O_NONBLOCK on
        clients.append(Client(connection, service, time.monotonic()))
    return 0.0


def go_round(clients: list[Client], service: Service, number: int) -> bool:
    """Ask every client once; in a crowd, only those whose turn it is in the round of this number.
    Whether anybody had something to say."""
    has_moved = False
    now_s = time.monotonic()  # once a round: nearly all clients do nothing but say EAGAIN
    for client in whom_to_ask(clients, service, number):
        try:
            is_over = talk(client, service)
            client.silent_rounds = 0
            has_moved = True
        except BlockingIOError:
            client.silent_rounds += 1
            is_over = False
        except OSError:
            is_over = True  # reset by the client
        # Silent, or slow, for too long: it may always have something to say, if only empty lines.
        if not is_over and now_s > client.patience.ends_s and client.patience.is_over(now_s):
            is_over = not client.has_last_words()
        if is_over:
            clients.remove(client)
            client.connection.close()
    return has_moved


def whom_to_ask(clients: list[Client], service: Service, number: int) -> list[Client]:
    """A copy of the list: removing from one while going through it skips the next client.

    The trap: a refused call costs a microsecond, too, and each answer waits behind a thousand of
    them. So of a crowd only a few of the silent ones are asked in each round, in turns. With a pause
    between rounds all are asked: to be left out would mean to wait for several pauses.
    """
    if len(clients) <= CROWD or service.has_pauses:
        return clients[:]
    turn = number % TURNS
    return [
        client
        for client in clients
        if client.silent_rounds < SILENT_ROUNDS or client.connection.fileno() % TURNS == turn
    ]


def talk(client: Client, service: Service) -> bool:
    """Send what is left, or else receive and answer; True when the connection is over."""
    if client.lingers_bytes:  # closed by us: what the client still sends is thrown away
        return client.discard(client.connection.recv(RECEIVE_BYTES))
    if not client.unsent:
        data = client.connection.recv(RECEIVE_BYTES)
        if not data:
            return True
        client.answers = answers(client.conversation, data, service)
        client.unsent = next(client.answers, b"")
    if not client.unsent:
        return client.settle(has_moved=False)
    try:
        sent = client.connection.send(client.unsent)
    except BlockingIOError:
        client.settle(has_moved=False)
        raise
    # The kernel takes what fits into its buffer: the rest is kept for a later round. A view: to copy
    # the rest at each step would take longer than to send it.
    rest = memoryview(client.unsent)[sent:] if sent < len(client.unsent) else b""
    client.unsent = rest or next(client.answers, b"")
    return client.settle(has_moved=True)


def answers(conversation: Conversation, data: bytes, service: Service) -> Iterator[Piece]:
    """The answers to the requests that these bytes complete. Each is made when the one before it has
    been sent: a client that asks for much and reads nothing holds one at a time."""
    for request in conversation.receive(data):
        response = service.answer(request, conversation.peer)
        if response.wait_s:
            time.sleep(response.wait_s)  # and everybody waits
        yield from conversation.send(response)
        if conversation.ended:
            break  # requests after the last answer stay unanswered
