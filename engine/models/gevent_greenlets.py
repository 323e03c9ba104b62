"""gevent: a greenlet for each connection, all in one thread.

Calls: accept epoll_wait recv send close
Fails by: one call that blocks or burns CPU without yielding stops everybody

Looks like `thread`, runs like `epoll`: a patched recv() that would block switches to another greenlet.
"""

from gevent import monkey

monkey.patch_all()  # before anything else takes the blocking functions of the standard library

import socket  # noqa: E402
import time  # noqa: E402

from gevent.pool import Group  # noqa: E402

from engine.listener import ACCEPT_LOOKUP_S, KEEP_ALIVE_S, RECEIVE_BYTES  # noqa: E402
from engine.service import Service  # noqa: E402


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the greenlets."""
    greenlets = Group()
    listener.settimeout(ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue  # nobody came for a moment: look whether to leave
        except OSError:
            time.sleep(ACCEPT_LOOKUP_S)  # no descriptor left, or a client that is gone already
            continue
        greenlets.spawn(talk, connection, service)
        # Not closed here: a greenlet is no process, there is one descriptor.
    listener.close()
    greenlets.join()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client, until it or we end the connection."""
    connection.settimeout(KEEP_ALIVE_S)
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
                        time.sleep(response.wait_s)  # even sleep(0) would let the others run first
                    connection.sendall(conversation.send(response))
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
            except OSError:
                return  # the client is gone, or was silent for too long
