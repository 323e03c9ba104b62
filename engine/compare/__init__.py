"""A fair comparison of models: the same load on each, in turns, over several rounds.

    conditions.py  what is alike for all of them; what makes two reports unlike
    measuring.py   one server under load: what the client met, and where requests waited
                   (looks.py)
    memory.py      what a tree of processes holds; cores.py: who may run on which processor
    trial.py       what came of one run; standing.py: of all runs of a model, merged
    verdict.py     who is best, and whether the spread lets us say so
    sweep.py       a rising rate until the knee
    report.py      the whole, as JSON; against.py: beside an earlier one
    __main__.py    the process that does it, so that it counts for no server and no terminal

Started as `python -P -m engine.compare SETTINGS`, which are an Asked of conditions.py as JSON.
"""
