"""What the models share, and what each of them is given besides its listener.

service.py       what a model is given: live settings, the application, conversations
step_gate.py     where it waits while it is stepped
admission.py     who is let in; patience.py: for how long; closing.py: how they are let go;
                 departure.py: who hears that they have left
loop_client.py   what an event loop remembers of one client
worker_processes.py   those of pre-forked models; rehearsal.py: run once before a fork
"""
