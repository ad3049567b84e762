"""An HTTP/2 server that misbehaves on request and tells on standard output what it sees, one JSON object a line.

h2peer.py --certificate FILE --key FILE [--max-streams N] [--broken-handshakes N]
"""
import argparse, json, os, socket, ssl, struct, sys, threading

import h2.config, h2.connection, h2.events, h2.settings
from h2.errors import ErrorCodes

arguments = argparse.ArgumentParser()
arguments.add_argument("--certificate")
arguments.add_argument("--key")
arguments.add_argument("--max-streams", type=int, default=100)
arguments.add_argument("--broken-handshakes", type=int, default=0)
arguments = arguments.parse_args()
lock = threading.Lock()
connections = 0
# Paths that have misbehaved once.
spent = set()


def tell(event, **fields):
    with lock:
        print(json.dumps({"event": event, **fields}), flush=True)


def once(path):
    with lock:
        if path in spent:
            return False
        spent.add(path)
        return True


class Connection:
    def __init__(self, stream, number):
        self.stream, self.number = stream, number
        self.silent = False
        # The last stream that is looked at, after GOAWAY.
        self.last = None
        self.most = 0
        self.requests = {}
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def flush(self):
        self.stream.sendall(self.h2.data_to_send())

    def run(self):
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: arguments.max_streams,
            h2.settings.SettingCodes.ENABLE_PUSH: 0,
        })
        self.h2.initiate_connection()
        self.flush()
        while True:
            data = self.stream.recv(65536)
            if not data:
                tell("closed", connection=self.number)
                return
            # A connection that is silent goes on reading: TCP acknowledges what nobody answers.
            if self.silent:
                continue
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests[event.stream_id] = dict(event.headers), b""
                    self.most = max(self.most, len(self.requests))
                elif isinstance(event, h2.events.DataReceived):
                    headers, body = self.requests[event.stream_id]
                    self.requests[event.stream_id] = headers, body + event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.answer(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    self.requests.pop(event.stream_id, None)
            if not self.silent:
                self.flush()

    def answer(self, stream):
        headers, body = self.requests[stream]
        path = headers[":path"]
        if self.last is not None and stream > self.last:
            return
        tell("request", path=path, connection=self.number)
        if path == "/silence":
            self.silent = True
            tell("waiting", path=path)
        elif path == "/hold":
            tell("waiting", path=path)
        elif path == "/stall":
            self.h2.send_headers(stream, [(":status", "200"), ("content-length", "1000")])
            self.h2.send_data(stream, b"half")
        elif path == "/reset":
            self.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        elif path == "/refuse-once" and once(path):
            self.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif path == "/goaway-once" and once(path):
            # Everything before this request was worked on, this one was not.
            self.flush()
            last = self.last = max(0, stream - 2)
            self.stream.sendall(struct.pack(">I", 8)[1:] + bytes([7, 0]) + struct.pack(">III", 0, last, 0))
        elif path == "/close-once" and once(path):
            self.stream.shutdown(socket.SHUT_RDWR)
        else:
            text = json.dumps({
                "method": headers[":method"], "path": path, "body": body.decode("latin-1"),
                "headers": {}, "connection": self.number, "connections": connections, "most": self.most,
            }).encode()
            self.h2.send_headers(stream, [(":status", "200"), ("content-length", str(len(text)))])
            self.h2.send_data(stream, text, end_stream=True)
        self.requests.pop(stream, None) if path not in ("/hold", "/silence", "/stall") else None


def serve(plain):
    global connections
    with lock:
        if arguments.broken_handshakes > 0:
            arguments.broken_handshakes -= 1
            plain.recv(1)
            # With bytes unread the close is a reset.
            plain.close()
            return
        connections += 1
        number = connections
    try:
        stream = context.wrap_socket(plain, server_side=True)
        if stream.selected_alpn_protocol() != "h2":
            tell("error", text="no h2")
            return
        Connection(stream, number).run()
    except Exception as error:
        tell("error", text=repr(error))
    finally:
        plain.close()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(arguments.certificate, arguments.key)
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0), backlog=512)


def accept():
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
tell("ready", port=listener.getsockname()[1])
sys.stdin.read()
os._exit(0)
