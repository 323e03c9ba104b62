"""One panel a file, named after what it draws. A panel is a function: values in, lines out."""
