"""What reports: stand-ins for sockets, queues, processes and waits. The model does not know.

tracer.py        the writers of a process; stand-ins for processes, threads and wake-ups
traced_socket.py what is done to sockets (base_calls.py); reporting.py: how that is told;
                 kernel_times.py: since when the kernel had it; callers.py: in which line
traced_conversation.py   requests and responses; traced_queue.py: queues for threads;
                 traced_rehearsal.py: what is told to nobody
"""
