"""Everything that runs by the clock, a line each. A job is safe to run late, twice, or by two clocks at once.

The beat asks for each job through Celery. Where that way is broken (no broker, no beat) the worker runs what is late by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from celery import shared_task
from django.apps import apps
from django.db import connection

from apps.conversations.inbox import fold_counts
from apps.core import effects, idempotency, limits, streams, webhooks
from apps.knowledge.retrieval import gaps
from apps.visitors import email_proof, exports, identity, location, separating, tracking
from apps.visitors.actions import forget_ended_sessions
from apps.workspaces import codes, failures, passwords, user_sessions
from apps.workspaces.actions import forget_ended_tickets
from apps.workspaces.factors import steps


@dataclass(frozen=True)
class Job:
    """What runs, how often (seconds), and in which lane's queue."""

    run: Callable[[], object]
    every: float
    queue: str


JOBS = {
    "nudge what is owed": Job(lambda: effects.nudge(effects.due()), 5, "interactive"),
    "fold the inbox's counters": Job(fold_counts, 5, "interactive"),
    "forget old moves": Job(streams.forget_old, 30, "normal"),
    "forget ended sessions": Job(forget_ended_sessions, 3600, "bulk"),
    "forget what visitors did long ago": Job(tracking.forget_old_events, 3600, "bulk"),
    "forget ended codes to visitors": Job(email_proof.forget_ended, 600, "bulk"),
    "forget where requests came from": Job(location.forget_pending, 600, "bulk"),
    "forget ended identity secrets and old counts": Job(identity.forget_old, 3600, "bulk"),
    "forget what undid merges": Job(separating.forget_undoable, 3600, "bulk"),
    "forget unused export links": Job(exports.forget_ended, 3600, "bulk"),
    "forget ended tickets": Job(forget_ended_tickets, 3600, "bulk"),
    "forget ended codes": Job(codes.forget_ended, 3600, "bulk"),
    "forget sign-ins that waited for a second factor": Job(steps.forget_ended, 3600, "bulk"),
    "forget old failed sign-ins": Job(failures.forget_old, 3600, "bulk"),
    "forget ended links to passwords": Job(passwords.forget_ended, 3600, "bulk"),
    "forget members' ended sessions": Job(user_sessions.forget_ended, 3600, "bulk"),
    "forget old searches without result": Job(gaps.forget_old, 3600, "bulk"),
    "forget kept answers": Job(idempotency.forget_old, 3600, "bulk"),
    "forget paid effects": Job(effects.forget_done, 3600, "bulk"),
    "forget received webhooks": Job(webhooks.forget_receipts, 3600, "bulk"),
    "forget full buckets": Job(limits.forget_full, 3600, "bulk"),
}
if apps.is_installed("apps.audit"):
    from apps.audit.actions import prune
    from apps.audit.chain import seal

    JOBS |= {
        "seal the audit log": Job(seal, 10, "normal"),
        "delete what the audit log keeps no longer": Job(prune, 24 * 3600, "bulk"),
    }

SCHEDULE = {
    name: {
        "task": "schedule.run",
        "args": [name],
        "schedule": job.every,
        "options": {"queue": job.queue, "expires": 2 * job.every},
    }
    for name, job in JOBS.items()
}

LATE = 3
"""A job that hasn't run for three times its period isn't asked for any more by anybody."""


@shared_task(name="schedule.run", ignore_result=True)
def run(name: str) -> None:
    """Run a job, unless it ran within half its period."""
    if name in JOBS and _claim(name, JOBS[name].every / 2):
        JOBS[name].run()


def run_late() -> int:
    """Run the jobs that nobody has asked for in time. Returns how many."""
    late = [name for name, job in JOBS.items() if _claim(name, LATE * job.every)]
    for name in late:
        JOBS[name].run()
    return len(late)


def _claim(name: str, seconds: float) -> bool:
    """Note that a job runs now, unless it ran within these seconds. A job that never ran waits for its first period."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO core_job (name, ran_at) VALUES (%s, now()) ON CONFLICT (name) DO NOTHING", [name])
        cursor.execute(
            # A time to come was written before the database's clock was put back.
            "UPDATE core_job SET ran_at = now() WHERE name = %s AND (ran_at <= now() - make_interval(secs => %s) OR ran_at > now())",
            [name, seconds],
        )
        return bool(cursor.rowcount)
