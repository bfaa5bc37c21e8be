"""The stage of a MeshJob: surfaces laid through clouds, kept as items of the project."""

import time
from typing import Any

from engine.clouds.cloud import PointCloud
from engine.datasets.keeping import keep_geometry
from engine.datasets.paint import write_paint
from engine.errors import InputError, MeshError
from engine.geometry.crumbs import shells
from engine.geometry.export.paint import Paint
from engine.geometry.from_cloud import CloudMesh, mesh_of_cloud
from engine.geometry.judge import judge
from engine.geometry.mesh import Geometry
from engine.jobs import GenerateJob, MeshJob
from engine.method import Workspace
from engine.opened import Opened, open_shapes
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.rows import MADE, ItemRow
from engine.text.asking import category_of, prompt_of

KIND = "surface"  # of items that were laid through clouds of the project


def mesh_clouds(job: MeshJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Clouds -> items with a surface, one by one; a cloud that bounds nothing does not keep the others."""
    made, refused = [], {}
    for opened in (yield from open_shapes(job.shapes, project, work)):
        name = opened.row.id
        try:
            cloud = cloud_of(opened)
            found = yield from mesh_of_cloud(cloud.points, None, job.settings)
        except MeshError as error:
            refused[name] = str(error)
            yield Note(text=f"{name}: {error}", warning=True)
            continue
        for note in found.notes:
            yield Note(text=f"{name}: {note}")
        item = _kept(opened, cloud, found, project)
        yield Saved(kind="item", path=str(project.geometry_path(item).parent))
        made.append(
            {
                "id": item,
                "shape": name,
                "watertight": found.watertight,
                "shells": len(shells(found.mesh)),
                "faces": len(found.mesh.faces),
                "notes": list(found.notes),
            }
        )
    if not made:
        raise MeshError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    return {"run": job.run, "items": made, "refused": refused}


def cloud_of(opened: Opened) -> PointCloud:
    """The points that a shape is. Raises InputError for a shape that is a surface."""
    decoded = opened.decoded()
    if not isinstance(decoded, PointCloud):
        raise InputError(
            f"{opened.row.id} is no cloud, it has a surface already; name a shape that was drawn as points"
        )
    return decoded


def asked_of(run: str, project: Project) -> tuple[str, str]:
    """The prompt that the shapes of a run were drawn with, and the category that it names; "" and "" of other runs."""
    job = project.job(run)
    prompt = prompt_of(job.changes) if isinstance(job, GenerateJob) else ""
    return prompt, category_of(prompt)


def _kept(opened: Opened, cloud: PointCloud, found: CloudMesh, project: Project) -> str:
    """The surface as an item of the project in the cloud's colours, the same one when it is meshed again -> its id."""
    row = opened.row
    item = f"{row.id.replace('/', '-')}-mesh"
    prompt, category = asked_of(row.run, project)
    judged = judge(found.mesh, found.notes, False, 0.0, {})
    folder = project.geometry_path(item).parent
    hash_ = keep_geometry(folder, Geometry(found.mesh, closed=found.watertight))
    if cloud.colours is not None:
        write_paint(folder, Paint(cloud.points[found.kept], cloud.colours[found.kept]))
    project.catalogue.add_items(
        [
            ItemRow(
                id=item,
                kind=KIND,
                category=category,
                path=row.id,
                hash=hash_,
                verdict=judged.verdict,
                reason=judged.reason,
                split=MADE,
                usable=judged.usable,
                report=dict(judged.numbers),
                captions=(prompt,) if prompt else (),
                origin="; ".join(dict.fromkeys(one.origin for one in opened.card.sources if one.origin)),
                licence="; ".join(dict.fromkeys(one.licence for one in opened.card.sources if one.licence)),
                added=time.time(),
            )
        ]
    )
    return item
