"""thread: a thread for each connection.

Calls: accept clone recv send close
Fails by: threads without bound; a socket closed by the thread that accepted it

Threads share one table of descriptors: what one of them closes is closed for all.
"""

import socket
import threading
import time

from engine.listener import ACCEPT_LOOKUP_S, KEEP_ALIVE_S, RECEIVE_BYTES, set_receive_timeout
from engine.service import Service


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the threads."""
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave
        except OSError:
            time.sleep(ACCEPT_LOOKUP_S)  # no descriptor left, or a client that is gone already
            continue
        begin(connection, service)
        # Not closed here: there is one descriptor, and the thread is using it. By the time of a
        # late close() its number may even belong to a stranger's connection.
    listener.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def begin(connection: socket.socket, service: Service) -> None:
    """Let a thread talk to the client."""
    try:
        threading.Thread(target=talk, args=(connection, service)).start()
    except RuntimeError:
        connection.close()  # no more threads: the client is dropped rather than the server


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
