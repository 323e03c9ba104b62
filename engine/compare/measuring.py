"""One server under load: what its client met, and where its requests waited meanwhile.

The server is watched, as in the dashboard: only its events tell who waits in the handler. Belongs to the
main thread of the process that compares; it polls the run, and waits.
"""

from __future__ import annotations

import http.client
import os
import time
from dataclasses import replace
from urllib.parse import quote

from engine.compare import cores
from engine.compare.conditions import LATE_S, Conditions
from engine.compare.looks import Looks
from engine.compare.memory import held_bytes
from engine.compare.trial import Trial
from engine.load.figures import Report, verdict_on
from engine.load.samples import merged, percentiles
from engine.load.target import KEPT
from engine.running.client_process import ClientProcess
from engine.running.run import Run
from engine.running.run_settings import RunError, RunSettings

BEAT_S = 0.02
BEGINS_WITHIN_S = 15.0  # an application may take its time to be imported
ENDS_WITHIN_S = 5.0  # after the last request has timed out


class CannotServeError(Exception):
    """There is nothing to measure; the message is one line."""


class Server:
    """A model that serves, for one run of load or several."""

    def __init__(self, conditions: Conditions, model: str, mode: str) -> None:
        """Start it, and ask it once. Raises CannotServeError."""
        self._conditions, self._model, self._mode = conditions, model, mode
        self._for_server, self._for_client = (
            cores.halves(cores.allowed()) if conditions.pin else ((), ())
        )
        settings = RunSettings(
            model=model,
            port=0,
            app=conditions.app,
            short=mode == "short",
            trace=conditions.trace,
        )
        try:
            with cores.on(self._for_server):
                self._run = Run(settings)
        except RunError as error:
            raise CannotServeError(str(error)) from error
        try:
            self._begin()
        except BaseException:  # also ctrl+c: no server may be left behind
            self.stop()
            raise

    def stop(self) -> None:
        """End it."""
        self._run.stop()

    def load(self, rate: float | None = None) -> Trial:
        """One run of load; with a rate, in an open loop. Raises CannotServeError."""
        pid = self._run.status().engine_pid
        plan = replace(
            self._conditions.plan(self._run.url, self._mode, rate),
            server_pid=pid,
            watcher_pid=os.getpid(),
            parent_pid=os.getpid(),
        )
        looks = Looks(self._run, plan, held_bytes(pid))
        with cores.on(self._for_client):
            client = ClientProcess(plan.to_json(), Report.from_json)
        try:
            self._watch(client, looks)
        finally:
            client.kill()
        report = client.report
        if report is None or not report.is_final:
            raise CannotServeError(client.last_words)
        return self._told(report, looks)

    def _watch(self, client: ClientProcess[Report], looks: Looks) -> None:
        give_up_s = time.monotonic() + 2 * self._conditions.seconds + LATE_S + ENDS_WITHIN_S
        while client.is_running and time.monotonic() < give_up_s:
            self._run.poll()
            client.advance()
            looks.take(client.report)
            time.sleep(BEAT_S)
        if self._run.status().phase != "serving":
            raise CannotServeError(self._last_words())

    def _begin(self) -> None:
        deadline_s = time.monotonic() + BEGINS_WITHIN_S
        while self._run.status().phase == "starting" and time.monotonic() < deadline_s:
            self._run.poll()
            time.sleep(BEAT_S / 4)
        if self._run.status().phase != "serving":
            raise CannotServeError(self._last_words())
        self._ask_once()

    def _last_words(self) -> str:
        words = self._run.status().last_words
        return words[0] if words else f"{self._model} does not serve"

    def _ask_once(self) -> None:
        """What is loaded at the first request is not memory of its connections; and a path that is
        not answered need not be measured."""
        path, within_s = self._conditions.path, self._conditions.seconds
        host, _, port = self._run.url.removeprefix("http://").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=within_s)
        try:
            connection.request("GET", quote(path, safe=KEPT), headers={"Connection": "close"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise CannotServeError(
                f"{path} is not answered within the {within_s:g} s of a run ({error})"
            ) from error
        finally:
            connection.close()
        if not 200 <= status < 400:
            raise CannotServeError(f"{path} is answered {status}")

    def _told(self, report: Report, looks: Looks) -> Trial:
        times = merged(report.prompt, report.response)
        answered, seconds, server_cpu_s = looks.in_between()
        return Trial(
            self._model,
            self._mode,
            answered=answered,
            seconds=seconds,
            histogram=str(times.encode().decode()),
            errors=report.errors,
            dropped=report.dropped,
            all_in_use=report.connections if report.lacked_connections else 0,
            service_p50_ms=percentiles(merged(report.prompt, report.service)).p50_ms,
            client=verdict_on(report),
            cpu=report.cpu,
            server_cpu_s=server_cpu_s,
            waits=looks.waits(),
            memory_bytes=looks.memory_bytes,
            processes=looks.processes,
            threads=looks.threads,
            descriptors=looks.descriptors,
        )
