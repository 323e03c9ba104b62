"""What answers: Request -> Response, by the site of our own or an application of the user's.

site.py          files of www/ (file_responses.py), and /wait /burn /bytes
application.py   the user's own application (--app): found, told apart, given to a model
wsgi.py asgi.py  Request -> application -> answer, piece by piece; fields.py: what it may send
"""
