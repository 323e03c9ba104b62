"""How many lines each part of the screen gets: a pure function of the terminal's size."""

from dataclasses import dataclass

HEADER = 1
CONNECTION_HEADINGS = 2  # the title and the names of the columns
LEGEND = 1  # below the rows: what the letters of the strips mean
LEGEND_FROM = 16  # lines
BURST_HEADINGS = 2
EVENT_TITLE = 1
LEAST_ROWS = 4  # of connections, before anything else gets a line
ROOMY = 30  # lines from which on blank lines part the panels
TALL = 50  # lines from which on the rooms have percentiles, too
CODE_FROM = 160, 40  # columns and lines from which on the code stands beside the connections
CODE_AT_ONCE = 200, 60  # from which on it does so from the start
CODE_SHARE = 0.5  # of the columns
EVENTS_FROM = 24  # lines from which on the last events are shown
EVENTS_SMALL = 3
EVENTS_ALONE = 5  # on a small screen as long as no burst wants the room
SERVER_SMALL = 4
SERVER_TITLE = 1  # where there is room
BURSTS_SMALL, BURSTS_ROOMY = 2, 6  # so that keep-alive and short stand side by side


@dataclass(frozen=True, slots=True)
class Heights:
    """Lines of each part; 0: it is not shown."""

    alert: int
    server: int
    connections: int
    """With title, headings and legend."""
    events: int
    """With the title."""
    bursts: int
    """With the title and headings."""
    keys: int
    gap: int
    """Blank lines above the server's numbers, connections, events and bursts."""
    legend: int = 0
    """Of the connections' lines, the last one."""
    rooms: int = 0

    @property
    def rows(self) -> int:
        """Connections that are seen."""
        return max(self.connections - CONNECTION_HEADINGS - self.legend, 0)


def room_lines(height: int) -> int:
    """How many the strip of the rooms should take: with percentiles, with a title and bars, with names, or
    letters."""
    if height >= TALL:
        return 6
    return 5 if height >= ROOMY else 3 if height >= EVENTS_FROM else 1


def code_width(width: int, height: int) -> int:
    """Columns of the code beside the connections; 0: it has a page of its own."""
    is_large = width >= CODE_FROM[0] and height >= CODE_FROM[1]
    return int(width * CODE_SHARE) if is_large else 0


def shows_code_at_once(width: int, height: int) -> bool:
    """Whether there is room for it without being asked."""
    return width >= CODE_AT_ONCE[0] and height >= CODE_AT_ONCE[1]


def server_title(height: int) -> int:
    """Lines of the title above the server's numbers."""
    return SERVER_TITLE if height >= ROOMY else 0


def server_lines(height: int) -> int:
    """The most that the server's numbers may take below their title."""
    return max(min(8 if height >= ROOMY else SERVER_SMALL, height // 4), 1)


def key_lines(height: int) -> int:
    """The most that the keys should take."""
    return 2 if height >= ROOMY else 1


def arrange(
    height: int, *, alert: int, server: int, bursts: int, keys: int, rooms: int = 0
) -> Heights:
    """Share `height` lines. What is asked for: the lines that each part has to show."""
    is_roomy = height >= ROOMY
    gap = 1 if is_roomy else 0
    legend = LEGEND if height >= LEGEND_FROM else 0
    room = height - HEADER - keys
    alert = min(alert, max(room - LEAST_ROWS, 0)) or gap
    room -= alert
    least = CONNECTION_HEADINGS + LEAST_ROWS + legend
    rooms = min(rooms, max(room - least, 0))
    room -= rooms
    server = min(server, max(room - least - gap, 0))
    room -= server + 2 * gap + least
    most_bursts = BURSTS_ROOMY if is_roomy else BURSTS_SMALL
    burst_part = _below(BURST_HEADINGS, min(bursts, most_bursts), room - gap)
    room -= burst_part + (gap if burst_part else 0)
    small = EVENTS_SMALL if bursts else EVENTS_ALONE
    wanted = height // 6 if is_roomy else small if height >= EVENTS_FROM else 0
    event_part = _below(EVENT_TITLE, wanted, room - gap)
    room -= event_part + (gap if event_part else 0)
    connections = max(least + room, 0)
    return Heights(alert, server, connections, event_part, burst_part, keys, gap, legend, rooms)


def _below(headings: int, lines: int, room: int) -> int:
    """`lines` below so many headings, if at least one of them has room."""
    return min(headings + lines, room) if lines > 0 and room > headings else 0
