"""A run: the processes that it starts, what it asks for, and when.

run.py           drives engines, load and probes; run_settings.py: what it is asked to be
engines.py       which engine has the listener, which comes next; engine_process.py: one of them,
                 from outside; said.py: what they write on stdout and stderr
loads.py         the load of the built-in client: load_process.py, sustained_process.py;
                 client_process.py: its process, from outside
intake.py        what a look at the queue finds goes into the fold
telling.py       how closely the engines tell; thinning.py: one connection in how many
watch.py         looks for findings; slow_motion.py: steps and pauses
headless.py      commands on stdin, data on stdout; summary.py: which;
                 short_turns.py: the watcher's share of a processor; seldom_collected.py: its collector
"""
