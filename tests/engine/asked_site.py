"""A site to be asked, and the clock that it looks at."""

from engine.handlers.site import Site
from engine.http1.conversation import Conversation
from engine.http1.messages import Response

SECRET = b"the secret beside the root"


class Clock:
    """A Unix time that moves when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.25

    def __call__(self) -> float:
        return self.now_s


class KeepAlive:
    keep_alive = True


def ask(site: Site, target: str, method: str = "GET") -> Response:
    """The answer to a request as it comes out of the parser."""
    data = f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    (request,) = Conversation(KeepAlive()).receive(data)
    return site.answer(request)
