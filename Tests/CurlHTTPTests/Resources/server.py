"""A small HTTP/1.1 server that misbehaves on request and tells on standard output what it sees, one JSON object a line.

server.py [--certificate FILE --key FILE [--client-ca FILE]]
"""
import argparse, gzip, http.server, json, os, select, socket, ssl, sys, threading, urllib.parse

arguments = argparse.ArgumentParser()
for name in ("--certificate", "--key", "--client-ca"):
    arguments.add_argument(name)
arguments = arguments.parse_args()
output_lock = threading.Lock()


def tell(event, **fields):
    with output_lock:
        print(json.dumps({"event": event, **fields}), flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    connections = 0

    def handle_error(self, request, client_address):
        tell("error", text=repr(sys.exc_info()[1]))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        Server.connections += 1
        self.connection_number = Server.connections
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        if context:
            self.request = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            self.request.do_handshake()
        super().setup()

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def start_chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def wait_for_close(self):
        # Readable with nothing to read: the other side has closed.
        select.select([self.connection], [], [], 60)
        tell("closed", path=self.path)
        self.close_connection = True

    def serve(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/silence":
            tell("waiting", path=self.path)
            self.wait_for_close()
        elif url.path == "/drip":
            self.start_chunked()
            self.wfile.write(b"5\r\nhello\r\n")
            self.wfile.flush()
            self.wait_for_close()
        elif url.path == "/flood":
            self.start_chunked()
            self.flood(int(query["total"]))
        elif url.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"too short")
            self.close_connection = True
        elif url.path == "/big":
            self.answer(200, b"x" * int(query["bytes"]))
        elif url.path == "/compressed":
            text = b"x" * int(query["bytes"])
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                self.answer(200, gzip.compress(text), [("Content-Encoding", "gzip"), ("X-Compressed", "yes")])
            else:
                self.answer(200, text)
        else:
            certificate = self.connection.getpeercert() if context else None
            subject = {k: v for part in (certificate or {}).get("subject", ()) for k, v in part}
            self.answer(200, json.dumps({
                "method": self.command, "path": self.path, "body": body.decode("latin-1"),
                "headers": {k.lower(): v for k, v in self.headers.items()},
                "connection": self.connection_number, "connections": Server.connections,
                "serverName": getattr(self.connection, "asked_name", None), "client": subject.get("commonName"),
            }).encode())

    def flood(self, total):
        chunk = b"10000\r\n" + b"y" * 65536 + b"\r\n"
        sent, blocked = 0, False
        self.connection.settimeout(0.4)
        while sent < total:
            rest = chunk
            while rest:
                try:
                    rest = rest[self.connection.send(rest):]
                except TimeoutError:
                    if not blocked:
                        tell("blocked", sent=sent)
                    blocked = True
            sent += 65536
        self.connection.settimeout(60)
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        try:
            self.serve()
        except (ConnectionError, ssl.SSLError):
            tell("closed", path=self.path)
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET


context = None
if arguments.certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    if arguments.client_ca:
        context.load_verify_locations(arguments.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED

    def remember(connection, name, _):
        connection.asked_name = name

    context.sni_callback = remember
server = Server(("127.0.0.1", 0), Handler)


def leave_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=leave_with_parent, daemon=True).start()
tell("ready", port=server.server_port)
server.serve_forever()
