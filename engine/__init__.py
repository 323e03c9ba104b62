"""Runs and watches HTTP servers of many concurrency models; knows no terminal.

Where to look, in the order in which an event travels:

    listener.py      the listening socket, opened once by the parent and handed to every engine
    __main__.py      the engine process: read its settings, run one model, report
    models/          one file a concurrency model, each a page to read from top to bottom
    admission.py     who is let in; patience.py: for how long; closing.py: how they are let go;
                     departure.py: who hears that they have left;
                     limits.py: what all that may cost; pool.py, worker_processes.py:
                     those that stand ready
    loop_client.py   what an event loop remembers of one client
    http1.py         bytes <-> requests and responses (http_parser.py, http_body.py,
                     http_messages.py, http_dates.py); no sockets
    site.py          Request -> Response: files of www/ (file_responses.py), and /wait /burn /bytes
    application.py   the user's own application (--app); wsgi.py, asgi.py (asgi_call.py,
                     lifespan.py): Request -> application ->
                     answer, piece by piece (http_stream.py; http_fields.py); failures.py: what it did wrong;
                     forked.py: what becomes of the processes that it forks
    service.py       what a model is given besides its listener: settings, site, conversations;
                     step_gate.py: where it waits while it is stepped (slow_motion.py: by keys)
    rehearsal.py     what children are going to run is run once before they are forked
    tracing.py       what reports processes, threads and wake-ups; traced_socket.py what is done to
                     sockets (reporting.py: how it is told; kernel_times.py: since when the kernel
                     had it; base_calls.py), traced_conversation.py requests and
                     responses; traced_queue.py queues; callers.py in which line, tasks.py by whom
    event_queue.py   the hand-over between processes: rings in shared memory; event_writer.py
                     (heirs.py: of children; no_writer.py: of who has no ring) and event_reader.py
                     are its two ends; passing.py: what came and went between two looks;
                     intake.py: what a look finds goes into the fold piece by piece
    events.py        Event, Kind and the wire format
    state.py         ServerState: a pure fold of events; steps.py: what each of them does to
                     connection.py (request_life.py: its requests;
                     strip_letters.py), table.py (rows.py, ranked.py: in which order), workers.py
                     (processes and threads), worker_views.py (what each of
                     them does), waits.py (where requests wait; app_queue.py), totals.py, flow.py (rates)
    lanes.py         connections along time, a letter for each column; pieces.py: who did each piece;
                     turns.py: in which turn of a loop
    line_counts.py   how often and how long each line of a model's source ran
    snapshot.py      what it tells, frozen: what screens and scripts read (worker_view.py: of a worker)
    probes/          numbers that no event carries: processes; descriptors.py; kernel.py the sockets
                     of the port, asked by netlink (sock_diag.py, seen.py), as kernel_numbers.py;
                     kernel_sampler.py and process_sampler.py: when to ask
    findings/        rules that name a failure while it happens; watch.py looks at a run for them,
                     probes/copies.py who keeps a closed connection open
    rooms.py         where requests wait: what events and the kernel know, put together
    load/            the client: bursts and sustained load
    compare/         models under the same load, in turns
    recording.py     events to a file and back (told.py: what stands between them); output.py writes,
                     whatever its reader does; replay.py plays a recording (scene.py: what it knows
                     beside the fold)
    run.py           drives engines, load and probes; the only file that knows them all
                     (run_settings.py: what it is asked to be; thinning.py: how closely it is told;
                     engines.py: which engine has the listener; engine_process.py and
                     client_process.py: one of each, from outside; loads.py: the load of its
                     client; load_process.py, sustained_process.py: with what it met)
    said.py          what the engines write on stdout and stderr
    headless.py      a run without a terminal: commands on stdin, data on stdout; summary.py: which
    labs/            every famous failure on purpose: one file each, with its server and its client
    dying.py         no process outlives the one that started it; terminal_gone.py notices the end of
                     the terminal itself

This file imports nothing: an engine that serves with one model must not import another.
"""
