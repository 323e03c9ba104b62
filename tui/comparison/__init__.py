"""A comparison as people read it: in the terminal, as Markdown, as one page of HTML.

cells.py has the columns, which are the same everywhere; charts.py and curves.py draw for the page.
"""
