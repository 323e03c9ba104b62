"""The load client: a process of its own, so that its work never counts as the server's.

    result.py     what is asked for and what came of it: plain values and their JSON lines
    target.py     a URL -> one address to connect to; refuses what is not on this machine
    burst.py      the virtual users (asyncio and httpx, which is imported only there)
    __main__.py   the process: settings in argv, one JSON line a report on stdout

Started as `python -P -m engine.load '{"url": "http://127.0.0.1:7890/"}'`.
"""
