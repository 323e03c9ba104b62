"""A URL -> the one address that a burst connects to. Asks the resolver once, opens no socket.

A name is resolved here rather than by the client: a client that is given `localhost` tries ::1
and 127.0.0.1, and would open connections that nobody counts.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

KEPT = "/%:@!$&'()*+,;=~?"  # RFC 3986, 3.3 and 3.4, and what is quoted already


class NoSuchHostError(ValueError):
    """The URL is well formed, and its host has no address."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to and what to ask for."""

    url: str  # with a literal address as its host
    host_header: str  # as the user wrote it
    address: str
    port: int
    path: str  # with its query


def resolve(url: str, *, allow_remote: bool = False) -> Target:
    """Raises ValueError, with one line to show, for what is not http:// on this machine."""
    host, port, path, host_header = _parts(url)
    address = _first_address(host, port)
    if not (allow_remote or ipaddress.ip_address(address.partition("%")[0]).is_loopback):
        raise ValueError(
            f"{host} is not this machine: load is for 127.0.0.1 and ::1 unless remote is allowed"
        )
    literal = f"[{address}]" if ":" in address else address
    return Target(f"http://{literal}:{port}{path}", host_header, address, port, path)


def _parts(url: str) -> tuple[str, int, str, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {url!r} ({error})") from error
    if parts.scheme == "https":
        raise ValueError(f"https is not spoken here, only http: {url!r}")
    if parts.scheme != "http" or not host:
        raise ValueError(f"not a URL of the form http://HOST[:PORT]/PATH: {url!r}")
    path = quote(parts.path or "/", safe=KEPT)
    query = f"?{quote(parts.query, safe=KEPT)}" if parts.query else ""
    return host, 80 if port is None else port, path + query, parts.netloc.rpartition("@")[2]


def _first_address(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoSuchHostError(f"cannot resolve {host!r}: {error}") from error
    # IPv4 first: a server that was told nothing else listens on 127.0.0.1.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])
