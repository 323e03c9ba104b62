"""HTTP/1.x: bytes <-> requests and responses. No sockets, no clock.

conversation.py  what a model talks to: bytes in, requests out; responses in, bytes out
parser.py        bytes -> requests, one at a time; body.py: their content
messages.py      requests and responses as values; dates.py
stream.py        answers whose bodies are made piece by piece
"""
