"""Numbers that no event carries: what the operating system says of processes and sockets."""
