"""Benchmarks: servetui beside its peers, in one run, on one machine. Not collected by pytest.

throughput.py   `python -m tests.bench.throughput`: requests/s of models and peers, interleaved
dashboard.py    `python -m tests.bench.dashboard`: start, CPU, bytes painted, key to paint, memory
driven_dashboard.py  a dashboard in a pseudo-terminal: started, watched, its keys pressed and timed
findings.py     `python -m tests.bench.findings`: labs x findings, and none under ordinary load
switches.py     `python -m tests.bench.switches`: every switch between two models, under load
open_connections.py  `python -m tests.bench.open_connections`: 10,000 kept open, all of them answered;
                crowd.py is their client
peers.py        starts and stops nginx and the Python servers on free loopback ports
apps.py         what the Python peers run: one page from memory
processes.py    child processes that always end, and the CPU that a tree of them used
wrk.py          runs wrk and reads its report
pacer.py        a client that sends requests at a steady rate
screen.py       a terminal of 120x40 that remembers what was painted
RESULTS.md      what was seen, and with which command
"""
