"""From a person, a scene and action units to a picture and its true landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from . import head, raster, skin
from . import template as tm
from .people import Person
from .scenes import SAMPLES, Scene
from .units import INDEX, deform

IMAGE_SIZE = 160  # pixels a side


@dataclass(frozen=True)
class Model:
    """A person dressed for a session: everything that does not change from frame to frame."""

    person: Person
    scene: Scene
    rings: np.ndarray
    turning: head.Mesh  # ears, hair, glasses: turn with the head
    still: head.Mesh  # neck and shoulders
    albedo: np.ndarray
    colors: np.ndarray


def dress(person: Person, scene: Scene) -> Model:
    """Return the person in the scene's hair style, glasses and clothes.

    Examples
    --------
    >>> from .people import make_person
    >>> from .scenes import make_scene
    >>> dress(make_person(0), make_scene((0, 0, 0))).albedo.shape
    (324, 300, 3)
    """
    rings = head.skull_rings(person.face)
    parts, style = [head.ears(person.face, person.build["ears"])], scene.hair
    if not style["bald"]:
        parts.append(head.hair_cap(rings, style["volume"], style["low"], style["lift"]))
        if style["back"]:
            parts.append(head.hair_back(style["back"], 0.6 * style["volume"], style["taper"]))
    if scene.glasses:
        g = scene.glasses
        parts.append(head.glasses(person.face, g["width"], g["height"], g["round"]))
    albedo = person.skin.albedo
    if style["fringe"] and not style["bald"]:
        albedo = _fringe(albedo, person.hair, style["fringe"], scene.strands)
    frame = scene.glasses["dark"] if scene.glasses else 0.0
    colors = np.array(
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], person.hair, scene.cloth, [frame] * 3, [scene.pattern, 0, 0]]
    )
    still = head.neck_and_shoulders(person.build["neck"], person.build["shoulders"])
    return Model(person, scene, rings, head.join(parts), still, albedo, colors)


def _fringe(albedo: np.ndarray, hair: np.ndarray, amount: float, strands: np.ndarray) -> np.ndarray:
    """Return the albedo with hair painted on the upper forehead, down to a ragged line."""
    x, y = skin.plane()
    edge = (
        0.62
        - 0.42 * amount
        + 0.05 * cv2.resize(strands[:1].astype(np.float32), (skin.WIDTH, 1), interpolation=cv2.INTER_CUBIC)
    )
    cover = np.clip((y - edge - 0.10 * np.square(x / 0.6)) / 0.05, 0, 1)[..., None].astype(np.float32)
    return albedo * (1 - cover) + hair.astype(np.float32) * cover


def project(points: np.ndarray, scene: Scene, size: int) -> np.ndarray:
    """Return picture coordinates (N, 3) in pixels of a `size` picture, y down, larger z nearer.

    Parameters
    ----------
    points : (N, 3) in face units, turned as the camera sees them
    scene : gives place, size and distance
    size : pixels a side
    """
    zoom = scene.distance / (scene.distance - points[:, 2:3])
    scale = scene.size * size
    xy = scene.place * size + points[:, :2] * zoom * [scale, -scale]
    return np.column_stack([xy, points[:, 2] * scale])


def _eyes(person: Person, face: np.ndarray, gaze: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shader rows of both eyes (2, 12) and the iris landmarks (10, 3) in head coordinates."""
    rows, points = [], np.zeros((10, 3))
    # the rest face places the eyeballs; lids slide over them
    for k, (curve, first) in enumerate(((tm.UPPER_LID, 468), (tm.mirrored(tm.UPPER_LID), 473))):
        low = tm.LOWER_LID if k == 0 else tm.mirrored(tm.LOWER_LID)
        ring = person.face[list(curve) + list(low)]
        center = np.array([ring[:, 0].mean(), ring[:, 1].mean() + 0.008, ring[:, 2].mean() - 0.09])
        radius = person.eye["radius"]
        gx, gy = np.sin(np.radians(gaze))
        middle = center + radius * np.array([gx, gy, np.sqrt(max(0.0, 1 - gx**2 - gy**2))])
        r = radius * person.eye["iris"]
        # MediaPipe's order: center, then the rim: right, top, left, bottom (mirrored for the other eye)
        side = 1 if k == 0 else -1
        points[first - 468 : first - 463] = middle + r * np.array(
            [[0, 0, 0], [side, 0, 0], [0, 1, 0], [-side, 0, 0], [0, -1, 0]]
        )
        rows.append([center[0], center[1], center[2], radius, gx, gy, person.eye["iris"], 0.42,
                     *person.iris, person.eye["white"]])  # fmt: skip
    return np.array(rows), points


