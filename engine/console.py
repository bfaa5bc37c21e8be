"""What the command line shows: a bar with time left on a terminal, sparse lines elsewhere, results as text or JSON."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from engine import protocol
from engine.protocol import Stage

_QUIET_S = 15.0  # between progress lines where there is no terminal
_err = Console(stderr=True, highlight=False, emoji=False)
_WIDE = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdigit() else 120  # where there is no terminal
_out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else max(_WIDE, 40))


def follow(stage: Stage[dict[str, Any]]) -> dict[str, Any]:
    """Run a stage to its end with progress on stderr; returns its result.

    Ctrl-C stops it between two events with its state saved, and raises KeyboardInterrupt; a second one does so at once.
    """
    asked_to_stop: list[int] = []

    def stop(number: int, _: object) -> None:
        if asked_to_stop:
            raise KeyboardInterrupt
        asked_to_stop.append(number)
        _err.print("stopping as soon as the state is saved; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, stop)
    try:
        return _follow(stage, asked_to_stop)
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(stage: Stage[dict[str, Any]], asked_to_stop: Sequence[int]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(36),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[message]}"),
    )
    with Progress(*columns, console=_err, disable=not _err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}
        started: dict[str, float] = {}
        printed = time.monotonic()
        ended: set[tuple[str, str]] = set()  # stages whose end was said
        while True:
            try:
                event = next(stage)
            except StopIteration as end:
                return dict(end.value)
            if asked_to_stop:
                stage.close()  # saves the state between two steps
                raise KeyboardInterrupt
            if isinstance(event, protocol.Progress):
                key = event.stage
                if key not in tasks:
                    tasks[key] = bars.add_task(escape(key), total=event.total, message=escape(event.message))
                    started[key] = time.monotonic()
                bars.update(tasks[key], completed=event.done, total=event.total, message=escape(event.message))
                now = time.monotonic()
                last = event.done == event.total and (event.stage, event.message) not in ended
                if not _err.is_terminal and (now - printed > _QUIET_S or last):
                    printed = now
                    if last:
                        ended.add((event.stage, event.message))
                    _err.print(escape(_line(event, now - started[key])), soft_wrap=True)
            elif isinstance(event, protocol.Note):
                _err.print(f"[yellow]{escape(event.text)}" if event.warning else escape(event.text), soft_wrap=True)


def _line(event: protocol.Progress, elapsed: float) -> str:
    left = elapsed * (event.total - event.done) / event.done if event.done else float("nan")
    ahead = f", {left:.0f} s left" if event.done and event.done < event.total else ""
    return f"{event.stage}: {event.done} of {event.total}{ahead}  {event.message}".rstrip()


def show(result: Mapping[str, Any], as_json: bool) -> None:
    """Print a result: one JSON object, or a table per list and a line per value, the summary last."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        return
    for key, value in result.items():
        if value in ([], (), {}, "") or key == "summary":
            continue
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            _out.print(_table(key, value))
        else:
            _out.print(f"{key}: {_text(value)}", soft_wrap=True)
    for line in result.get("summary", ()):
        _out.print(escape(line), soft_wrap=True)


def tell(title: str, text: str) -> None:
    """Print a text with rich's markup in a frame."""
    _out.print(Panel(text, title=title, title_align="left", padding=(1, 2), expand=False))


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    names = [name for name in rows[0] if any(row.get(name) not in (None, "", [], {}) for row in rows)]
    for name in names:
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    return "" if value is None else escape(str(value))


def say(text: str) -> None:
    """One line on stderr."""
    _err.print(escape(text), soft_wrap=True)


def complain(text: str, as_json: bool) -> None:
    """One clear line on stderr; with JSON also an object with the error, so that a script always finds one."""
    _err.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)
    if as_json:
        sys.stdout.write(msgspec.json.encode({"error": text}).decode() + "\n")
