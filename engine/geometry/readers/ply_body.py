"""Records of a PLY file by element, text and binary. Nothing is allocated for records that the file has no room for."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.readers.text import doubles, integers, numbers, plain


@dataclass(frozen=True)
class Property:
    """A number, or with ``count_type`` a list of numbers, of each record; types as numpy codes."""

    name: str
    type: str
    count_type: str = ""


@dataclass(frozen=True)
class Element:
    """A table of the file: so many records with these properties."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    """One property of all records: ``values`` in turn, ``sizes`` (N,) how many each record has."""

    values: NDArray[np.float64]
    sizes: NDArray[np.int64]


def _missing(element: Element, held: int) -> MeshError:
    return MeshError(
        f"the header claims {element.count:,} records of {element.name!r}, but {element.count - held:,} of them are missing; "
        "the file is cut short or damaged: get it again"
    )


class Text:
    """Body of a text file, taken as a stream of numbers."""

    def __init__(self, body: bytes) -> None:
        self.values = numbers(plain(body))
        self.place = 0

    def table(self, element: Element) -> dict[str, Column]:
        """All records of the next element."""
        properties, count = element.properties, element.count
        if not properties or not count:
            return _no_columns(element)
        if any(item.count_type for item in properties):
            return self._walk(element)
        width = len(properties)
        held = (len(self.values) - self.place) // width
        if held < count:
            raise _missing(element, held)
        block = self.values[self.place : self.place + count * width].reshape(count, width)
        self.place += count * width
        return {item.name: Column(block[:, place], np.ones(count, int)) for place, item in enumerate(properties)}

    def _walk(self, element: Element) -> dict[str, Column]:
        whole = integers(self.values[self.place :], -1).tolist()
        starts: dict[str, list[int]] = {item.name: [] for item in element.properties}
        sizes: dict[str, list[int]] = {item.name: [] for item in element.properties}
        shape = [(bool(item.count_type), starts[item.name], sizes[item.name]) for item in element.properties]
        place = 0
        for record in range(element.count):
            for is_list, start, size in shape:
                if place >= len(whole):
                    raise _missing(element, record)
                length = whole[place] if is_list else 1
                place += is_list
                if length < 0 or place + length > len(whole):
                    raise _missing(element, record)
                start.append(place)
                size.append(length)
                place += length
        values = self.values[self.place :]
        self.place += place
        return {
            name: _gather(values, np.array(starts[name], np.int64), np.array(sizes[name], np.int64)) for name in starts
        }


class Binary:
    """Body of a binary file."""

    def __init__(self, data: bytes, start: int, order: str) -> None:
        self.data, self.place, self.order = data, start, order

    def table(self, element: Element) -> dict[str, Column]:
        """All records of the next element."""
        if not element.properties or not element.count:
            return _no_columns(element)
        smallest = sum(np.dtype(item.count_type or item.type).itemsize for item in element.properties)
        held = (len(self.data) - self.place) // smallest
        if held < element.count:
            raise _missing(element, held)
        return self._alike(element) or self._walk(element)

    def _alike(self, element: Element) -> dict[str, Column] | None:
        """All records at once when their lists are as long as those of the first one."""
        lengths, place = [], self.place
        for item in element.properties:
            length = 1
            if item.count_type:
                kind = np.dtype(self.order + item.count_type)
                if place + kind.itemsize > len(self.data):
                    return None
                length = int(np.frombuffer(self.data, kind, 1, place)[0])
                place += kind.itemsize
            if length < 0 or length > len(self.data):
                return None
            lengths.append(length)
            place += length * np.dtype(item.type).itemsize
        if (place - self.place) * element.count > len(self.data) - self.place:
            return None
        fields: list[Any] = []
        for number, (item, length) in enumerate(zip(element.properties, lengths, strict=True)):
            if item.count_type:
                fields.append((f"n{number}", self.order + item.count_type))
            fields.append((f"v{number}", self.order + item.type, (length,)))
        records = np.frombuffer(self.data, np.dtype(fields), element.count, self.place)
        columns = {}
        for number, (item, length) in enumerate(zip(element.properties, lengths, strict=True)):
            if item.count_type and (records[f"n{number}"] != length).any():
                return None
            values = doubles(records[f"v{number}"]).ravel()
            columns[item.name] = Column(values, np.full(element.count, length))
        self.place = place + (place - self.place) * (element.count - 1)
        return columns

    def _walk(self, element: Element) -> dict[str, Column]:
        starts: list[list[int]] = [[] for _ in element.properties]
        sizes: list[list[int]] = [[] for _ in element.properties]
        big = "big" if self.order == ">" else "little"
        shape = []
        for item, start, size in zip(element.properties, starts, sizes, strict=True):
            width = np.dtype(item.count_type).itemsize if item.count_type else 0
            shape.append((width, item.count_type[:1] == "i", np.dtype(item.type).itemsize, start, size))
        data, place, end = self.data, self.place, len(self.data)
        for record in range(element.count):
            for width, signed, step, start, size in shape:
                length = int.from_bytes(data[place : place + width], big, signed=signed) if width else 1  # type: ignore[arg-type]
                place += width
                if length < 0 or place + length * step > end:
                    raise _missing(element, record)
                start.append(place)
                size.append(length)
                place += length * step
        self.place = place
        columns = {}
        for item, start, size in zip(element.properties, starts, sizes, strict=True):
            kind = np.dtype(self.order + item.type)
            bytes_of = _gather(
                np.frombuffer(data, np.uint8), np.array(start, np.int64), np.array(size, np.int64) * kind.itemsize
            )
            values = doubles(bytes_of.values.view(kind))
            columns[item.name] = Column(values, np.array(size, np.int64))
        return columns


def _no_columns(element: Element) -> dict[str, Column]:
    return {item.name: Column(np.zeros(0), np.zeros(0, int)) for item in element.properties}


def _gather(values: NDArray, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Column:
    """The runs of ``sizes`` values from ``starts`` on, one after the other."""
    first = np.cumsum(sizes) - sizes
    return Column(values[np.repeat(starts - first, sizes) + np.arange(sizes.sum())], sizes)
