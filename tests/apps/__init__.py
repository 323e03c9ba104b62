"""Applications of frameworks that the tests serve with --app."""
