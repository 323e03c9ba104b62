"""The hand-over of events from the engine's processes to the terminal's: both ends, and between.

shared_memory.py the rings and counters, and how they lie there
writer.py        one end, in each process of the engine; heirs.py: of children before they are
                 forked; no_writer.py: of who has no ring; tasks.py: which thread writes;
                 overflow.py: what has no room
reader.py        the other end, in the terminal's process; passing.py: what came and went between
                 two looks
"""
