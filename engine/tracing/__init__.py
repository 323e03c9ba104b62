"""What reports: stand-ins for sockets, queues, processes and waits. The model does not know.

tracer.py        the writer of a process, and what it counts; gauges.py: what a model has in hand
traced_processes.py, traced_threads.py   how these begin and end
traced_waits.py  the waits of event loops
traced_socket.py what is done to sockets (base_calls.py; gil_held_calls.py: among threads);
                 reporting.py: how that is told; kernel_times.py: since when the kernel had it;
                 callers.py: in which line; line_arrays.py: that this is found at once
traced_conversation.py   requests and responses; traced_queue.py: queues for threads;
                 traced_rehearsal.py: what is told to nobody
"""
