"""The own test-suites of frameworks, run against servers of this project over real sockets."""
