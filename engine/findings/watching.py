"""Which findings hold now: a rule has to hold for a moment before it is told, and stays for a while
when it holds no longer, so that nothing flickers. Pure.
"""

from collections.abc import Collection

from engine.findings.finding import Finding, Level
from engine.findings.moment import MS, Moment, Trail
from engine.findings.rules import RULES

STAYS_NS = 1_500 * MS  # as long as it takes to read that something was


class Findings:
    """The memory of the rules. Not thread-safe."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        """`allowed`: ids of findings that are not to be told."""
        self._rules = [rule for rule in RULES if rule.id not in allowed]
        self._trail = Trail()
        self._began_ns: dict[str, int] = {}
        self._told: dict[str, tuple[int, Finding]] = {}
        """When it held last, and what it said then."""

    def look(self, moment: Moment) -> tuple[Finding, ...]:
        """Those that hold at a moment, the worst first."""
        self._trail.add(moment)
        now_ns = moment.now_ns
        for rule in self._rules:
            said = rule.holds(self._trail)
            if said is None:
                self._began_ns.pop(rule.id, None)
                continue
            began_ns = min(self._began_ns.setdefault(rule.id, now_ns), now_ns)
            if now_ns - began_ns >= rule.confirm_ms * MS or rule.id in self._told:
                level = said.level
                if (before := self._told.get(rule.id)) and now_ns - began_ns < STAYS_NS:
                    level = max(level, before[1].level)  # it does not fall at the first relief
                told = Finding(rule.id, level, said.text, rule.remedy, said.conns, said.pids)
                self._told[rule.id] = (now_ns, told)
        self._told = {
            id_: (at_ns, told)
            for id_, (at_ns, told) in self._told.items()
            if 0 <= now_ns - at_ns <= STAYS_NS
        }
        found = [told for _, told in self._told.values() if told.level is not Level.OK]
        order = [rule.id for rule in RULES]
        return tuple(sorted(found, key=lambda one: (-one.level, order.index(one.id))))
