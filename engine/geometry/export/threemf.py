"""3MF (core specification 1.3): a zip with XML, in millimetres."""

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

from engine.geometry.export.scene import GENERATOR, Colour, Piece, Scene, encoded

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
OWN = "urn:shape-studio:export"  # namespace of the recipe among the metadata
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same shape gives the same bytes
MATERIALS = 1  # id of the colours; objects count on from it


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """One named, coloured object per piece; several are put together into one that is built, so they stay in place."""
    first = MATERIALS + 1
    whole = first + len(scene.pieces)
    colours = "".join(
        f"<base name={quoteattr(name)} displaycolor={quoteattr(_hex(piece.colour))}/>"
        for name, piece in scene.pieces.items()
    )
    objects = [
        f'<object id="{first + number}" type="model" name={quoteattr(name)} pid="{MATERIALS}" pindex="{number}">'
        f"{_mesh(piece)}</object>\n"
        for number, (name, piece) in enumerate(scene.pieces.items())
    ]
    if len(objects) > 1:
        links = "".join(f'<component objectid="{number}"/>' for number in range(first, whole))
        name = quoteattr(stem)
        objects.append(f'<object id="{whole}" type="model" name={name}><components>{links}</components></object>\n')
    model = (
        f'{XML}<model unit="millimeter" xml:lang="en" xmlns="{CORE}" xmlns:studio="{OWN}">\n'
        f'<metadata name="Application">{GENERATOR}</metadata>\n'
        f'<metadata name="studio:recipe">{escape(scene.recipe)}</metadata>\n'
        f'<resources><basematerials id="{MATERIALS}">{colours}</basematerials>\n{"".join(objects)}</resources>\n'
        f'<build><item objectid="{whole if len(objects) > 1 else first}"/></build>\n</model>\n'
    )
    return {
        ".3mf": _zip({"[Content_Types].xml": XML + TYPES, "_rels/.rels": XML + RELATIONS, "3D/3dmodel.model": model})
    }


def _mesh(piece: Piece) -> str:
    vertices = map('<vertex x="%.9g" y="%.9g" z="%.9g"/>'.__mod__, map(tuple, piece.mesh.vertices.tolist()))
    triangles = map('<triangle v1="%d" v2="%d" v3="%d"/>'.__mod__, map(tuple, piece.mesh.faces.tolist()))
    return f"<mesh><vertices>{''.join(vertices)}</vertices><triangles>{''.join(triangles)}</triangles></mesh>"


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{round(255 * min(max(encoded(value), 0), 1)):02X}" for value in colour)


def _zip(entries: dict[str, str]) -> bytes:
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return store.getvalue()
