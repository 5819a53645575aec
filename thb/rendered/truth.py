"""What only the embedded corpus knows of a clip: where its parts and its faults are. No detector may read it."""

import io
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

BACKGROUND, NECK, HAIR, FACE, MOUTH = range(5)  # codes of regions; NECK is neck, shoulders and clothes


@dataclass(frozen=True)
class Truth:
    """Per frame, at half the clip's side H: where things are."""

    regions: np.ndarray  # uint8 [T, H, H], the codes above
    artefact: np.ndarray  # bool [T, H, H]: the picture differs from the faithful one
    box: np.ndarray  # float32 [T, 4] fractions of the side: x0, y0, x1, y1 of the face
    landmarks: np.ndarray  # float32 [T, 5, 2] fractions: eyes, nose, mouth corners, viewer's left first


def pack(truth: Truth, **notes: str) -> bytes:
    """An .npz file; `notes` are short texts kept beside the arrays."""
    file = io.BytesIO()
    texts = {key: np.array(value) for key, value in notes.items()}
    np.savez_compressed(file, allow_pickle=False, **vars(truth), **texts)
    return file.getvalue()


def read(path: Path) -> Truth:
    """One clip's truth file."""
    with np.load(path) as held:
        return Truth(**{field.name: held[field.name] for field in fields(Truth)})


def read_notes(path: Path, *keys: str) -> tuple[str, ...]:
    """The texts kept beside a truth file."""
    with np.load(path) as held:
        return tuple(str(held[key]) for key in keys)
