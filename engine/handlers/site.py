"""Request -> Response: the files below a folder, and three paths that make a server sweat.

    /wait/<ms>   the answer is ready at once, but the model has to wait before it sends
    /burn/<ms>   uses that much CPU in here, on the thread that called
    /bytes/<n>   a body of n bytes

Nothing here waits: waiting belongs to the model. Several threads may share one Site; each step on
its dictionaries is atomic, and a lost update only costs making a response again.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
from collections.abc import Callable
from html import escape
from pathlib import Path
from time import thread_time, time
from typing import BinaryIO
from urllib.parse import quote
from weakref import WeakValueDictionary

from engine.handlers.file_responses import File, respond
from engine.http1.messages import (
    CONTINUE,
    NO_PEER,
    PIECE_BYTES,
    Peer,
    Repeated,
    Request,
    Response,
    reason_of,
)

WWW = Path(__file__).parent.parent.parent / "www"  # the site that is served by default

WAIT_LIMIT_MS = 60_000  # browsers and proxies give up soon after
BURN_LIMIT_MS = 10_000
BODY_LIMIT_BYTES = 100_000_000  # of /bytes
FILE_LIMIT_BYTES = 4_000_000_000  # an event has 32 bits for the length of an answer (events.py)
KEPT_RESPONSES = 1024
KEPT_FILE_BYTES = 1024 * 1024  # a larger body is not kept, and a larger file not read but mapped
KEPT_BYTES = 16 * 1024 * 1024  # all bodies together; serialised, each may be held twice more

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
# The module mimetypes reads files of the system: the same site would differ from host to host.
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": HTML,
    ".html": HTML,
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": TEXT,
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}

_READS = ("GET", "HEAD")
_ALLOW = (("Allow", "GET, HEAD, OPTIONS"),)
_PATTERN = (b"servetui " * 7 + b"\n") * (PIECE_BYTES // 64)  # lines of 64 bytes
_TASK = re.compile(r"/(wait|burn|bytes)/(.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}")
# Each visit is meant to be seen: a browser must ask again, not look into its own cache.
_ALWAYS_ASK = (("Cache-Control", "no-store"),)
# O_NONBLOCK: opening a FIFO must not wait for its writer. O_NOFOLLOW: realpath left no link over.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Site:
    """Answers requests: the files of a folder, and /wait /burn /bytes, which hide such folders."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._kept: dict[str, Response] = {}  # target -> an answer, good for the second it was made
        self._files: dict[str, File] = {}  # target -> the file that was the answer
        self._kept_bytes = 0
        self._tasks: dict[str, tuple[int, Callable[[int, int], Response]]] = {
            "wait": (WAIT_LIMIT_MS, _wait),
            "burn": (BURN_LIMIT_MS, _burn),
            "bytes": (BODY_LIMIT_BYTES, _bytes),
        }

    def answer(self, request: Request, peer: Peer = NO_PEER) -> Response:
        """The response to any request, also to one with a fault. Never waits; the same for every peer.

        100 to go on with a request of which only the head has come; 204 for OPTIONS; 206, 304, 412
        and 416 for conditions and ranges of files; 301 for a folder without its last slash; 400 for
        a bad number; 403 for what may not be read or is too long; 404 for what is missing, no plain
        file, or outside the root; 405 for other methods.
        """
        now_s = int(time())
        kept = self._kept.get(request.target)
        if kept is not None and kept.at_s == now_s and request.is_plain:
            return kept
        return self._make(request, now_s)

    def _make(self, request: Request, now_s: int) -> Response:
        if request.fault:
            return page(request.fault, "The request was not understood.", now_s)
        if request.method == "OPTIONS":
            return Response(204, "", b"", now_s, headers=_ALLOW)
        if request.method not in _READS:
            return page(405, f"{request.method} is not for this site.", now_s, _ALLOW)
        if request.expects_continue:
            return CONTINUE  # GET with content is strange, and read to be forgotten
        if task := _TASK.fullmatch(request.path):
            response = self._task(task[1], task[2], now_s)
            is_kept = response.status == 200 and task[1] != "burn"
        else:
            response = self._file_response(request, now_s)
            is_kept = response.status == 200
        if is_kept and len(response.body) <= KEPT_FILE_BYTES:
            self._keep(request.target, response)
        return response

    def _keep(self, target: str, response: Response) -> None:
        old = self._kept.get(target)
        self._kept_bytes += len(response.body) - (len(old.body) if old else 0)
        if self._kept_bytes > KEPT_BYTES or (old is None and len(self._kept) >= KEPT_RESPONSES):
            self._forget()
            self._kept_bytes = len(response.body)
        self._kept[target] = response

    def _forget(self) -> None:
        self._kept.clear()
        self._files.clear()

    def _task(self, name: str, argument: str, now_s: int) -> Response:
        limit, run = self._tasks[name]
        if not _NUMBER.fullmatch(argument) or int(argument) > limit:
            what = "bytes" if name == "bytes" else "milliseconds"
            line = f"/{name}/ takes a whole number of {what} from 0 to {limit}.\n"
            return Response(400, TEXT, line.encode(), now_s)
        return run(int(argument), now_s)

    def _file_response(self, request: Request, now_s: int) -> Response:
        target = request.target
        file = self._files.get(target)
        if file is None or _stamp_now(file.name) != file.stamp:
            found = self._find(request, now_s)
            if isinstance(found, Response):
                return found
            file = found
            if len(file.body) <= KEPT_FILE_BYTES:
                self._files[target] = file
        return respond(request, file, now_s)

    def _find(self, request: Request, now_s: int) -> File | Response:
        """Read the file that a path names, or say why there is none."""
        try:
            name = self._locate(request.path)
            if stat.S_ISDIR(os.stat(name).st_mode):
                return _moved(request, now_s)
            return _read(name)
        except PermissionError:
            return page(403, f"{request.path} may not be read here.", now_s)
        except (OSError, ValueError) as error:  # ValueError: a NUL, or what the system cannot name
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                return page(503, "No more files can be opened at the moment.", now_s)
            return page(404, f"There is no {request.path or 'such path'} here.", now_s)

    def _locate(self, path: str) -> str:
        """The real name of what a path means. FileNotFoundError: nothing that may be served; other errors
        of the system on the way there."""
        folders, _, last = path.removeprefix("/").rpartition("/")
        parts = folders.split("/") if folders or path.startswith("//") else []
        # An empty part: "//host/" in a redirect would be another site.
        if not path.startswith("/") or "" in parts or {".", ".."} & {*parts, last} or "\\" in path:
            raise FileNotFoundError(path)
        wanted = os.path.join(self._root, *parts, last or "index.html")
        # Strict: else it goes on behind a folder that is missing, a look for each that a path names.
        name = os.path.realpath(wanted, strict=True)
        if os.path.commonpath((self._root, name)) != self._root:
            raise FileNotFoundError(path)  # a symbolic link leads out
        return name


