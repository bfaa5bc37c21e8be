"""USD (optional extra ``usd``): a named mesh with a preview material per piece; metres, +Y up."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import DamagedFileError, InputError
from engine.geometry.export.scene import GENERATOR, Piece, Scene
from engine.geometry.mesh import Mesh


def require() -> None:
    """Raises InputError naming the extra when the USD library is not installed."""
    try:
        import pxr.Usd  # noqa: F401
    except ImportError as error:
        raise InputError(
            "USD needs the optional extra 'usd'; install it with: pip install 'shape-studio[usd]', or export GLB"
        ) from error


def encode(scene: Scene, stem: str, suffix: str) -> dict[str, bytes]:
    """One Mesh prim per piece below /shape, with its pivot as translation; the recipe is custom layer data.

    Names that USD does not allow are changed to ones it does; the true name is the display name.
    """
    require()
    from pxr import Gf, Tf, Usd, UsdGeom

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"shape{suffix}")
        stage = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.GetRootLayer().customLayerData = {"generator": GENERATOR, "recipe": scene.recipe}
        root = UsdGeom.Xform.Define(stage, "/shape")
        stage.SetDefaultPrim(root.GetPrim())
        taken: set[str] = set()
        for name, piece in scene.pieces.items():
            own = valid = Tf.MakeValidIdentifier(name)
            while own in taken:
                own = f"{valid}_{len(taken)}"
            taken.add(own)
            mesh = UsdGeom.Mesh.Define(stage, f"/shape/{own}")
            mesh.GetPrim().SetDisplayName(name)
            pivot = piece.mesh.bounds.mean(0)
            mesh.AddTranslateOp().Set(Gf.Vec3d(*pivot.tolist()))
            _fill(mesh, piece, pivot)
            _paint(stage, mesh, own, piece)
        stage.GetRootLayer().Save()
        return {suffix: path.read_bytes()}


def decode(path: Path, data: bytes) -> dict[str, Mesh]:
    """Meshes of a USD file by display name, in its own frame. Raises DamagedFileError."""
    from pxr import Tf, Usd, UsdGeom

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, f"shape{path.suffix.lower()}")
        copy.write_bytes(data)
        try:
            stage = Usd.Stage.Open(str(copy))
        except Tf.ErrorException as error:
            raise DamagedFileError(f"{path}: does not read back as USD; write it again") from error
        found = {}
        for prim in stage.Traverse():
            if prim.IsA(UsdGeom.Mesh):
                mesh = UsdGeom.Mesh(prim)
                matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim))
                points = np.array(mesh.GetPointsAttr().Get(), np.float64) @ matrix[:3, :3] + matrix[3, :3]
                faces = np.array(mesh.GetFaceVertexIndicesAttr().Get(), np.int32).reshape(-1, 3)
                found[prim.GetDisplayName() or prim.GetName()] = Mesh(points, faces)
        return found


def _fill(mesh: Any, piece: Piece, pivot: np.ndarray) -> None:
    from pxr import Sdf, UsdGeom, Vt

    def vectors(values: np.ndarray) -> Any:
        kind = Vt.Vec3fArray if values.shape[1] == 3 else Vt.Vec2fArray
        return kind.FromNumpy(np.ascontiguousarray(values, np.float32))

    points = piece.mesh.vertices - pivot
    faces = np.ascontiguousarray(piece.mesh.faces, np.int32)
    mesh.CreatePointsAttr(vectors(points))
    mesh.CreateExtentAttr(vectors(np.stack([points.min(0), points.max(0)])))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.ravel()))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    primvars = UsdGeom.PrimvarsAPI(mesh)
    varying = UsdGeom.Tokens.faceVarying
    if piece.normals:
        normals = primvars.CreatePrimvar("normals", Sdf.ValueTypeNames.Normal3fArray, varying)
        normals.Set(vectors(piece.normals.values))
        normals.SetIndices(Vt.IntArray.FromNumpy(np.ascontiguousarray(piece.normals.index, np.int32).ravel()))
    if piece.uvs:
        uvs = primvars.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, varying)
        uvs.Set(vectors(piece.uvs.values))
        uvs.SetIndices(Vt.IntArray.FromNumpy(np.ascontiguousarray(piece.uvs.index, np.int32).ravel()))


def _paint(stage: Any, mesh: Any, name: str, piece: Piece) -> None:
    from pxr import Gf, Sdf, UsdGeom, UsdShade

    colour = Gf.Vec3f(*piece.colour)
    mesh.CreateDisplayColorAttr([colour])
    UsdGeom.Scope.Define(stage, "/shape/materials")
    material = UsdShade.Material.Define(stage, f"/shape/materials/{name}")
    shader = UsdShade.Shader.Define(stage, f"/shape/materials/{name}/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(colour)
    shader.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(0.6)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
