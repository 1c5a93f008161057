"""Draw widgets as CloudWatch lays them out: a grid of 24 columns."""

from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no window

from matplotlib import dates, pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dashboard.reading import Series, Span, Widget

_UNIT_INCHES = (0.52, 0.36)
_HEAD_INCHES = 0.45
_DOTS_PER_INCH = 96
_COLUMNS = 24
_PAGE, _CARD, _LINE, _INK, _FAINT = "#f2f3f3", "#ffffff", "#d5dbdb", "#16191f", "#687078"
_STATES = {"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#879596"}
_LEVELS = {"ERROR": "#d13212", "WARNING": "#b35900"}
_LETTERS_PER_UNIT = 8.3
_COLUMN_UNITS = {"@timestamp": 1.9, "level": 1.5, "key": 3.6, "what": 3.6, "fault": 2.4}


def draw(widgets: list[Widget], span: Span, title: str, path: Path) -> None:
    """Write the picture."""
    rows = max(widget.y + widget.height for widget in widgets)
    width, height = _COLUMNS * _UNIT_INCHES[0], rows * _UNIT_INCHES[1] + _HEAD_INCHES
    with pyplot.rc_context({"font.size": 8, "text.color": _INK, "font.family": "DejaVu Sans"}):
        figure = pyplot.figure(figsize=(width, height), dpi=_DOTS_PER_INCH, facecolor=_PAGE)
        figure.text(0.008, 1 - 0.22 / height, title, fontsize=10, weight="bold", va="center")
        for widget in widgets:
            _draw_widget(figure, widget, span, height)
        figure.savefig(path, pil_kwargs={"optimize": True})
        pyplot.close(figure)


def _draw_widget(figure: Figure, widget: Widget, span: Span, height: float) -> None:
    left, top = widget.x / _COLUMNS, 1 - (_HEAD_INCHES + widget.y * _UNIT_INCHES[1]) / height
    size = (widget.width / _COLUMNS, widget.height * _UNIT_INCHES[1] / height)
    card = figure.add_axes((left + 0.004, top - size[1] + 0.004, size[0] - 0.008, size[1] - 0.008))
    card.set(xticks=[], yticks=[], xlim=(0, widget.width), ylim=(widget.height, 0))
    card.set_facecolor(_CARD)
    for spine in card.spines.values():
        spine.set_color(_LINE)
    card.text(0.25, 0.55, widget.title, weight="bold", va="center", fontsize=8.5)
    match widget.kind:
        case "metric":
            inner = (0.75 / widget.width, 1.35 / widget.height)
            box = card.get_position()
            _draw_chart(
                figure.add_axes(
                    (
                        box.x0 + inner[0] * box.width,
                        box.y0 + inner[1] * box.height,
                        box.width * (1 - inner[0] - 0.6 / widget.width),
                        box.height * (1 - inner[1] - 1.1 / widget.height),
                    )
                ),
                widget.series,
                span,
            )
        case "alarm":
            _draw_alarms(card, widget)
        case "log":
            _draw_rows(card, widget)


def _draw_chart(axes: Axes, series: list[Series], span: Span) -> None:
    for each in series:
        moments, values = _with_gaps(each.points, span)
        axes.plot(
            dates.date2num(moments), values, color=each.color, label=each.label,
            marker="o", markersize=2.5, linewidth=1.3,
        )  # fmt: skip
    axes.set_xlim(dates.date2num(span.start), dates.date2num(span.end))
    axes.set_ylim(bottom=0, top=None if _has_values(series) else 1)
    axes.margins(y=0.1)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S", tz=UTC))
    axes.xaxis.set_major_locator(dates.SecondLocator(bysecond=[0, 30], tz=UTC))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    axes.tick_params(colors=_FAINT, labelsize=7, length=0)
    axes.grid(axis="y", color=_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.03, -0.1), ncols=4, frameon=False, fontsize=7.5,
        handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip


def _has_values(series: list[Series]) -> bool:
    return any(value for each in series for value in each.points.values())


def _with_gaps(
    points: dict[datetime, float], span: Span
) -> tuple[list[datetime], list[float | None]]:
    """Return a value for each period; CloudWatch leaves a gap where nothing was measured."""
    step = timedelta(seconds=span.period_seconds)
    if not points:
        return [], []
    first = min(points)
    moments = list(takewhile(lambda each: each <= max(points), (first + n * step for n in count())))
    return moments, [points.get(moment) for moment in moments]


def _draw_alarms(card: Axes, widget: Widget) -> None:
    step = (widget.width - 0.4) / len(widget.alarms)
    for number, (name, state) in enumerate(widget.alarms.items()):
        corner = (0.25 + number * step, 1.0)
        color = _STATES[state]
        card.add_patch(
            FancyBboxPatch(
                corner, step - 0.2, 0.75, boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=color if state == "ALARM" else _CARD, edgecolor=color,
            )
        )  # fmt: skip
        text = "white" if state == "ALARM" else color
        card.text(
            corner[0] + (step - 0.2) / 2, 1.38, f"{name}: {state}",
            color=text, fontsize=7, ha="center", va="center",
        )  # fmt: skip


def _draw_rows(card: Axes, widget: Widget) -> None:
    lefts = _column_lefts(widget)
    for name, left in zip(widget.columns, lefts, strict=False):
        card.text(left, 1.25, name, color=_FAINT, fontsize=7, va="center")
    card.axhline(1.6, color=_LINE, linewidth=0.6)
    fitting = int((widget.height - 1.8) / 0.6)
    for number, row in enumerate(widget.rows[:fitting]):
        for column, (name, value) in enumerate(zip(widget.columns, row, strict=True)):
            end = next((n for n in range(column + 1, len(row)) if row[n] != ""), len(row))
            room = int((lefts[end] - lefts[column]) * _LETTERS_PER_UNIT) - 1
            card.text(
                lefts[column], 2.0 + 0.6 * number, _shown(name, value, room),
                fontsize=7, va="center", color=_LEVELS.get(str(value), _INK), parse_math=False,
            )  # fmt: skip


def _column_lefts(widget: Widget) -> list[float]:
    """Return where each column begins, and where the last one ends; `reason` has what is left."""
    known = sum(_COLUMN_UNITS.get(name, 0) for name in widget.columns)
    lefts = [0.25]
    for name in widget.columns:
        lefts.append(lefts[-1] + _COLUMN_UNITS.get(name, widget.width - 0.5 - known))
    return lefts


def _shown(name: str, value: Any, room: int) -> str:
    if name == "@timestamp":
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%H:%M:%S")
    text = " ".join(str(value).split())
    return text if len(text) <= room else f"{text[: room - 1]}…"
