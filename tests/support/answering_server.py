"""A little server that answers every webhook at once, for the load tool's own tests."""
import subprocess
import sys

SERVER = r"""
import asyncio
BODY = b'{"decision_id":"d","flow":null,"state":null,"actions":[{"hangup":{}}],"on_timeout":[]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncallcell-source: memory\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            at = self.data.lower().index(b"content-length:") + 15
            length = end + 4 + int(self.data[at:self.data.index(b"\r", at)])
            if len(self.data) < length:
                return
            self.data = self.data[length:]
            self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def start_server():
    """(process, port); the caller kills the process."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline())
