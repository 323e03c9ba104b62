"""Findings: rules that name a failure in a sentence, with its numbers, while it happens. Pure.

finding.py    what a rule says
moment.py     what the rules look at: a moment, and a trail of those before it
loops.py pools.py workers.py processes.py sockets.py
              the rules, a family each
rules.py      the list of all of them
lost_clients.py
              whom a listener took with it
watching.py   which of them hold now: none flickers
"""
