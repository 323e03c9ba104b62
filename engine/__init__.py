"""Runs and watches HTTP servers of many concurrency models; knows no terminal.

A request comes through here from top to bottom:

    listener.py      the listening socket, opened once by the parent and handed to every engine
    __main__.py      the engine process: read its settings, run one model, report
    models/          one file a concurrency model, each a page to read from top to bottom
    serving/         what models share: who is let in, for how long, and how they are let go
    http1/           bytes <-> requests and responses; no sockets
    handlers/        who answers: the site of our own, or an application (--app)

and what is told of it:

    tracing/         what reports: sockets, conversations, queues, threads, processes, wake-ups
    events.py        Event, Kind and the wire format
    event_queue/     the hand-over between processes: rings in shared memory, and both their ends
    fold/            events in, views out; pure
    views/           frozen values: what screens and scripts read
    probes/          numbers that no event carries: of processes, and of the kernel's sockets
    findings/        rules that name a failure while it happens
    recordings/      events to a file and back, and a run that is played from one

    running/         what drives all of these: engines, load, probes; run.py is the only file that
                     knows them all, headless.py is a run without a terminal
    load/            the client: bursts and sustained load
    compare/         models under the same load, in turns
    labs/            every famous failure on purpose: one file each, with its server and its client

    limits.py, pool.py   what a connection may cost, and how many stand ready
    percentiles.py       of how many samples there are any
    failures.py          what an application did wrong, told in words
    output.py            a descriptor that is written to, whatever its reader does
    dying.py             no process outlives the one that started it; terminal_gone.py notices the end
                         of the terminal itself

Each folder tells in its __init__.py what lies in it. This file imports nothing: an engine that serves with
one model must not import another.
"""
