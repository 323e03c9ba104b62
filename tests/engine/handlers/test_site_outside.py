"""What is outside the root of a site stays outside."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.handlers import site
from engine.handlers.site import Site
from tests.engine.asked_site import SECRET, Clock, ask

TRAVERSALS = [
    "/../secret.txt",
    "/dir/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/.%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/dir%2f..%2f..%2fsecret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/%5c..%5csecret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "//secret.txt",
    "/%2f..%2fsecret.txt",
    "/./../secret.txt",
    "/secret.txt%00.html",
    "/%00",
    "/../root/index.html",
    "/../../../../../../etc/passwd",
    "//etc/passwd",
    "/%2fetc/passwd",
    "/file:///etc/passwd",
    "http://a/../secret.txt",
    "/link-to-secret",
    "/link-to-parent/secret.txt",
    "/link-to-link",
    "/link-to-etc/passwd",
    "/link-to-itself",
    "/dir/.",
    "/dir/..",
    "/..",
    "/.",
]


@pytest.mark.parametrize("target", TRAVERSALS)
def test_traversal(root: Path, target: str) -> None:
    (root / "link-to-secret").symlink_to(root.parent / "secret.txt")
    (root / "link-to-parent").symlink_to("..")
    (root / "link-to-link").symlink_to("link-to-secret")
    (root / "link-to-etc").symlink_to("/etc")
    (root / "link-to-itself").symlink_to("link-to-itself")
    answer = ask(Site(root), target)
    assert answer.status in (403, 404)
    assert SECRET not in bytes(answer.body)
    assert b"root:" not in bytes(answer.body)


def test_a_folder_that_begins_like_the_root_is_outside(root: Path) -> None:
    (root.parent / "root-too").mkdir()
    (root.parent / "root-too" / "index.html").write_bytes(SECRET)
    (root / "link").symlink_to("../root-too")
    assert ask(Site(root), "/link/").status == 404
    assert ask(Site(root), "/link").status == 404


def test_links_that_stay_inside_are_followed(root: Path) -> None:
    (root / "inside").symlink_to("dir/index.html")
    assert ask(Site(root), "/inside").body == b"<p>dir"


def test_the_root_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert ask(Site(link), "/dir/").body == b"<p>dir"
    (root / "out").symlink_to("../secret.txt")
    assert ask(Site(link), "/out").status == 404


def test_a_link_that_is_turned_outside_is_not_followed(root: Path, clock: Clock) -> None:
    served = Site(root)
    (root / "link").symlink_to("index.html")
    assert ask(served, "/link").status == 200
    (root / "link").unlink()
    (root / "link").symlink_to("../secret.txt")
    clock.now_s += 1
    # The file that was read is still what it was: it may be served, what the link names may not.
    assert ask(served, "/link").body == b"<p>start"
    (root / "index.html").unlink()
    clock.now_s += 1
    assert ask(served, "/link").status == 404


def test_only_plain_files_are_opened(root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "null").symlink_to("/dev/null")
    os.mkfifo(root / "dir2")
    for target in ("/fifo", "/null", "/dir2/"):
        assert ask(Site(root), target).status == 404
    (root / "dir" / "index.html").unlink()
    os.mkfifo(root / "dir" / "index.html")
    assert ask(Site(root), "/dir/").status == 404


def test_a_file_that_becomes_a_fifo_does_not_block(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question what it is and the opening, somebody puts a FIFO in its place."""
    name = root / "index.html"
    before = os.stat(name)
    name.unlink()
    os.mkfifo(name)
    monkeypatch.setattr(os, "stat", lambda _: before)
    assert ask(Site(root), "/index.html").status == 404


def test_what_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, flags: int) -> int:
        raise PermissionError(name)

    # Not with chmod: these tests may run as root, who may read everything.
    monkeypatch.setattr(os, "open", refuse)
    assert ask(Site(root), "/").status == 403


def test_a_file_too_long_to_be_told_of_is_refused(root: Path) -> None:
    with open(root / "long", "wb") as long:
        long.truncate(site.FILE_LIMIT_BYTES + 1)
    assert ask(Site(root), "/long").status == 403


PARTS = st.sampled_from(
    ["..", ".", "/", "%2e", "%2f", "%5c", "\\", "%25", "secret.txt", "dir", "x", "%00", "?", "link"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=10).map("".join))
def test_no_target_leads_outside(root: Path, target: str) -> None:
    link = root / "link"
    if not link.is_symlink():
        link.symlink_to("..")
    answer = ask(Site(root), "/" + target)
    assert SECRET not in bytes(answer.body)
    assert answer.status in (200, 301, 404)


def test_a_path_is_looked_at_up_to_the_first_folder_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for each of the rest takes milliseconds, for one request of a few KB."""
    looks = []

    def counted(*args: Any, **named: Any) -> os.stat_result:
        looks.append(args)
        return look(*args, **named)

    look = os.lstat
    monkeypatch.setattr(os, "lstat", counted)
    assert ask(Site(tmp_path), "/" + "a/" * 3_000).status == 404
    assert len(looks) < 50
