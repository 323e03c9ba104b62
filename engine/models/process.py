"""process: a child process for each connection.

Calls: accept fork recv send close waitpid
Fails by: a copy of the socket left open in the parent (no FIN, the client waits for ever); zombies

A child starts with a copy of every descriptor of its parent. The connection ends for the client only
when the last copy is closed.
"""

import os
import socket
import time
import traceback

from engine.listener import ACCEPT_LOOKUP_S, KEEP_ALIVE_S, RECEIVE_BYTES, set_receive_timeout
from engine.service import Service


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the children."""
    # A child's memory is the parent's until it writes to it. Code that has never run is written to:
    # the interpreter learns from it. So it runs here first, and each child copies half as much.
    service.rehearse(talk)
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        reap(os.WNOHANG)
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave, and for children to reap
        except OSError:
            time.sleep(ACCEPT_LOOKUP_S)  # no descriptor left, or a client that is gone already
            continue
        begin(connection, listener, service)
        # The child has its own copy of the descriptor: until the parent closes its copy too, no FIN
        # is sent when the child closes, and the client waits for ever.
        connection.close()
    listener.close()
    reap(0)


def begin(connection: socket.socket, listener: socket.socket, service: Service) -> None:
    """Let a child talk to the client."""
    try:
        child = os.fork()
    except OSError:
        return  # no more processes: the client is dropped rather than the server
    if child == 0:
        status = 1
        try:
            listener.close()  # a copy too: it would keep the port after the parent is gone
            talk(connection, service)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)  # not sys.exit: the parent's cleanup is not the child's to do


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client, until it or we end the connection."""
    set_receive_timeout(connection, KEEP_ALIVE_S)  # the listener's own is inherited
    conversation = service.converse(connection)
    with connection:
        while not conversation.ended:
            try:
                data = connection.recv(RECEIVE_BYTES)
                if not data:
                    return
                for request in conversation.receive(data):
                    response = service.answer(request)
                    if response.wait_s:
                        time.sleep(response.wait_s)
                    connection.sendall(conversation.send(response))
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
            except OSError:
                return  # the client is gone, or was silent for too long


def reap(options: int) -> None:
    """Take leave of the children that have ended; one that nobody waits for stays a zombie."""
    try:
        while os.waitpid(-1, options)[0]:
            pass  # one SIGCHLD may stand for many children, so a single wait is not enough
    except ChildProcessError:
        return  # none left