def _read(name: str) -> File:
    # Opening a device may already do something to it, so ask first; and again, lest it changed.
    if not stat.S_ISREG(os.stat(name).st_mode):
        raise FileNotFoundError(name)
    with open(os.open(name, _OPEN_FLAGS), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(name)
        if status.st_size > FILE_LIMIT_BYTES:
            raise PermissionError(name)
        body = _content(opened, status)
    extension = os.path.splitext(name)[1].lower()
    content_type = CONTENT_TYPES.get(extension, BINARY)
    return File(name, _stamp(status), content_type, body, int(status.st_mtime))


def _content(opened: BinaryIO, status: os.stat_result) -> bytes | memoryview:
    """All of a file. A large one is mapped, once for all clients that are being sent it: it takes none
    of our memory however slow they are, and the kernel reads what they come to.

    The trap: pages behind the end of a file that was cut short may not be touched (SIGBUS, which ends
    the process). send() may, since it is the kernel that fails then, with EFAULT.
    """
    if status.st_size <= KEPT_FILE_BYTES:
        return opened.read(status.st_size)
    stamp = _stamp(status)
    mapping = _mapped.get(stamp)
    if mapping is None:
        mapping = mmap.mmap(opened.fileno(), status.st_size, access=mmap.ACCESS_READ)
        _mapped[stamp] = mapping
    return memoryview(mapping)


_mapped: WeakValueDictionary[tuple[int, ...], mmap.mmap] = WeakValueDictionary()


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    """Differs once a file is another one, has other bytes or other permissions."""
    return (
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
    )  # fmt: skip


def _stamp_now(name: str) -> tuple[int, ...]:
    try:
        return _stamp(os.stat(name))
    except OSError:
        return ()


def _moved(request: Request, now_s: int) -> Response:
    query = f"?{request.query}" if request.query else ""
    place = quote(request.path) + "/" + query
    return page(301, f"It is at {request.path}/.", now_s, (("Location", place),))


def _wait(wait_ms: int, now_s: int) -> Response:
    line = f"This answer was made at once, and waited {wait_ms} ms before it was sent.\n"
    return Response(200, TEXT, line.encode(), now_s, wait_ms / 1000, _ALWAYS_ASK)


def _bytes(count: int, now_s: int) -> Response:
    return Response(200, BINARY, Repeated(_PATTERN, count), now_s, headers=_ALWAYS_ASK)


def _burn(burn_ms: int, now_s: int) -> Response:
    # The CPU time of this thread: what other threads take meanwhile makes it longer, as work is.
    end_s = thread_time() + burn_ms / 1000
    while thread_time() < end_s:
        pass
    line = f"This answer took {burn_ms} ms of CPU time.\n"
    return Response(200, TEXT, line.encode(), now_s, headers=_ALWAYS_ASK)


def page(
    status: int, sentence: str, now_s: int, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """An answer that says in a sentence why there is no other."""
    title = f"{status} {reason_of(status)}"
    body = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f"<h1>{title}</h1>\n<p>{escape(sentence)}</p>\n</html>\n"
    )
    return Response(status, HTML, body.encode(), now_s, headers=headers)
