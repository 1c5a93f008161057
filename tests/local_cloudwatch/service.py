"""Puts right, inside MiniStack, what it leaves out of CloudWatch.

- Lambda: MiniStack counts only runs that are started by Invoke, not those that a queue starts, and
  dates them with their end. Here every run counts, dated with its start as on AWS.
- SQS: MiniStack measures no queue.
- Logs: MiniStack takes no metrics out of log lines, and does not mark a run's error with [ERROR].
- Alarms: MiniStack looks at them only when metrics are put, and takes all metrics of one name for
  one, whatever their dimensions, and all periods for one.

Facts: Lambda's and SQS's developer guides, "metrics"; CloudWatch's user guide, "alarm evaluation".
What happens every minute there happens every few seconds here.
"""

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc, sqs

from local_cloudwatch.alarms import alarm_state
from local_cloudwatch.emf import Metric, parse_metrics

_WATCH_SECONDS = 0.5
_MEASURE_SECONDS = 5.0

_Dimensions = Mapping[str, str]


def start() -> None:
    """Begin to count, and to watch the alarms."""
    _count_every_run()
    _take_metrics_out_of_log_lines()
    _mark_errors()
    # Only `_watch` evaluates, at moments of its own.
    cloudwatch._evaluate_alarm = lambda _alarm: None
    threading.Thread(target=_watch, daemon=True).start()


def _count_every_run() -> None:
    execute = lambda_svc._execute_function_dispatch

    def execute_and_count(
        func: Any, config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> Any:
        result = execute(func, config, event, request_id, started)
        _put_run(config["FunctionName"], started, is_error=bool(result.get("error")))
        return result

    def count_throttle(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle and not duration_ms:  # Invoke tells of it once more, with a duration
            _put("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": name})

    lambda_svc._execute_function_dispatch = execute_and_count
    lambda_svc._emit_lambda_metrics = count_throttle


def _put_run(name: str, started: float, *, is_error: bool) -> None:
    dimensions = {"FunctionName": name}
    milliseconds = (time.time() - started) * 1000
    _put("AWS/Lambda", "Invocations", 1, "Count", dimensions, started)
    _put("AWS/Lambda", "Errors", int(is_error), "Count", dimensions, started)
    _put("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions, started)
    _put("AWS/Lambda", "Throttles", 0, "Count", dimensions, started)


def _take_metrics_out_of_log_lines() -> None:
    append = cloudwatch_logs._append_log_events

    def append_and_take(stream: Any, events: list[dict[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            # A line that only looks like one is none, and no reason to lose it.
            with contextlib.suppress(KeyError, ValueError):
                for metric in parse_metrics([event["message"]]):
                    _put_metric(metric)

    cloudwatch_logs._append_log_events = append_and_take


def _put_metric(metric: Metric) -> None:
    for value in metric.values:
        _put(metric.namespace, metric.name, value, metric.unit, metric.dimensions, metric.timestamp)


def _mark_errors() -> None:
    emit = lambda_svc._emit_lambda_logs

    def emit_marked(
        func: Any, request_id: str, text: str, is_error: bool, *a: Any, **k: Any
    ) -> None:
        before, traceback, after = text.rpartition("Traceback (most recent call last):")
        if is_error and traceback:
            kind, _, message = after.strip().splitlines()[-1].partition(": ")
            text = f"{before}[ERROR] {kind.rpartition('.')[2]}: {message}\n{traceback}{after}"
        emit(func, request_id, text, is_error, *a, **k)

    lambda_svc._emit_lambda_logs = emit_marked


def _watch() -> None:
    measured: dict[str, tuple[float, tuple[int, int]]] = {}
    while True:
        time.sleep(_WATCH_SECONDS)
        # Stacks are deployed and deleted meanwhile: what fails now is there at the next look.
        with contextlib.suppress(RuntimeError, KeyError):
            _measure_queues(measured)
            _evaluate_alarms()


def _measure_queues(measured: dict[str, tuple[float, tuple[int, int]]]) -> None:
    """Measure each queue every few seconds, and when its depth has changed."""
    now = time.time()
    for url, queue in list(sqs._queues.items()):
        waits = [message["visible_at"] > now for message in list(queue["messages"])]
        depth = (waits.count(False), waits.count(True))
        at, last = measured.get(url, (0.0, None))
        if depth != last or now - at >= _MEASURE_SECONDS:
            measured[url] = (now, depth)
            _put_queue(url.rpartition("/")[2], queue, depth, now)


def _put_queue(name: str, queue: dict[str, Any], depth: tuple[int, int], now: float) -> None:
    dimensions = {"QueueName": name}
    visible, in_flight = depth
    _put("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", dimensions)
    _put("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", in_flight, "Count", dimensions)
    oldest = min(
        (each.get("enqueued_at", each["sent_at"]) for each in list(queue["messages"])), default=now
    )
    _put("AWS/SQS", "ApproximateAgeOfOldestMessage", now - oldest, "Seconds", dimensions)


def _evaluate_alarms() -> None:
    for alarm in list(cloudwatch._alarms.values()):
        try:
            state = alarm_state(alarm, _points(alarm), time.time())
        except ValueError:
            continue
        if state != alarm["StateValue"]:
            _change_state(alarm, state)


def _points(alarm: Mapping[str, Any]) -> list[tuple[float, float]]:
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = cloudwatch._metrics.get(key) or []
    return [(point["Timestamp"], point["Value"]) for point in list(points)]


def _change_state(alarm: dict[str, Any], state: str) -> None:
    before, threshold = alarm["StateValue"], alarm["Threshold"]
    reason = f"{alarm['Statistic']} of {alarm['MetricName']}, threshold {threshold}: {state}"
    alarm["StateValue"], alarm["StateReason"] = state, reason
    alarm["StateUpdatedTimestamp"] = int(time.time())
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)


def _put(
    namespace: str,
    name: str,
    value: float,
    unit: str,
    dimensions: _Dimensions,
    at: float | None = None,
) -> None:
    cloudwatch._store_datum(
        namespace, name, dict(dimensions), at or time.time(), unit, value, None, None, None
    )
