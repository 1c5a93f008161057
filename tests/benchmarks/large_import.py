"""The import whose memory is measured: the importer with real adapters, on a forgetful AWS."""

from math import inf
from pathlib import Path
from tempfile import mkdtemp

from aws_lambda_powertools import Metrics

from benchmarks.forgetful_aws import EmptyDynamoDb, NewImport, S3OnDisk
from benchmarks.job import Job, Work
from payments.bootstrap import event_handler
from payments.connectwise.finance import ConnectWise
from payments.connectwise.credentials import Credentials
from payments.stores.imports_table import ImportLog
from payments.importer import Connection, Finished, Importer, ImportSettings
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.login import Login
from payments.models import SourceFile
from payments.connectwise.pace import Gate
from payments.sender import Sender
from payments.stores.bucket import Storage
from payments.telemetry import NAMESPACE, CloudWatchTelemetry
from payments.connectwise.transport import Transport, new_adapter
from payments.stores.truth_table import TruthTable


def prepare(job: Job) -> Work:
    """Return the import of the job's file."""
    event_handler()  # the deployed program's own AWS clients, whose memory counts
    incoming = Path(job.file)
    importer = Importer(
        ImportLog(NewImport(), "imports"),
        Storage(S3OnDisk(incoming, incoming.parent), Path(mkdtemp(dir=incoming.parent))),
        lambda deadline: _connect(job, deadline),
        CloudWatchTelemetry(Metrics(namespace=NAMESPACE)),
        ImportSettings(connections=job.connections),
    )
    source = SourceFile("payments", f"incoming/{incoming.name}", version_id="1")
    return lambda: _run(importer, source)


def _run(importer: Importer, source: SourceFile) -> None:
    result = importer.run(source, inf)
    assert isinstance(result, Finished), result


def _connect(job: Job, deadline: float) -> Connection:
    secret = job.secret
    credentials = Credentials(
        secret["site"],
        secret["company"],
        secret["publicKey"],
        secret["privateKey"],
        secret["clientId"],
    )
    gate = Gate(job.connections, deadline)
    transport = Transport(new_adapter(job.connections), Login(lambda: credentials), gate, "2026.1")
    connectwise = ConnectWise(transport)
    truth = TruthTable(EmptyDynamoDb(), "truth", credentials.connection)
    return Connection(
        gate, Sender(connectwise), InvoiceLookup(connectwise), truth, transport.counts
    )
