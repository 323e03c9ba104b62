import pytest

from tui.layout import LEAST_ROWS, arrange


@pytest.mark.parametrize("height", range(20, 80))
@pytest.mark.parametrize(("alert", "bursts", "rooms"), [(0, 0, 1), (2, 0, 3), (0, 1, 3), (5, 8, 1)])
def test_the_screen_is_filled_exactly(height: int, alert: int, bursts: int, rooms: int) -> None:
    heights = arrange(height, alert=alert, server=4, bursts=bursts, keys=2, rooms=rooms)
    above = (heights.alert, heights.rooms, heights.server)
    parts = (*above, heights.connections, heights.events, heights.bursts)
    gaps = heights.gap * (2 + bool(heights.events) + bool(heights.bursts))
    assert 1 + sum(parts) + gaps + heights.keys == height
    assert heights.rows >= LEAST_ROWS
    assert heights.server >= min(4, 2 if height < 24 else 4)
    assert heights.rooms == rooms


@pytest.mark.parametrize("height", range(1, 20))
def test_a_tiny_screen_breaks_nothing(height: int) -> None:
    heights = arrange(height, alert=2, server=5, bursts=8, keys=2)
    assert min(heights.alert, heights.server, heights.connections, heights.events) >= 0


def test_an_alert_comes_and_goes_without_moving_the_rest_where_there_is_room() -> None:
    calm = arrange(40, alert=0, server=4, bursts=2, keys=1)
    assert arrange(40, alert=1, server=4, bursts=2, keys=1) == calm
