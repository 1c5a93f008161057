"""Take the README's picture of the dashboard: `python -m dashboard`."""

import time
from datetime import timedelta
from pathlib import Path

from dashboard.drawing import draw
from dashboard.reading import Span, now, read_dashboard
from dashboard.scene import play
from e2e.deployed import deploy
from local_stack import LocalStack
from simulator.control import Simulator

PICTURE = Path(__file__).with_name("dashboard.png")
STACK = "connectwise-payments"
# The scene takes minutes, not days: a data point is for seconds, not for 5 minutes.
PERIOD_SECONDS = 5
LAST_LOOKS_SECONDS = 6.0


def main() -> None:
    """Deploy, import, draw."""
    with Simulator() as connectwise, LocalStack() as local_stack:
        parameters = {"PreventReprocessing": "true"}
        deployment = deploy(local_stack, connectwise, STACK, parameters)
        start = now()
        play(deployment, lambda step: print(step, flush=True))
        time.sleep(LAST_LOOKS_SECONDS)
        margin = timedelta(seconds=2 * PERIOD_SECONDS)
        span = Span(start - margin, now() + margin, PERIOD_SECONDS)
        widgets = read_dashboard(deployment.stack, span)
    draw(widgets, span, f"CloudWatch  ›  Dashboards  ›  {STACK}", PICTURE)
    print(f"Written: {PICTURE}")


if __name__ == "__main__":
    main()
