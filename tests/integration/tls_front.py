"""A TLS server in front of an HTTP one, which asks for a client certificate and a password. Standard library and openssl only."""

import base64
import http.server
import ssl
import subprocess
import threading
import urllib.error
import urllib.request


def certificate(directory, name, signer=None, subject="/CN=test"):
    """NAME.pem and NAME.key, signed by the signer's or its own; the address of a server certificate is 127.0.0.1."""
    key, pem = directory / f"{name}.key", directory / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject,
               "-keyout", key, "-out", pem]
    if signer:
        request = directory / f"{name}.csr"
        subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", request],
                       check=True, capture_output=True)
        extensions = directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        command = ["openssl", "x509", "-req", "-in", request, "-CA", directory / f"{signer}.pem", "-CAkey",
                   directory / f"{signer}.key", "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", pem]
    subprocess.run(command, check=True, capture_output=True)
    return pem


class Front:
    """https://127.0.0.1:PORT, whose requests go on to the base URL when certificate and password are right."""

    def __init__(self, directory, base, user, password):
        certificate(directory, "ca", subject="/CN=test authority")
        certificate(directory, "server", "ca")
        certificate(directory, "client", "ca", "/CN=client")
        expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        front = self
        self.requests = self.refused = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                front.requests += 1
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
                if self.headers.get("Authorization") != expected:
                    front.refused += 1
                    return self.reply(401, b'{"error_code":401,"message":"unauthorized"}')
                headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
                request = urllib.request.Request(base + self.path, body, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request) as got:
                        return self.reply(got.status, got.read())
                except urllib.error.HTTPError as e:
                    return self.reply(e.code, e.read())

            do_GET = do_POST = answer

            def reply(self, code, body):
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # clients that break off the handshake are what the test is about

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        context.load_verify_locations(directory / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
