"""Real servers of remote objects on loopback: S3's protocol, and https with a certificate of its own."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import http.server
import io
import ipaddress
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY, SECRET = "AKIAREMOTETEST000001", "the-secret-of-remote-tests"
Environ = dict[str, Any]


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a .zip of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(files: Mapping[str, str]) -> bytes:
    """Return a .tar.gz of these files, which are all executable."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content.encode()), 0o755
            archive.addfile(member, io.BytesIO(content.encode()))
    return made.getvalue()


class S3:
    """An S3 server that knows one key pair; `requests` are those it was sent, `trouble` may answer first.

    moto does the protocol. That a request is signed with the right secret is checked in front of it, by
    computing its signature again with botocore.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.trouble: Callable[[Environ], bytes | None] = lambda _: None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        for backend in get_backend("s3").values():
            backend["aws"].reset() if "aws" in backend else None
        self.client = self._client(KEY, SECRET)
        self.client.create_bucket(Bucket="bucket")

    def variables(self, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        """Return what a process has to have in its environment to use this server."""
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, name: str, content: bytes) -> None:
        """Store an object in the bucket."""
        self.client.put_object(Bucket="bucket", Key=name, Body=content)

    def names(self) -> list[str]:
        """Return the names of all objects in the bucket."""
        found = self.client.list_objects_v2(Bucket="bucket")
        return [each["Key"] for each in found.get("Contents", ())]

    def count(self, method: str, path: str) -> int:
        """Return how often that was asked for."""
        return self.requests.count((method, path))

    def close(self) -> None:
        """Stop serving."""
        self.client.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _client(self, key: str, secret: str) -> Any:
        session = botocore.session.Session()
        return session.create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def _serve(self, environ: Environ, start: Any) -> Any:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if not _signed(environ):
            body = (
                b""
                if environ["REQUEST_METHOD"] == "HEAD"
                else b"<Error><Code>SignatureDoesNotMatch</Code><Message>wrong signature</Message></Error>"
            )
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        if (answer := self.trouble(environ)) is not None:
            start("400 Bad Request", [("Content-Length", str(len(answer)))])
            return [answer]
        return self._moto(environ, start)


def _signed(environ: Environ) -> bool:
    """Compute the request's signature with the right secret, and compare."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    given = environ.get("HTTP_AUTHORIZATION", "")
    fields = dict(part.split("=", 1) for part in given.partition(" ")[2].split(", ") if "=" in part)
    if not fields.get("Credential", "").startswith(f"{KEY}/"):
        return False
    path = environ.get("RAW_URI") or environ["REQUEST_URI"]
    request = AWSRequest(environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{path}")
    for name in fields["SignedHeaders"].split(";"):
        key = name.upper().replace("-", "_")
        value = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
        request.headers[name] = value
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
    canonical = "\n".join(
        [
            request.method,
            auth._normalize_url_path(path.partition("?")[0]),
            auth.canonical_query_string(request),
            auth.canonical_headers(request.headers) + "\n",
            fields["SignedHeaders"],
            environ["HTTP_X_AMZ_CONTENT_SHA256"],
        ]
    )
    return bool(auth.signature(auth.string_to_sign(request, canonical), request) == fields["Signature"])


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Tests read what they print themselves."""


@contextlib.contextmanager
def https_server(root: Path, place: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a directory by https; yields the URL, and the variables with which its certificate is good."""
    certificate = _certificate(place)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(root)))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", {"SSL_CERT_FILE": str(certificate)}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def send_head(self) -> Any:
        if self.path.startswith("/private/"):
            self.send_error(401)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"')
        super().end_headers()


def _certificate(place: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    target = place / "certificate.pem"
    target.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return target
