"""The servers to compare with, each with the same page, on a free loopback port, one at a time.

Every peer is a context manager that yields a `Serving` once the port answers and leaves no process.
Each has one worker, as each model of servetui runs in one engine; gunicorn sync has those of `prefork`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import running, wait_for_port
from tests.support import ROOT, free_port

PAGE_BYTES = 1_500  # of the page that stands in for www/index.html
THREADS = 16  # of gunicorn gthread: one for each connection of wrk
WORKERS = 8  # of gunicorn sync: as many processes as prefork has

# keepalive_requests: nginx closes a connection after 1,000 by default, which would be short mode
# in disguise. open_file_cache: else it opens, stats and closes the file for each request.
NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    types {{ text/html html; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    open_file_cache_valid 300s;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=511;
        root {root};
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers now."""

    url: str
    pid: int  # the root of its process tree


Peer = Callable[[Path], AbstractContextManager[Serving]]


@contextlib.contextmanager
def site() -> Iterator[Path]:
    """A folder with index.html: the default site's, or one of its size when there is none."""
    www = ROOT / "www"
    if (www / "index.html").is_file():
        yield www
        return
    with tempfile.TemporaryDirectory() as name:
        page = b"<!doctype html><title>page</title>"
        (Path(name) / "index.html").write_bytes(page + b"x" * (PAGE_BYTES - len(page)))
        yield Path(name)


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[Serving]:
    """One worker, its open files cached."""
    port = free_port()
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        # Started by root, the worker would become nobody, who may not read the folders.
        user = "" if os.getuid() else "user root;"
        config.write_text(NGINX.format(folder=folder, port=port, root=root, user=user))
        with _serving([program, "-c", str(config), "-p", folder], port, root) as serving:
            yield serving


@contextlib.contextmanager
def _serving(words: list[str], port: int, root: Path) -> Iterator[Serving]:
    with running(words, env=of_page(root)) as child:
        wait_for_port(port, child)
        yield Serving(url=f"http://127.0.0.1:{port}/index.html", pid=child.pid)


def of_page(root: Path) -> dict[str, str]:
    """The environment that tells apps.py which page to answer with."""
    return {"SERVETUI_BENCH_PAGE": str(root / "index.html")}


def _python(make_words: Callable[[str, Path], list[str]]) -> Peer:
    """A peer that is `python` with these words; they are made from the port and the folder."""

    @contextlib.contextmanager
    def peer(root: Path) -> Iterator[Serving]:
        port = free_port()
        words = [sys.executable, *make_words(str(port), root)]
        with _serving(words, port, root) as serving:
            yield serving

    return peer


def _uvicorn(http: str) -> Peer:
    def words(port: str, _: Path) -> list[str]:
        quiet = [
            "--no-access-log",
            "--log-level",
            "error",
            "--lifespan",
            "off",
            "--loop",
            "asyncio",
        ]
        app = ["-m", "uvicorn", "tests.bench.apps:asgi", "--host", "127.0.0.1", "--port", port]
        return [*app, "--http", http, *quiet]

    return _python(words)


def _gunicorn(*worker: str) -> Peer:
    def words(port: str, _: Path) -> list[str]:
        app = ["-m", "gunicorn", "tests.bench.apps:wsgi", "-b", f"127.0.0.1:{port}"]
        return [*app, "--keep-alive", "65", "--log-level", "error", *worker]

    return _python(words)


def _pywsgi(port: str, _: Path) -> list[str]:
    return ["-c", f"from tests.bench.apps import serve_pywsgi; serve_pywsgi({port})"]


def _waitress(port: str, _: Path) -> list[str]:
    return ["-m", "waitress", f"--listen=127.0.0.1:{port}", "tests.bench.apps:wsgi"]


def _bare(kind: str) -> Peer:
    return _python(lambda port, _: ["-m", "tests.bench.bare", kind, port])


def _http_server(port: str, root: Path) -> list[str]:
    return ["-m", "http.server", "-b", "127.0.0.1", "-d", str(root), port]


PEERS: dict[str, Peer] = {
    "nginx": nginx,
    "uvicorn httptools": _uvicorn("httptools"),
    "uvicorn h11": _uvicorn("h11"),
    "gunicorn sync": _gunicorn("-k", "sync", "-w", str(WORKERS)),
    "gunicorn gthread": _gunicorn("-k", "gthread", "-w", "1", "--threads", str(THREADS)),
    "gunicorn gevent": _gunicorn("-k", "gevent", "-w", "1"),
    "gevent pywsgi": _python(_pywsgi),
    "waitress": _python(_waitress),
    "http.server": _python(_http_server),
    "bare thread": _bare("thread"),
    "bare fork": _bare("fork"),
}
