"""Coverage-guided fuzzing of the HTTP core: `make fuzz`. See http_core.py."""
