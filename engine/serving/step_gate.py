"""Where a server waits for a step while it is stepped: before each answer, or each round of a loop
that asks all its sockets in turn.

A step is a byte in a pipe that all processes of the engine share, so that of all who wait exactly one
goes on. Nobody waits once the server is told to leave, nor when the terminal has gone: then the pipe ends.
"""

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.serving.service import Settings

LOOK_S = 0.01  # between two looks; nobody types faster


class StepGate:
    """Belongs to a process and those that it forks. Threads may wait at it together."""

    def __init__(self, settings: "Settings", steps_fd: int) -> None:
        """`steps_fd`: the reading end of the pipe; it must not block."""
        self._settings = settings
        self._steps_fd = steps_fd
        self._is_of_rounds = False

    def wait_before_answer(self) -> None:
        """Until this request may be answered; at once in a loop that is stepped by rounds."""
        while not self._is_of_rounds and self._is_closed():
            time.sleep(LOOK_S)  # of a greenlet: others go on to the gate

    async def wait_before_answer_awaited(self) -> None:
        """The same in a coroutine."""
        from asyncio import sleep  # imported here, since only one model has it

        while self._is_closed():
            await sleep(LOOK_S)

    def wait_before_round(self) -> None:
        """Until another round may begin."""
        self._is_of_rounds = True
        while self._is_closed():
            time.sleep(LOOK_S)

    def _is_closed(self) -> bool:
        """Whether to wait on. Takes a step, where there is one."""
        if not self._settings.stepping or not self._settings.accepting:
            return False
        try:
            os.read(self._steps_fd, 1)
        except BlockingIOError:
            return True
        return False
