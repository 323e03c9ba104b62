"""What is kept of the last minutes, second by second."""

from hypothesis import given
from hypothesis import strategies as some

from tests.tui.fake_run import a_lively_run
from tests.tui.test_graphs import a_frame, a_history
from tui.history import KEPT_S, History


def test_a_second_is_known_when_it_is_over() -> None:
    history = History()
    history.feed(*a_frame(10.1, opened=3))
    history.feed(*a_frame(10.5, opened=12))
    history.feed(*a_frame(10.9, opened=5, descriptors=None))
    assert list(history.open_connections.seconds) == []
    assert (history.open_connections.now, history.descriptors.now) == (5, None)
    history.feed(*a_frame(11.0, opened=4, requests=[50]))
    assert list(history.requests.seconds) == [50]
    assert list(history.open_connections.seconds) == [12]  # the most of all frames
    assert list(history.descriptors.seconds) == [9]
    assert (history.requests.now, history.open_connections.now) == (50, 4)


def test_seconds_without_a_frame_are_unknown_but_for_their_requests() -> None:
    history = a_history([1, 2])
    history.feed(*a_frame(5.5, requests=[1, 2, 3, 4, 5]))
    assert list(history.requests.seconds) == [1, 2, 3, 4, 5]
    assert list(history.open_connections.seconds) == [7, 7, 7, None, None]


def test_of_seconds_without_a_frame_a_recording_knows_more() -> None:
    history = a_history([1, 2])
    past = {2: (8, 3), 3: (20, None), 4: (21, 12)}
    history.feed(*a_frame(5.5, requests=[1, 2, 3, 4, 5]), past)
    assert list(history.open_connections.seconds) == [7, 7, 8, 20, 21]
    assert list(history.descriptors.seconds) == [9, 9, 9, None, 12]
    begun = History()
    begun.feed(*a_frame(5.5, requests=[3, 4, 5]), past)
    assert list(begun.open_connections.seconds) == [8, 20, 21]
    assert list(begun.descriptors.seconds) == [3, None, 12]


def test_what_the_snapshot_knows_from_before_the_first_frame_is_kept() -> None:
    history = History()
    history.feed(*a_frame(100, requests=[5, 6, 7]))
    assert list(history.requests.seconds) == [5, 6, 7]
    assert list(history.descriptors.seconds) == [None] * 3


def test_when_time_goes_back_all_begins_anew() -> None:
    history = a_history([1, 2, 3, 4])
    history.feed(*a_frame(2.5, opened=1, requests=[1, 2]))
    assert list(history.requests.seconds) == [1, 2]
    history.feed(*a_frame(3, requests=[1, 2, 8]))
    assert list(history.requests.seconds) == [1, 2, 8]
    assert list(history.open_connections.seconds) == [None, None, 1]


def test_it_is_bounded() -> None:
    history = a_history(list(range(KEPT_S + 50)))
    assert list(history.requests.seconds) == list(range(50, KEPT_S + 50))
    history.feed(*a_frame(1_000_000, requests=[3]))
    assert list(history.requests.seconds) == [*[None] * (KEPT_S - 1), 3]
    assert list(history.open_connections.seconds) == [None] * KEPT_S


def test_it_knows_what_the_fold_tells() -> None:
    run = a_lively_run()
    history = History()
    for _ in range(4):
        run.poll()
        history.feed(run.snapshot(), run.numbers(), run.now_ns)
        run.wait(1)
    assert sum(number or 0 for number in history.requests.seconds) == 9
    assert list(history.open_connections.seconds)[-3:] == [6, 6, 6]


frames = some.lists(
    some.tuples(some.floats(0, 900), some.integers(0, 99), some.none() | some.integers(0, 99))
)


@given(frames)
def test_all_tracks_have_the_same_seconds(
    given_frames: list[tuple[float, int, int | None]],
) -> None:
    history = History()
    for second, opened, descriptors in given_frames:
        requests = [1] * min(int(second), 120)
        history.feed(*a_frame(second, opened=opened, descriptors=descriptors, requests=requests))
        tracks = (history.requests, history.open_connections, history.descriptors)
        assert len({len(track.seconds) for track in tracks}) == 1
        assert len(history.requests.seconds) <= KEPT_S
