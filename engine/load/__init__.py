"""The load client: a process of its own, so that its work never counts as the server's.

    target.py     a URL -> one address to connect to; refuses what is not on this machine
    errors.py     what went wrong, as a kind
    __main__.py   the process: settings in argv, one JSON line a report on stdout

A burst, by a client library as applications use it:

    result.py     what is asked for and what came of it: plain values and their JSON lines
    burst.py      the virtual users (asyncio and httpx, which is imported only there)

Sustained load, by as little as can ask fast enough (plain sockets and llhttp):

    plan.py       what is asked for, and when each request is due
    sustained.py  who asks when, to the end; user.py: one of those who ask; connection.py: over what,
                 page.py: for what; readiness.py: the loop, which knows who has something to read
    beside.py     slow heads, slow readers, silent clients
    samples.py    latencies as HDR histograms; cpu.py: who used the processors
    figures.py    the counts, the report of them, and the figures that people read

Started as `python -P -m engine.load '{"url": "http://127.0.0.1:7890/"}'`.
"""
