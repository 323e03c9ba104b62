"""Draws what engine/ reports. The command line is in __main__.py, the dashboard in app.py."""
