"""How much a mesh file may hold. What a header claims is compared with this, and with the file, before allocating."""

import msgspec

from engine.errors import MeshError


class Limits(msgspec.Struct, frozen=True):
    """Bounds for one file.

    file_bytes : size of the file, and of what it unpacks to
    faces : triangles after polygons are cut and scene nodes are copied out; also bounds the vertices, at three a face
    """

    file_bytes: int = 2 * 2**30
    faces: int = 50_000_000


LIMITS = Limits()


def check_bytes(size: int, limits: Limits) -> None:
    """Raises MeshError when a file, or what it unpacks to, is larger than ``limits`` allow."""
    if size > limits.file_bytes:
        most = f"{limits.file_bytes / 2**20:,.0f} MB"
        raise MeshError(f"{size / 2**20:,.0f} MB is more than the {most} that are read; split or simplify the model")


def check_faces(count: int, limits: Limits) -> None:
    """Raises MeshError when a file has more triangles than ``limits`` allow."""
    if count > limits.faces:
        raise MeshError(f"{count:,} faces are more than the {limits.faces:,} that are read; simplify the model first")


def check_vertices(count: int, limits: Limits) -> None:
    """Raises MeshError when a file has more vertices than ``limits`` allow, which is three for a face."""
    if count > 3 * limits.faces:
        raise MeshError(f"{count:,} vertices are more than the {3 * limits.faces:,} that are read; simplify the model")


def check_claim(what: str, claimed: int, room: int) -> None:
    """Raises MeshError when a header promises more of ``what`` than the file has ``room`` for."""
    if claimed > room:
        raise MeshError(
            f"the header claims {claimed:,} {what}, but the file is so small that it holds at most {room:,}; "
            "it is cut short or damaged: get it again or save it anew"
        )
