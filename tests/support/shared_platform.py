#!/usr/bin/python3
"""One platform for many scenarios: started, described in a file, kept until SIGTERM, taken down. TAP.

usage: shared_platform.py FILE
"""
import json
import os
import signal
import sys
import threading

from support.platform import Platform
from support.scenario import stopped_cleanly


def main():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    platform = Platform()
    with platform:
        print("ok 1 - starts", flush=True)
        state = {"home": str(platform.home), "offset": platform.offset, "secret": platform.secret}
        with open(sys.argv[1] + ".new", "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        stop.wait()
    try:
        stopped_cleanly(platform)
    except AssertionError as error:
        print("\n".join("# " + line for line in str(error).splitlines()))
        print("not ok 2 - stopped cleanly\n1..2", flush=True)
        return 1
    print("ok 2 - stopped cleanly\n1..2", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
