"""A fuzz target for the HTTP core: python -m tests.fuzz.http_core [libFuzzer's options] [CORPUS]

atheris (libFuzzer) mutates inputs, and keeps those that reach new lines of engine/http1/. It starts
from the table of raw requests. `-runs=N` ends it, `-artifact_prefix=DIR/` is where a finding goes;
`make fuzz` installs what it needs.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engine"]):
    from tests.fuzz.properties import check
from tests.raw_requests import load

DICTIONARY = (
    *("Host: a", "Content-Length: ", "Transfer-Encoding: chunked", "Connection: close"),
    *("Connection: keep-alive", "Expect: 100-continue", "Range: bytes=", "If-None-Match: *"),
    *("GET / HTTP/1.1", "POST / HTTP/1.1", "HEAD /", "OPTIONS *", "CONNECT a:80", "HTTP/1.0"),
    *("http://a/", "Upgrade: h2c", "0", "5;x=y", "ffffffff", ": ", " :", ","),
)
LONGEST_SEED = 4096


def seed(folder: Path) -> None:
    """Write what to begin with: the table, and the words of the protocol."""
    for number, case in enumerate(load()):
        if len(case.data) <= LONGEST_SEED:
            (folder / f"case-{number:03}").write_bytes(case.data)


def dictionary(path: Path) -> None:
    words = [*DICTIONARY, "\r\n", "\r\n\r\n", "\n", "\r", "\0", "\t"]
    escaped = ("".join(f"\\x{ord(letter):02x}" for letter in word) for word in words)
    path.write_text("".join(f'"{word}"\n' for word in escaped))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        seed(seeds)
        words = Path(folder) / "words"
        dictionary(words)
        options = [f"-dict={words}", "-max_len=1024", *sys.argv[1:], str(seeds)]
        atheris.Setup([sys.argv[0], *options], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
