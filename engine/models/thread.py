"""thread: a thread for each connection.

Calls: accept clone recv send close
Fails by: threads without bound; a socket closed by the thread that accepted it

A descriptor is the number by which a process knows an open socket or file. Threads share one table of
them: what one thread closes is closed for all.
"""

import _thread
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

CONNECTIONS = 1_000  # each has a stack, and all of them compete for one interpreter
LEAVE_LOOK_S = 0.01  # between two looks whether the last thread has ended


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the threads."""
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)  # then accept() raises BlockingIOError
    set_send_timeout(listener, service.limits.send_s)  # for the connections, which inherit it
    admission = Admission(service, CONNECTIONS)
    talking: set[socket.socket] = set()  # the connections, each of which a thread has
    while service.accepting:
        admission.close_refused()
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave
        except OSError as error:
            time.sleep(pause_after(error))
            continue
        if len(talking) >= admission.cap:
            admission.refuse(connection)
        else:
            # Not closed here, unlike in `process`: there is one descriptor, and the thread closes it.
            # If we closed it later, its number might already be that of a stranger's connection.
            begin(connection, service, admission, talking)
    listener.close()
    admission.close_refused(all_of_them=True)
    while talking:
        time.sleep(LEAVE_LOOK_S)


def begin(
    connection: socket.socket, service: Service, admission: Admission, talking: set[socket.socket]
) -> None:
    """Let a thread talk to the client."""
    talking.add(connection)
    try:
        if (
            service.has_application
        ):  # which may ask in which thread it is: the library knows its own only
            threading.Thread(target=live, args=(connection, service, talking)).start()
        else:
            # The same, but start() waits until the thread runs. Where many threads want the interpreter,
            # that wait is long: a third as many connections a second.
            _thread.start_new_thread(live, (connection, service, talking))
    except RuntimeError:  # the system gives no more threads
        talking.discard(connection)
        admission.refuse(connection, at_cap=False)


def live(connection: socket.socket, service: Service, talking: set[socket.socket]) -> None:
    """The life of a thread."""
    try:
        talk(connection, service)
    finally:
        talking.discard(connection)


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
