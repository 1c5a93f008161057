"""Everything that stands behind the function under SAM local, and what SAM needs to be told."""

import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from demo.scene import set_scene
from local_stack import Bucket, LocalStack, Stack, wait_for
from local_stack.clients import ROOT_CREDENTIALS
from local_stack.guarded import Guarded, start_guarded
from local_stack.server import free_ports
from sam_local import view
from sam_local.engine import HOST_NAME, Engine, NoEngine
from sam_local.events import EVENTS, Uploaded, event_about
from sam_local.lines import Pasted, samconfig
from sam_local.template import CERTIFICATE, FUNCTION, ROOT
from simulator.control import Simulator

STACK = "connectwise-payments"

_FORWARDER = Path(__file__).with_name("forwarder.py")
_START_SECONDS = 30
_GENERATED = "payments-twice.xml"
_SAMPLES = {
    "s3-put.json": ("payments-good.xml", "payments-good.xml"),
    "sqs-eventbridge.json": ("payments-with-errors.xml", "payments-with-errors.xml"),
    "s3-put-awkward-key.json": ("a+b c.xml", "payments-good.xml"),
}
"""For each sample event, the name under which it has a file uploaded, and which one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running local AWS with the template deployed, and ConnectWise.

    `folder` has what SAM reads, `uploads` are by the name of their event, or by their own.
    """

    folder: Path
    bucket: Bucket
    connectwise: Simulator
    uploads: dict[str, Uploaded]

    def shown(self, names: list[str]) -> str:
        """Return what came back under these names, and what ConnectWise holds."""
        return view.shown(self.bucket, self.connectwise, names)

    def results(self) -> dict[str, str]:
        """Return the names under which anything has come back, each with its newest version."""
        return view.results(self.bucket)


@contextmanager
def set_up(engine: Engine, image: str, built: Path, parent: Path) -> Iterator[Stage]:
    """Start it all, and write what SAM needs into a new folder; both are gone afterwards."""
    with ExitStack() as running:
        connectwise = running.enter_context(Simulator())
        aws = running.enter_context(LocalStack())
        ports = free_ports(2)
        forwarder = _forward(engine, aws, connectwise, ports, parent)
        running.callback(forwarder.close)
        stack = _deploy(aws, connectwise, ports[1])
        set_scene(connectwise)
        folder = forwarder.directory
        shutil.copytree(built, folder, dirs_exist_ok=True)
        shutil.copy(aws.server.certificate.certificate, folder / FUNCTION / CERTIFICATE)
        _write_environment(stack, folder, f"https://{HOST_NAME}:{ports[0]}")
        _write_samconfig(engine, image, folder)
        bucket = stack.bucket(stack.outputs["BucketName"])
        yield Stage(folder, bucket, connectwise, _upload_samples(bucket, folder / "events"))


def explain(stage: Stage, pasted: Pasted, show_url: str) -> str:
    """Return the lines to paste, with what each does."""
    generated = stage.uploads[_GENERATED]
    parts = [
        "\nPaste into another terminal. The last line of each is the function's answer.",
        "What SAM's stand-in for Lambda may print after it (`Failed to get next invocation`, with a"
        " traceback) only says that the container was ended: it is harmless.",
    ]
    for name in _SAMPLES:
        parts += [f"\n# events/{name}: {stage.uploads[name].key}", pasted.invoke(f"events/{name}")]
    return "\n".join([
        *parts,
        f"\n# an event that SAM makes up: {generated.key}",
        pasted.generated(generated.bucket, generated.key),
        "\n# a function that stays, and, from one more terminal, a call of it",
        pasted.start_lambda(),
        pasted.invoke_started("events/s3-put.json"),
        "\n# what came back, and what ConnectWise holds",
        pasted.fetch(show_url),
    ])  # fmt: skip


@contextmanager
def showing(stage: Stage) -> Iterator[str]:
    """Answer on 127.0.0.1 with all that came back; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = stage.shown(sorted(stage.results())).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Stay silent: the terminal is for the lines."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


def _forward(
    engine: Engine, aws: LocalStack, connectwise: Simulator, ports: list[int], parent: Path
) -> Guarded:
    """Let containers reach both on these ports. Its folder goes with it, however we end."""
    certificate = aws.server.certificate
    port = connectwise.site.rpartition(":")[2]
    ways = [f"{ports[0]}:{aws.server.port}", f"{ports[1]}:{port}:tls"]
    files = [certificate.certificate, certificate.private_key]
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=parent)).resolve()
    directory.chmod(0o755)  # the function is not root
    command: list[str | Path] = [sys.executable, "-I", _FORWARDER, engine.listen_on]
    command += [*files, *ways]
    forwarder = start_guarded(command, directory, {})
    wait_for(lambda: forwarder.log() or forwarder.has_ended(), _START_SECONDS, "the forwarder")
    if forwarder.has_ended():
        log = forwarder.log()
        forwarder.close()
        raise NoEngine(f"Nothing can listen on {engine.listen_on} for the containers:\n{log}")
    return forwarder


def _deploy(aws: LocalStack, connectwise: Simulator, port: int) -> Stack:
    """Deploy the template so that an upload starts nothing: SAM local calls the function."""
    site = f"https://{HOST_NAME}:{port}"
    certificate = aws.server.certificate.certificate.read_text()
    secret = {**connectwise.secret, "site": site, "caCertificates": certificate}
    aws.put_secret(STACK, secret)
    return aws.deploy(ROOT / "template.yaml", {"Enabled": "false"}, STACK)


def _write_environment(stack: Stack, folder: Path, endpoint: str) -> None:
    configuration = stack.client("lambda").get_function_configuration(
        FunctionName=stack.outputs["FunctionName"]
    )
    variables = {
        **configuration["Environment"]["Variables"],
        **ROOT_CREDENTIALS,
        "AWS_SESSION_TOKEN": "",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": f"/var/task/{CERTIFICATE}",
    }
    _write_json(folder / "env.json", {FUNCTION: variables})


def _write_samconfig(engine: Engine, image: str, folder: Path) -> None:
    settings: list[tuple[str, object]] = [
        ("template_file", "template.yaml"),
        ("env_vars", "env.json"),
        ("skip_pull_image", True),
        ("invoke_image", [image]),
    ]
    if engine.reached_at is not None:
        settings.append(("add_host", [f"{HOST_NAME}:{engine.reached_at}"]))
    (folder / "samconfig.toml").write_text(samconfig(settings), encoding="utf-8")


def _upload_samples(bucket: Bucket, folder: Path) -> dict[str, Uploaded]:
    uploads = {event: _upload(bucket, *sample) for event, sample in _SAMPLES.items()}
    folder.mkdir()
    for event, uploaded in uploads.items():
        _write_json(folder / event, event_about(event, uploaded))
    return {**uploads, _GENERATED: _upload(bucket, _GENERATED, _GENERATED)}


def _upload(bucket: Bucket, name: str, file: str) -> Uploaded:
    content, key = (EVENTS / file).read_bytes(), f"incoming/{name}"
    answer = bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=content)
    etag = answer["ETag"].strip('"')
    return Uploaded(bucket.name, key, answer["VersionId"], etag, len(content))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
