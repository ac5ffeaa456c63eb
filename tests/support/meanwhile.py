"""Something that goes on beside a test, on a thread of its own."""
import threading


class Meanwhile:
    """with Something() as it: ... calls it.work() on a thread, which ends soon after self.over is set, as the end of the
    block does. work() is of whoever derives from it; what it raises ends the thread, not the test."""

    def __init__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        raise NotImplementedError

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