def _mouth(person: Person, face: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the shader's description of teeth and tongue, in head coordinates."""
    stomion = (person.face[13, 1] + person.face[14, 1]) / 2
    jaw = person.face[152, 1] - face[152, 1]
    chin = 0.35 * max(left[INDEX["AU17"]], right[INDEX["AU17"]]) * 0.06
    white = person.mouth["white"] * np.array([1.0, 0.95, 0.84])
    edge = stomion - person.mouth["show"] - 0.022
    return np.array(
        [
            edge,
            edge - 0.004 - max(0.0, 0.92 * (jaw + chin)),
            0.255,
            person.mouth["tooth"] * 1.15,
            0.115,
            *white,
            0.10,
        ]
    )


def frame(
    model: Model, left: np.ndarray, right: np.ndarray, pose: np.ndarray, gaze: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Render one frame.

    Parameters
    ----------
    model : the person as dressed for the session
    left, right : (U,) action-unit intensities in [0, 1] on the two sides of the picture
    pose : (3,) pitch, yaw, roll in degrees
    gaze : (2,) degrees, to the picture's right and up

    Returns
    -------
    linear light (SAMPLES, SAMPLES, 3) float32, and true landmarks (478, 3) float32 in pixels of a
    picture of `IMAGE_SIZE`, y down, z as MediaPipe's (smaller is nearer)
    """
    person, scene = model.person, model.scene
    face = deform(person.face, left, right)
    eyes, irises = _eyes(person, face, gaze)
    face[468:] = irises
    core = head.face_points(face, model.rings)
    turn = Rotation.from_euler("zyx", [-pose[2], pose[1], -pose[0]], degrees=True).as_matrix()
    pivot = np.array([0, -0.75, -0.75])
    unposed = np.concatenate([core, model.turning.points])
    moving = (unposed - pivot) @ turn.T + pivot
    points = np.concatenate([moving, model.still.points])
    tri, uv, material = _topology(model, len(core), len(moving))
    normals = raster.vertex_normals(points, tri)
    screen = project(points, scene, SAMPLES)
    ids, bary = raster.rasterize(screen, tri, SAMPLES)
    weights = np.array([1.0] + [max(left[INDEX[u]], right[INDEX[u]]) for u in skin.FURROW_UNITS])
    slopes = raster.mix_slopes(person.skin.slopes, person.skin.boxes, weights)
    image = scene.background.copy()
    raster.shade(image, ids, bary, tri, material, uv, normals,
                 np.concatenate([unposed, model.still.points]), turn, model.albedo, person.skin.gloss, slopes,
                 skin.SCALE, head.UV_LOW[0], head.UV_HIGH[1], scene.light, eyes,
                 _mouth(person, face, left, right), model.colors, scene.strands)  # fmt: skip
    landmarks = project((face - pivot) @ turn.T + pivot, scene, IMAGE_SIZE)
    return image, (landmarks * [1, 1, -1]).astype(np.float32)


def _topology(model: Model, core: int, moving: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return triangles, uv and material of the whole picture, for points in the order of `frame`."""
    tri, uv, material = head.face_topology()
    t, s = model.turning, model.still
    return (np.concatenate([tri, t.triangles + core, s.triangles + moving]), np.concatenate([uv, t.uv, s.uv]),
            np.concatenate([material, t.material, s.material]))  # fmt: skip


def expose(linear: np.ndarray, camera: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Return what the camera makes of linear light: (IMAGE_SIZE, IMAGE_SIZE, 3) uint8 RGB, before JPEG.

    Parameters
    ----------
    linear : (SAMPLES, SAMPLES, 3) float32, 1 is white at gain 1
    camera : a scene's camera, and its `gain`
    rng : where the noise comes from
    """
    small = cv2.resize(linear, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
    small = small * np.array([camera["red"], 1.0, camera["blue"]], np.float32) * np.float32(camera["gain"])
    r = np.linspace(-1, 1, IMAGE_SIZE, dtype=np.float32)
    small *= (1 - camera["vignette"] * 0.5 * (r[:, None] ** 2 + r[None] ** 2))[..., None]
    if camera["grey"]:
        small[:] = small.mean(-1, keepdims=True)
    out = np.clip(small, 0, 1) ** np.float32(camera["gamma"] / 2.2)
    out = cv2.GaussianBlur(out, (0, 0), camera["blur"]) * 255
    out += rng.standard_normal(out.shape, dtype=np.float32) * np.float32(camera["noise"])
    return np.clip(out, 0, 255).astype(np.uint8)


def metered(camera: dict[str, float], linear: np.ndarray, landmarks: np.ndarray) -> dict[str, float]:
    """Return the camera with the `gain` that its `exposure` asks for; arrays as in `auto_gain`."""
    return {**camera, "gain": auto_gain(linear, landmarks, camera["exposure"])}


def auto_gain(linear: np.ndarray, landmarks: np.ndarray, target: float) -> float:
    """Return the gain that puts the face's mean brightness at `target` (display scale, 0 to 1).

    Parameters
    ----------
    linear : (SAMPLES, SAMPLES, 3) linear light
    landmarks : (478, 3) pixels of a picture of `IMAGE_SIZE`

    Examples
    --------
    >>> dark = np.full((SAMPLES, SAMPLES, 3), 0.1, np.float32)
    >>> box = np.array([[40.0, 40, 0], [120, 120, 0]])[np.arange(478) % 2]
    >>> round((0.1 * auto_gain(dark, box, 0.5)) ** (1 / 2.2), 3)
    0.5
    """
    k = SAMPLES / IMAGE_SIZE
    x, y = landmarks[list(tm.OVAL), 0] * k, landmarks[list(tm.OVAL), 1] * k
    box = linear[max(0, int(y.min())) : int(y.max()), max(0, int(x.min())) : int(x.max())]
    return float(target**2.2 / max(float(box.mean()), 1e-3)) if box.size else 1.0
