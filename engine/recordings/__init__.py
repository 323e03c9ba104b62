"""Events to a file and back, and a run that is played from one.

recording.py     the file; told.py: what stands in it between the events (told_look.py: the looks
                 for findings); teller.py tells it
replay.py        a run that is played; scene.py: what it knows beside the fold; replayed_looks.py
"""
