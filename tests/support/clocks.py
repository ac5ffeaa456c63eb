"""The wall clock of one service can be stepped (libfaketime); its monotonic clock goes on."""
import glob
import pathlib
import subprocess


def _library(pattern):
    return sorted(glob.glob(f"/usr/lib/*/{pattern}"))[0]


def _needs_sanitizer(program):
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    return "libasan" in linked


class SteppedClock:
    """From now on the service runs on a clock that step() moves."""

    def __init__(self, platform, service):
        self.platform = platform
        self.service = service
        self.file = platform.file(f"clock-{service}", "+0s\n")
        libraries = [_library("faketime/libfaketime.so.1")]
        if _needs_sanitizer(platform.home / "bin/callcell-cell"):
            libraries.insert(0, _library("libasan.so.*"))
        self.script = platform.service(service) / "run"
        self.original = self.script.read_text()
        settings = (f"LD_PRELOAD='{':'.join(libraries)}' FAKETIME_TIMESTAMP_FILE='{self.file}' "
                    "FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1")
        # Only the program itself: its shell and `env` hang with both libraries.
        self._write(self.original.replace("exec env -i ", f"exec env -i {settings} "))

    def _write(self, text):
        self.script.write_text(text)
        self.platform.stop_service(self.service)
        self.platform.start_service(self.service)

    def step(self, seconds):
        new = pathlib.Path(f"{self.file}.new")
        new.write_text(f"{seconds:+d}s\n")
        self.platform.give_to_owner(new)
        new.rename(self.file)

    def restore(self):
        self.step(0)
        self._write(self.original)
