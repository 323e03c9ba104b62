"""All rules, the worst failures first. Pure."""

from engine.findings import loops, pools, processes, sockets, workers
from engine.findings.rule import Rule

RULES: tuple[Rule, ...] = (
    *processes.RULES,
    *pools.RULES,  # a starved pool is why clients leave, and why a queue fills up
    *sockets.RULES,
    *loops.RULES,
    *workers.RULES,
)
FINDING_IDS = tuple(rule.id for rule in RULES)
