"""Events in, views out. Only the fold changes what lies here. Pure.

state.py         ServerState, whom events are given and who is asked for views
steps.py         what each event does to connection.py (request_life.py: its requests;
                 strip_letters.py), table.py (rows.py; ranked.py: in which order), workers.py
                 (turns.py: of a loop; worker_views.py: what each does), waits.py (app_queue.py)
totals.py flow.py   sums and rates
lanes.py         connections along time, a letter for each column; pieces.py: who did each piece
line_counts.py   how often and how long each line of a model's source ran
"""
