"""The sums of a server: what was reported, and what was only counted, together. Pure."""

from collections.abc import Mapping

from engine.events import Kind, Unreported
from engine.fold.flow import Totals
from engine.fold.steps import Server
from engine.views.snapshot import Counts


def totals_of(reported: Mapping[Kind, int], unreported: Unreported, server: Server) -> Totals:
    """What rates are made of. `reported`: how many events of each kind have been folded."""
    return Totals(
        requests=reported[Kind.REQUEST] + unreported.count(Kind.REQUEST),
        events=sum(reported.values()) + unreported.total(),
        bytes_in=server.bytes_in + unreported.bytes[Kind.RECV],
        bytes_out=server.bytes_out + unreported.bytes[Kind.SEND],
        wakeups=server.workers.wakeups,
        would_block=server.workers.would_block,
    )


def counts_of(reported: Mapping[Kind, int], unreported: Unreported, server: Server) -> Counts:
    """The totals that screens and scripts read."""
    count = {kind: reported[kind] + unreported.count(kind) for kind in Kind}
    totals = totals_of(reported, unreported, server)
    wakeups, would_block = server.workers.of_running_engine()
    return Counts(
        accepted=count[Kind.ACCEPT],
        requests=totals.requests,
        responses=count[Kind.RESPONSE],
        released=count[Kind.RELEASE],
        closed=count[Kind.CLOSE],
        bytes_in=totals.bytes_in,
        bytes_out=totals.bytes_out,
        events=totals.events,
        lost=unreported.dropped.total(),
        life_lost=unreported.life_lost,
        thinned=unreported.thinned.total(),
        cut=server.cut,
        errors=count[Kind.ERROR],
        illegal_steps=server.illegal_steps,
        wakeups=wakeups,
        would_block=would_block,
    )
