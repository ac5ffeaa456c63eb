#!/usr/bin/python3
"""`cell heal` mends what is broken and never makes it worse: what works is left alone, and so is whatever may hold
acknowledged writes.
"""

from support.platform import Platform
from support.scenario import expect, expect_equal, main, test


def known_nodes(platform):
    """What the monitor has in its list; a node that is registered anew gets another id."""
    return platform.psql("select nodeid, nodename from pgautofailover.node order by nodeid", platform.port(20130),
                         "pg_auto_failover")


@test
def a_monitor_that_was_stopped_is_started_and_the_primary_is_not_touched(platform):
    def primary():
        return [platform.primary_port(), platform.psql("select pg_postmaster_start_time()"), known_nodes(platform)]
    before = primary()
    platform.stop_service("monitor")
    done = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect("found: se-1-monitor: down" in done.stderr, done.stderr)
    expect_equal(primary(), before, "the primary, and what the monitor knows")


if __name__ == "__main__":
    main(Platform)
