"""How long AWS is waited for."""

import socketserver
import threading
from collections.abc import Iterator

import pytest
from botocore.exceptions import BotoCoreError

from payments.bootstrap import _aws
from payments.settings import read_settings
from unit.test_settings import COMPLETE


class Deaf(socketserver.ThreadingTCPServer):
    """Takes connections, says nothing and hangs up."""

    daemon_threads = True
    connections = 0

    def finish_request(self, *_: object) -> None:
        self.connections += 1


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    with Deaf(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_under_sam_local_aws_is_tried_once_more_only(
    deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits for the answer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.server_address[1]}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    world = _aws(read_settings({**COMPLETE, "AWS_SAM_LOCAL": "true"}))
    with pytest.raises(BotoCoreError):
        world.dynamodb.get_item(TableName="imports", Key={"importId": {"S": "1"}})
    assert deaf.connections == 2
