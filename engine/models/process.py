"""process: a child process for each connection.

Calls: accept fork recv send close waitpid
Fails by: a copy of the socket left open in the parent (no FIN, the client waits for ever); zombies

A descriptor is the number by which a process knows an open socket or file. A child starts with a copy
of every descriptor of its parent. Only when the last copy is closed does the kernel send the client a
FIN, the sign that the connection has ended.
"""

import os
import socket
import time
import traceback

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

CONNECTIONS = 200  # each is a process, of some 5 MB that it shares with nobody


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the children."""
    # Parent and child share their memory until one of them writes to it. The interpreter writes to
    # code when it runs for the first time: so talk() runs once before the first fork, without a client.
    service.rehearse(talk)
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)  # then accept() raises BlockingIOError
    set_send_timeout(listener, service.limits.send_s)  # for the connections, which inherit it
    admission = Admission(service, CONNECTIONS)
    children = 0
    while service.accepting:
        admission.close_refused()
        children -= reap(os.WNOHANG)
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave, and for children to reap
        except OSError as error:
            time.sleep(pause_after(error))
            continue
        if children >= admission.cap:
            admission.refuse(connection)
        elif begin(connection, listener, service, admission):
            children += 1
            # The child has its own copy of the descriptor: until the parent closes its copy too, no
            # FIN is sent when the child closes, and the client waits for ever. And the next child
            # would get a copy as well.
            connection.close()
    listener.close()
    admission.close_refused(all_of_them=True)
    reap(0)  # without WNOHANG it waits until the last one has ended


def begin(
    connection: socket.socket, listener: socket.socket, service: Service, admission: Admission
) -> bool:
    """Let a child talk to the client; whether there is one."""
    admission.close_refused(all_of_them=True)  # of those, too, the child would have a copy
    try:
        child = os.fork()
    except OSError:  # the system gives no more processes
        admission.refuse(connection, at_cap=False)
        return False
    if child == 0:
        status = 1
        try:
            listener.close()  # a copy too: it would keep the port after the parent is gone
            talk(connection, service)
            status = 0
        except Exception:  # os._exit would swallow it
            traceback.print_exc()
        finally:
            os._exit(status)  # not sys.exit: the parent's cleanup is not the child's to do
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


def reap(options: int) -> int:
    """Take leave of the children that have ended, and count them; one that nobody waits for stays a
    zombie."""
    ended = 0
    try:
        while os.waitpid(-1, options)[0]:
            ended += 1  # 0 instead of a pid: children are left, and none has ended
    except ChildProcessError:
        pass  # none left
    return ended
