"""The wall clock of one service can be stepped (libfaketime); its monotonic clock goes on."""
import glob
import pathlib


def _library():
    return sorted(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"))[0]


class SteppedClock:
    """From now on the service runs on a clock that step() moves. Not for programs with sanitizers, whose library
    has to be the first one."""

    def __init__(self, platform, service):
        self.platform = platform
        self.service = service
        self.file = platform.file(f"clock-{service}", "+0s\n")
        self.script = platform.service(service) / "run"
        self.original = self.script.read_text()
        settings = (f"LD_PRELOAD='{_library()}' FAKETIME_TIMESTAMP_FILE='{self.file}' "
                    "FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1")
        stepped = self.original.replace("exec env -i ", f"exec env -i {settings} ")
        if stepped == self.original:
            raise AssertionError(f"no place for libfaketime in {self.script}:\n{self.original}")
        self._write(stepped)

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
