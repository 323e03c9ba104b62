"""What is handed out, frozen: what screens and scripts read, whoever made it. Pure.

snapshot.py      the server and its connections; worker_view.py: a process or thread of it
detail.py        one connection told whole
kernel_numbers.py what the kernel says; rooms.py, queues.py: that and what events know, put together
order.py         in which order, and which of them, a table shows
"""
