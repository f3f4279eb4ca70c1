"""The photo: the sheet on a table, in a light, with blur and noise."""

import cv2
import numpy as np

from benchmarks.simulate.camera import Camera, Table, View, corners
from benchmarks.simulate.surface import BAND, enlarged

LIGHT_SIDE = 1024  # longer side of the map of light and shadow, which is smooth
TABLE_SIDE = 2048


def lay_on_table(sheet: np.ndarray, camera: Camera, view: View, rng: np.random.Generator) -> np.ndarray:
    """The sheet in perspective over the table, uint8 RGB."""
    flat = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, view.scale]]) / view.scale  # pixel centres to mm
    flat[:2, 2] += [view.left, view.top]
    to_pixels = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    matrix = to_pixels @ view.matrix @ flat
    size = view.width, view.height
    if camera.table is None:
        return cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    table = _table(camera.table, view, rng)
    return cv2.warpPerspective(
        sheet, matrix, size, dst=table, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )


def _table(kind: Table, view: View, rng: np.random.Generator) -> np.ndarray:
    """A table top with the shadow that the sheet casts on it."""
    shrink = min(1.0, TABLE_SIDE / max(view.width, view.height))
    width, height = max(1, round(shrink * view.width)), max(1, round(shrink * view.height))
    tone = rng.uniform(0.85, 1.15)
    colour = {"dark": (58, 54, 52), "wood": (158, 112, 72), "light": (206, 203, 198)}[kind]
    clouds = cv2.resize(rng.normal(0, 1, (8, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    surface = 1 + 0.03 * clouds
    if kind == "wood":  # fibres along one side, bent by slow waves
        rings = 14 * np.linspace(0, 1, height, dtype=np.float32)[:, None] + 0.9 * clouds
        fibres = cv2.resize(rng.normal(0, 1, (height, 6)).astype(np.float32), (width, height))
        surface += 0.09 * np.sin(2 * np.pi * rings) + 0.05 * fibres
    else:
        surface += 0.02 * rng.standard_normal(surface.shape, np.float32)
    edge = corners(0, 0, view.columns, view.lines) / view.scale + [view.left, view.top]
    away = 0.006 * max(width, height)
    under = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(under, np.round(shrink * view.project(edge) + away).astype(np.int32), (1.0,))
    surface *= 1 - 0.35 * cv2.GaussianBlur(under, (0, 0), max(0.5, away))
    small = np.clip(surface[..., None] * (tone * np.array(colour, np.float32)), 0, 255).astype(np.uint8)
    return cv2.resize(small, (view.width, view.height), interpolation=cv2.INTER_LINEAR)


def expose(scene: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Light, blur and noise, written over ``scene``."""
    height, width = scene.shape[:2]
    light = _light(width, height, camera, rng)
    warm, cold = max(0.0, camera.warmth), max(0.0, -camera.warmth)
    tint = 1 - 0.22 * cold, 1 - 0.1 * warm - 0.05 * cold, 1 - 0.4 * warm
    if camera.blur > 0:
        cv2.GaussianBlur(scene, (0, 0), camera.blur, dst=scene)
    for top in range(0, height, BAND):
        part = slice(top, min(top + BAND, height))
        lit = enlarged(light, part, width, height)
        noise, colour_noise = _noise(lit.shape, rng)
        noise *= camera.noise * np.sqrt(0.3 + 0.7 * lit)  # photons: darker parts are noisier for their brightness
        for channel in range(3):
            value = scene[part, :, channel] * (lit * tint[channel]) + noise
            value += 0.4 * camera.noise * colour_noise[..., channel]
            scene[part, :, channel] = np.clip(value + 0.5, 0, 255)
    return scene


def _light(width: int, height: int, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """How much light falls where, float32, small; 1 where nothing takes any away."""
    shrink = min(1.0, LIGHT_SIDE / max(width, height))
    columns, lines = max(1, round(shrink * width)), max(1, round(shrink * height))
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, lines, dtype=np.float32)[:, None]
    direction = rng.uniform(0, 2 * np.pi)
    towards = (np.cos(direction) * x + np.sin(direction) * y) / (abs(np.cos(direction)) + abs(np.sin(direction)))
    light = camera.exposure * (1 - camera.gradient * (1 + towards) / 2)
    light *= 1 - camera.vignetting * ((x**2 + y**2) / 2) ** 1.2
    # drawn in any case, so that a shadow changes nothing else
    middle, angle, reach = rng.uniform(-0.5, 0.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.5)
    if camera.shadow > 0:
        shade = _shade(columns, lines, float(middle), float(angle), float(reach))
        softness = max(0.3, camera.shadow_edge * max(columns, lines) / 2)
        light *= 1 - camera.shadow * cv2.GaussianBlur(shade, (0, 0), softness)
    return light.astype(np.float32)


def _shade(columns: int, lines: int, middle: float, angle: float, reach: float) -> np.ndarray:
    """Where a hand holding a phone stands in the light: an arm that comes in from one side, a phone at its end."""
    shade = np.zeros((lines, columns), np.float32)
    half = max(columns, lines) / 2
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    centre = np.array([columns, lines]) / 2 + half * middle * across
    for begin, end, wide in ((reach, 3.0, 0.22), (reach - 0.25, reach + 0.35, 0.42)):
        corners = ((begin, -wide), (begin, wide), (end, wide), (end, -wide))
        outline = np.array([centre + half * (far * along + side * across) for far, side in corners])
        cv2.fillConvexPoly(shade, np.round(outline).astype(np.int32), (1.0,))
    rounded = cv2.GaussianBlur(shade, (0, 0), 0.1 * half)  # hands have no corners
    return (rounded > 0.45).astype(np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Brightness noise of shape (H, W) and coarser colour noise of shape (H, W, 3), standard deviation 1 each.

    Phones smooth the noise away, colour more than brightness: what is left is blotchy.
    """
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.6) * np.float32(2.1)
    coarse = rng.standard_normal((shape[0] // 4 + 1, shape[1] // 4 + 1, 3), np.float32)
    return noise, cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR) * np.float32(1.5)
