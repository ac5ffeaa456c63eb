"""A small disk under a folder of the platform, which can be filled and emptied."""
import errno
import os
import shutil
import subprocess
import tempfile

CHUNK = b"\0" * 65536


class SmallDisk:
    """A tmpfs of so many megabytes in the place of a folder, its content kept. Only while the folder's user is
    stopped: services names what to stop meanwhile. Root only."""

    def __init__(self, platform, folder, megabytes, services):
        self.platform = platform
        self.folder = platform.home / folder
        self.megabytes = megabytes
        self.services = services
        self.filler = self.folder / "filler"

    def __enter__(self):
        self._swap(self._mount)
        return self

    def __exit__(self, *_):
        self.free()
        self._swap(self._unmount)

    def _swap(self, change):
        for service in self.services:
            self.platform.stop_service(service)
        status = self.folder.stat()
        with tempfile.TemporaryDirectory() as aside:
            kept = os.path.join(aside, "kept")
            self._copy(self.folder, kept)
            change(status)
            self._copy(kept, self.folder)
        for service in self.services:
            self.platform.start_service(service)

    @staticmethod
    def _copy(source, target):
        subprocess.run(["cp", "-a", f"{source}/.", str(target)] if os.path.isdir(target)
                       else ["cp", "-a", str(source), str(target)], check=True)

    def _mount(self, status):
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        options = f"size={self.megabytes}m,mode={status.st_mode & 0o777:o},uid={status.st_uid},gid={status.st_gid}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)], check=True)

    def _unmount(self, _status):
        subprocess.run(["umount", str(self.folder)], check=True)

    def fill(self):
        """Until not one byte more goes in."""
        with open(self.filler, "wb", buffering=0) as file:
            for chunk in (CHUNK, b"\0"):
                self._write_until_full(file, chunk)

    @staticmethod
    def _write_until_full(file, chunk):
        try:
            while True:
                file.write(chunk)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self):
        self.filler.unlink(missing_ok=True)
