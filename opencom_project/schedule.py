"""Everything that runs by the clock. Each job is safe to run late, twice, or by two clocks at once.

The clock reads this page without Django, so each job loads what it needs when it runs.
"""

from __future__ import annotations

from celery import shared_task


@shared_task(name="clock.seconds", ignore_result=True)
def every_five_seconds() -> None:
    """Nudge what is owed and add up the inbox's counters."""
    from apps.conversations.inbox import fold_counts
    from apps.core import effects

    effects.nudge(effects.due())
    fold_counts()


@shared_task(name="clock.minute", ignore_result=True)
def every_minute() -> None:
    """Forget what nobody looks at any more."""
    from apps.core import streams

    streams.forget_old()


@shared_task(name="clock.hour", ignore_result=True)
def every_hour() -> None:
    """Forget what has ended."""
    from apps.core import effects, limits
    from apps.visitors.actions import forget_ended_sessions

    forget_ended_sessions()
    effects.forget_done()
    limits.forget_full()


SCHEDULE = {
    "every five seconds": {
        "task": "clock.seconds",
        "schedule": 5.0,
        "options": {"queue": "interactive", "expires": 10},
    },
    "every minute": {"task": "clock.minute", "schedule": 60.0, "options": {"queue": "normal", "expires": 120}},
    "every hour": {"task": "clock.hour", "schedule": 3600.0, "options": {"queue": "bulk", "expires": 3600}},
}
