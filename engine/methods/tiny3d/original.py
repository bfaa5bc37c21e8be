"""Models of the original, ``config.json`` and ``weights.pt`` in one folder, as denoisers of this method.

The network keeps the original's faults (``network=published``), since its weights were learned with them. Its clouds stand
with +Z up; the turn to +Y up is worked into the first and the last layer, which changes nothing else.
"""

from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.foreign.load import open_foreign
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.settings import PointDenoiserSettings

UP = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (3, 3) the original's axes -> canonical: x, z, -y
CAPTION = "c_embed.weight"  # (width, numbers of CLIP's feature)
OTHERS = "clip."  # weights of the text encoder, which may lie in the same file


class _Steps(msgspec.Struct, frozen=True):
    num_timesteps: int = 1000
    schedule_type: str = "linear"


class _Network(msgspec.Struct, frozen=True):
    depth: int
    hidden_size: int
    num_heads: int
    dim: int = 3
    mlp_ratio: float = 4.0
    learn_sigma: bool = False


class _Config(msgspec.Struct, frozen=True):
    """What counts of the original's config.json; samplers and CLIP's name do not change the network."""

    model: _Network
    noise_scheduler: _Steps = _Steps()
    min_snr_loss_weight: bool = False
    min_snr_gamma: float = 5.0


def read_original(folder: Path) -> PointDenoiser:
    """The denoiser in a folder. Its captions are CLIP's pooled text features as they are, neither of unit length nor
    scaled: hand them to ``x0`` as ``text``. Raises InputError for files that are something else, and for other networks.
    """
    settings = _settings(folder / "config.json")
    opened = open_foreign(folder / "weights.pt")
    state = {name: tensor.float() for name, tensor in opened.tensors.items() if not name.startswith(OTHERS)}
    if CAPTION not in state or "null_token" not in state:
        raise InputError(f"{opened.path}: it has no {CAPTION} or no null_token, so it does not read captions")
    dim = state[CAPTION].shape[-1]
    found = PointDenoiser(settings, nn.Identity(), dim)
    nothing = state.pop("null_token").flatten()
    own = {name: tuple(tensor.shape) for name, tensor in found.network.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if odd := sorted(name for name in own.keys() | theirs.keys() if own.get(name) != theirs.get(name)):
        name = odd[0]
        raise InputError(
            f"{opened.path} does not fit its config.json: {name} should be {own.get(name, 'absent')} and is "
            f"{theirs.get(name, 'absent')}; give the two files of one model"
        )
    found.network.load_state_dict(_turned(state))
    with torch.no_grad():
        found.nothing.copy_(nothing)
    return found.requires_grad_(False).eval()


def _settings(path: Path) -> PointDenoiserSettings:
    if not path.is_file():
        raise InputError(f"there is no {path}; a model of the original is a folder with config.json and weights.pt")
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_Config)
        found = {
            "network": "published",
            "width": config.model.hidden_size,
            "layers": config.model.depth,
            "heads": config.model.num_heads,
            "predict": "eps",
            "schedule": config.noise_scheduler.schedule_type,
            "timesteps": config.noise_scheduler.num_timesteps,
            "spread": False,
            "min_snr": config.min_snr_gamma if config.min_snr_loss_weight else 0.0,
            "drop": "batch",
        }
        settings = msgspec.convert(found, PointDenoiserSettings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} does not describe a model of the original ({error})") from error
    if (config.model.dim, config.model.mlp_ratio, config.model.learn_sigma) != (3, 4, False):
        raise InputError(f"{path}: only networks over x, y, z, four times as wide inside and without sigma can be read")
    return settings


def _turned(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights for points and noise in canonical axes."""
    turned = {
        "x_embed.weight": state["x_embed.weight"] @ UP.T,
        "out_layer.linear.weight": UP @ state["out_layer.linear.weight"],
        "out_layer.linear.bias": UP @ state["out_layer.linear.bias"],
    }
    return state | turned
