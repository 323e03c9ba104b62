"""What a model is given besides its listener: the live settings, the site, HTTP conversations."""

import socket
from collections.abc import Awaitable, Callable, Coroutine
from time import sleep, time
from typing import Any

from engine.failures import in_one_line, print_failure
from engine.http1.conversation import Answer, Conversation
from engine.http1.messages import NO_PEER, Peer, Request, Response
from engine.http1.stream import ClientGoneError
from engine.limits import DEFAULT_LIMITS, Limits
from engine.listener import open_beside
from engine.pool import DEFAULT_POOL, Pool
from engine.serving.departure import Departure
from engine.serving.step_gate import StepGate


class Settings:
    """The live settings, in a page of memory that the terminal writes and every server process reads;
    and, the other way round, how many clients were not let in.

    Words of 8 bytes. They are read at each request, so that a change reaches children that block.
    """

    def __init__(self, words: memoryview) -> None:
        self._words = words

    @property
    def keep_alive(self) -> bool:
        """Whether a connection may serve another request: the mode is keep-alive, nobody drains."""
        return not self._words[_CLOSING]

    @property
    def accepting(self) -> bool:
        """Whether to go on accepting; False tells the server to leave."""
        return not self._words[_LEAVE]

    @property
    def tick_s(self) -> float:
        """Pause after each round of the polling loop, in seconds."""
        return self._words[_TICK_US] / 1e6

    @property
    def stepping(self) -> bool:
        """Whether each answer, or each round, waits for a step (step_gate.py)."""
        return bool(self._words[_STEPPING])

    def set_stepping(self, *, stepping: bool) -> None:
        """Let the server wait for steps, or no longer."""
        self._words[_STEPPING] = stepping

    @property
    def thinning(self) -> int:
        """Of how many connections one is reported in detail (0 and 1: all are), and whether their bytes are
        told (TELL_BYTES), and when the kernel got them (TELL_TIMES)."""
        return self._words[THINNING]

    def set_thinning(
        self, ratio: int, *, tell_bytes: bool = False, tell_times: bool = False
    ) -> None:
        """Report one connection in `ratio` in detail, and only count the others. `tell_bytes`: of
        those reported, tell what is received and sent as well; `tell_times`: for how long the kernel
        had had what is received, and which connection is in the queue of the server."""
        self._words[THINNING] = ratio | TELL_BYTES * tell_bytes | TELL_TIMES * tell_times

    def set_mode(self, *, short: bool) -> None:
        """Switch between keep-alive and short connections."""
        self._words[_SHORT] = short
        self._words[_CLOSING] = short or self._words[_LEAVE]

    def set_tick(self, seconds: float) -> None:
        """Set the pause after each round of the polling loop."""
        self._words[_TICK_US] = int(seconds * 1e6)

    @property
    def cap(self) -> int:
        """How many connections the engine lets in; 0 before it serves."""
        return self._words[_CAP]

    def set_cap(self, connections: int) -> None:
        """Tell the cap that holds."""
        self._words[_CAP] = connections

    @property
    def refused(self) -> tuple[int, int]:
        """Clients answered 503: at the cap, and for lack of threads, processes or memory."""
        return self._words[_REFUSED], self._words[_REFUSED + 1]

    def count_refused(self, *, at_cap: bool) -> None:
        """Count one. Only the one that accepts does, so no count is lost."""
        self._words[_REFUSED if at_cap else _REFUSED + 1] += 1

    def leave(self) -> None:
        """Tell the server to leave accept and to drain: one more answer on each connection."""
        self._words[_LEAVE] = self._words[_CLOSING] = 1


TELL_BYTES, TELL_TIMES = 1 << 32, 1 << 33
_CLOSING, _SHORT, _LEAVE, _TICK_US, THINNING, _CAP, _REFUSED = range(7)  # of that, two words
_STEPPING = _REFUSED + 2


FAILURE = b"500 Internal Server Error: the server has a fault.\n"


class Service:
    """The application and the settings that a model serves with."""

    def __init__(
        self,
        settings: Settings,
        answer: Callable[[Request, Peer], Answer] | Callable[..., Awaitable[Answer]],
        on_leave: Callable[[], None],
        limits: Limits = DEFAULT_LIMITS,
        pool: Pool = DEFAULT_POOL,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.pool = pool
        self.converse: Callable[[socket.socket], Conversation] = lambda _: Conversation(
            settings, limits
        )
        """The HTTP side of a new connection."""
        self.beside: Callable[[socket.socket], socket.socket] = open_beside
        """Opens another listening socket on the port of one that shares it."""
        self.gauge: Callable[[str, Callable[[], int]], None] = lambda *_: None
        """Given a word and what counts: the model has so many of these in hand. Asked now and then, and
        shown; where nobody watches, not at all."""
        self.rehearse: Callable[[Callable[[socket.socket, Service], None]], None] = lambda _: None
        """Given what children are going to run, runs it before they are forked (rehearsal.py)."""
        self.run: Callable[[Coroutine[Any, Any, None]], None] | None = None
        """Where the application is awaited (ASGI): what runs the model's coroutine, in the loop in which
        the application has started."""
        self.gate: StepGate | None = None
        """Where it waits while it is stepped; None: it cannot be."""
        self.has_application = False
        """What answers is the user's own."""
        self._answer: Callable[..., Any] = answer
        self.on_leave = on_leave
        """Told once that this process never accepts again."""
        self._left = False

    def answer(self, request: Request, peer: Peer = NO_PEER) -> Answer:
        """The application's response. The site may burn CPU and never waits: that is left to the
        model (`wait_s`); an application of the user's own does what it likes. A bug in it costs this
        one client a 500, and nobody else anything."""
        if self.gate is not None and self.settings.stepping:
            self.gate.wait_before_answer()
        return self._answer_now(request, peer)

    def _answer_now(self, request: Request, peer: Peer) -> Answer:
        try:
            answer: Answer = self._answer(request, peer)
        except BaseException as error:  # SystemExit, too: not the application's server to end
            return _failed(error)
        return answer

    async def answer_awaited(
        self, request: Request, peer: Peer = NO_PEER, departure: Departure | None = None
    ) -> Answer:
        """The same for a model of coroutines, with an application that is one. Raises ClientGoneError
        when that made no answer since its client had gone."""
        if self.gate is not None and self.settings.stepping:
            await self.gate.wait_before_answer_awaited()
        if self.run is None:
            return self._answer_now(request, peer)
        try:
            answer: Answer = await self._answer(request, peer, departure or Departure())
        except ClientGoneError:
            raise
        except BaseException as error:  # as above
            return _failed(error)
        return answer

    def pause_between_rounds(self) -> None:
        """What a loop that asks all its sockets in turn does before each round: nothing, as a rule."""
        if self.settings.tick_s:
            sleep(self.settings.tick_s)
        if self.gate is not None:
            self.gate.wait_before_round()

    @property
    def has_pauses(self) -> bool:
        """Whether such a loop pauses between its rounds, or waits for steps."""
        return bool(self.settings.tick_s) or self.settings.stepping

    @property
    def accepting(self) -> bool:
        """Whether the model may go on accepting. Once False, it must not accept again."""
        if self.settings.accepting:
            return True
        if not self._left:
            self._left = True
            self.on_leave()
        return False


def _failed(error: BaseException) -> Response:
    print_failure(error)
    return Response(
        500, "text/plain; charset=utf-8", FAILURE, int(time()), is_last=True,
        failure=in_one_line(error),
    )  # fmt: skip
