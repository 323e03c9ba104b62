"""Which thread, greenlet or coroutine of a process it is that writes, by a name that holds still."""

import itertools
import os
import sys
import threading
from _thread import get_ident  # as it was before a model patches it
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from engine.events import printable

NAMES = 64  # not in use, before the first one is: one name for all would look like one task for all


class Tasks(Protocol):
    """Threads or greenlets: whatever shares a writer."""

    @property
    def share_a_thread(self) -> bool:
        """They are greenlets, whose events are numbered together."""

    def running(self) -> Hashable:
        """What tells the running one from the others. Called for each event."""

    def name(self) -> str:
        """The name of the running one. Asked when it is first seen, and seldom again."""


class ThreadTasks:
    """Threads, by the names that Python gave them."""

    def __init__(self) -> None:
        self.share_a_thread = False
        self.running: Callable[[], Hashable] = get_ident
        self._plain: dict[int, int] = {}
        """Threads that `threading` does not know: ident -> number."""

    def begin_thread(self, number: int) -> None:
        """The running thread is one of these; to ask for its name would leave a dummy behind."""
        self._plain[get_ident()] = number

    @property
    def has_plain(self) -> bool:
        """One of these has not ended."""
        return bool(self._plain)

    def end_thread(self) -> None:
        """It ends."""
        self._plain.pop(get_ident(), None)

    def name(self) -> str:
        """`Thread-7`, without the function that Python puts behind it."""
        number = self._plain.get(get_ident())
        name = f"Thread-{number}" if number else threading.current_thread().name
        return printable(name.split(" ")[0])

    def give_name_back(self) -> None:
        """A thread keeps its name to the end."""


class SharingTasks(ThreadTasks, ABC):
    """Tasks that share a thread. What runs outside of them has the thread's name.

    Names are given anew when a task has closed its connection: NAMES and some more serve any number of them,
    in turn, and travel once. A name stays on its task, since it may be asked for again.
    """

    kind: str

    def __init__(self, current: Callable[[], Any]) -> None:
        super().__init__()
        self.share_a_thread = True
        self._current = current
        self._given: set[str] = set()
        self._numbers = itertools.count(1)
        self._free: deque[str] = deque()

    def name(self) -> str:
        current = self._current()
        name: str = getattr(current, "servetui_name", "")
        if name:
            return name
        if self.is_outside(current):
            return self.name_outside(current)
        if len(self._free) < NAMES:
            name = f"{self.kind}-{next(self._numbers)}"
            self._given.add(name)
        else:
            name = self._free.popleft()
        current.servetui_name = name
        return name

    @abstractmethod
    def is_outside(self, current: Any) -> bool:
        """Whether this is the thread itself."""

    def name_outside(self, current: Any) -> str:
        """The thread's name."""
        return super().name()

    def give_name_back(self) -> None:
        """The connection of the running one was closed."""
        current = self._current()
        name = getattr(current, "servetui_name", "")
        if name in self._given:
            del current.servetui_name
            self._free.append(name)


class GreenletTasks(SharingTasks):
    """Greenlets: `greenlet-7`. (gevent's own minimal_ident costs 5 us a greenlet.)"""

    kind = "greenlet"

    def __init__(self) -> None:
        current: Callable[[], Any] = sys.modules["greenlet"].getcurrent
        super().__init__(current)
        self._hub: Callable[[], Any] = sys.modules["gevent"].get_hub

        def running() -> str | None:
            # Not the greenlet itself: what keeps a dead one alive keeps its sockets open.
            return getattr(current(), "servetui_name", None)

        self.running = running

    def is_outside(self, current: Any) -> bool:
        return current.parent is None or current is self._hub()  # which only waits for the others

    def name_outside(self, current: Any) -> str:
        is_hub = current is self._hub()
        # In the hub, to ask `threading` which thread this is would leave a dummy behind.
        name = threading.main_thread().name if is_hub else super().name_outside(current)
        current.servetui_name = name
        return name


class CoroutineTasks(SharingTasks):
    """The tasks of asyncio, which run coroutines: `Task-7`."""

    kind = "Task"

    def __init__(self) -> None:
        asyncio: Any = sys.modules["asyncio"]
        current_task, loop_now = asyncio.current_task, asyncio._get_running_loop
        known: Any = None

        def current() -> Any:
            # To ask for the running loop is a system call in Python 3.11. A loop of the library says in
            # which thread it runs, as long as it does.
            nonlocal known
            loop, thread = known, get_ident()
            if loop is None or loop._thread_id != thread:
                loop = loop_now()
                if loop is None:
                    return None
                if getattr(loop, "_thread_id", None) == thread:
                    known = loop
            return current_task(loop)  # None: it calls back outside of any task

        def forget() -> None:
            # In a child no loop runs, though the parent's says that it does.
            nonlocal known
            known = None

        os.register_at_fork(after_in_child=forget)

        def running() -> Hashable:
            task = current()
            return get_ident() if task is None else getattr(task, "servetui_name", None)

        super().__init__(current)
        self.running = running

    def is_outside(self, current: Any) -> bool:
        return current is None
