from engine.load.result import Burst
from engine.load_process import LoadProcess
from tests.support import wait_until


def has_ended(burst: LoadProcess) -> bool:
    burst.advance()
    return not burst.is_running


def test_a_burst_that_outlives_a_switch_names_both() -> None:
    burst = LoadProcess(Burst("http://127.0.0.1:9/"), "epoll", "keep-alive")
    try:
        burst.note_change("epoll", "keep-alive")
        burst.note_change("thread", "keep-alive")
        burst.note_change("thread", "short")
        assert (burst.view().model, burst.view().mode) == ("epoll>thread", "keep-alive>short")
    finally:
        burst.kill()
    burst.note_change("process", "short")
    assert burst.view().model == "epoll>thread"


def test_nobody_listens() -> None:
    burst = LoadProcess(Burst("http://127.0.0.1:9/", requests=3), "epoll", "keep-alive")
    try:
        wait_until(lambda: has_ended(burst), what="the end of the burst")
        view = burst.view()
        assert (view.done, view.errors, view.failure) == (3, {"refused": 3}, "")
    finally:
        burst.kill()


def test_settings_that_the_client_refuses_are_told() -> None:
    burst = LoadProcess(Burst("http://192.0.2.1/"), "epoll", "keep-alive")
    try:
        wait_until(lambda: has_ended(burst), what="the end of the burst")
        assert "192.0.2.1" in burst.view().failure
    finally:
        burst.kill()
