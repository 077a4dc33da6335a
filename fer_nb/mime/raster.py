"""A small software renderer: triangles to a depth buffer, then one shading step per visible pixel.

Compiled by numba; a frame of 320 x 320 samples takes a few milliseconds on one core.
"""

from __future__ import annotations

import numpy as np
from numba import njit

EYE, MOUTH, HAIR, CLOTH, FRAME = 1, 2, 3, 4, 5


@njit(cache=True)
def rasterize(screen, triangles, size):  # type: ignore[no-untyped-def]
    """Return triangle ids (S, S), -1 for background, and two barycentric weights (S, S, 2).

    Parameters
    ----------
    screen : (N, 3) pixels from the left and from the top, and nearness: larger hides smaller
    triangles : (M, 3) point numbers, in either turn
    size : S, pixels a side; what lies outside is cut off
    """
    ids = np.full((size, size), -1, np.int32)
    depth = np.full((size, size), -1e9, np.float32)
    bary = np.zeros((size, size, 2), np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = (
            screen[a, 0],
            screen[a, 1],
            screen[b, 0],
            screen[b, 1],
            screen[c, 0],
            screen[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        x0, x1 = max(0, int(np.floor(min(ax, bx, cx)))), min(size - 1, int(np.ceil(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.floor(min(ay, by, cy)))), min(size - 1, int(np.ceil(max(ay, by, cy))))
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                w1 = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) * inverse
                w2 = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) * inverse
                if w1 < -1e-6 or w2 < -1e-6 or w1 + w2 > 1 + 1e-6:
                    continue
                z = screen[a, 2] + w1 * (screen[b, 2] - screen[a, 2]) + w2 * (screen[c, 2] - screen[a, 2])
                if z > depth[y, x]:
                    depth[y, x], ids[y, x] = z, t
                    bary[y, x, 0], bary[y, x, 1] = w1, w2
    return ids, bary


@njit(cache=True)
def vertex_normals(points, triangles):  # type: ignore[no-untyped-def]
    """Return unit normals (N, 3), the area-weighted mean of the triangles around each point.

    A triangle that is counter-clockwise for the viewer faces the viewer (positive z).
    """
    out = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        n = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i] /= n
    return out


@njit(cache=True)
def mix_slopes(slopes, boxes, weights):  # type: ignore[no-untyped-def]
    """Return the relief (3, H, W) of rest plus the active furrows: weights (K,) times slopes (K, 3, H, W).

    `boxes` (K, 4) bound each furrow's part of the map: top, bottom, left, right.
    """
    out = slopes[0].copy()
    for k in range(1, slopes.shape[0]):
        if weights[k] > 0.02:
            w = np.float32(weights[k])
            for d in range(3):
                for y in range(boxes[k, 0], boxes[k, 1]):
                    for x in range(boxes[k, 2], boxes[k, 3]):
                        out[d, y, x] += w * slopes[k, d, y, x]
    return out


@njit(cache=True)
def _eye(hx, hy, v, eye, normal):  # type: ignore[no-untyped-def]
    """Return the color of the eyeball at head position (hx, hy); set `normal`; `v` is 1 at the upper lid."""
    dx, dy = (hx - eye[0]) / eye[3], (hy - eye[1]) / eye[3]
    dz = np.sqrt(max(0.05, 1.0 - dx * dx - dy * dy))
    normal[0], normal[1], normal[2] = dx, dy, dz
    away = np.sqrt((dx - eye[4]) ** 2 + (dy - eye[5]) ** 2) / eye[6]  # 1 at the rim of the iris
    shade = min(1.0, 0.42 + 1.3 * (1 - v)) * (1.0 - 0.35 * min(1.0, abs(dx) ** 3))
    r, g, b = eye[11] * shade, eye[11] * 0.96 * shade, eye[11] * 0.93 * shade
    if away < 1.12:
        rim = min(1.0, max(0.0, (1.12 - away) / 0.14))
        fibre = 0.75 + 0.5 * away * away if away < 0.8 else 1.07 - 1.6 * (away - 0.8)
        dark = 0.0 if away > eye[7] else 1.0
        edge = min(1.0, max(0.0, (eye[7] + 0.08 - away) / 0.08)) if dark == 0.0 else 1.0
        for_r = eye[8] * fibre * (1 - edge) + 0.01
        for_g = eye[9] * fibre * (1 - edge) + 0.01
        for_b = eye[10] * fibre * (1 - edge) + 0.01
        r += (for_r * (0.6 + 0.4 * shade) - r) * rim
        g += (for_g * (0.6 + 0.4 * shade) - g) * rim
        b += (for_b * (0.6 + 0.4 * shade) - b) * rim
    if v > 0.70:
        lash = min(1.0, (v - 0.70) / 0.2) * 0.85
        r, g, b = r * (1 - lash), g * (1 - lash), b * (1 - lash)
    if v < 0.12:
        lash = (0.12 - v) / 0.12 * 0.5
        r, g, b = r * (1 - lash), g * (1 - lash), b * (1 - lash)
    return r, g, b


@njit(cache=True)
def _mouth(hx, hy, v, mouth):  # type: ignore[no-untyped-def]
    """Return the color inside the mouth at head position (hx, hy): teeth, tongue or dark."""
    wide = abs(hx) / mouth[2]
    fall = max(0.0, 1.0 - wide * wide)  # the dental arch recedes toward the corners
    inside = 0.55 + 0.45 * min(1.0, (1.0 - v) * 2.5)  # shadow under the upper lip
    gap = abs((hx / mouth[3]) - np.floor(hx / mouth[3] + 0.5))  # 0 between two teeth
    line = 1.0 - 0.18 * np.exp(-((gap / 0.10) ** 2))
    upper = mouth[0] + 0.035 * wide * wide  # height of the cutting edge of the upper teeth
    lower = mouth[1] - 0.02 * wide * wide
    if wide < 1.0 and hy > upper:
        if hy > upper + mouth[4]:
            return 0.42 * inside * fall, 0.16 * inside * fall, 0.15 * inside * fall  # gum
        k = line * inside * (0.25 + 0.75 * fall)
        return mouth[5] * k, mouth[6] * k, mouth[7] * k
    if wide < 0.85 and hy < lower:
        k = line * (0.30 + 0.5 * min(1.0, v * 2)) * (0.2 + 0.8 * fall) * 0.8
        return mouth[5] * k, mouth[6] * k, mouth[7] * k
    depth = max(0.0, 1.0 - ((hx / 0.20) ** 2 + ((hy - lower + 0.01) / max(mouth[8], 0.01)) ** 2))
    return 0.05 + 0.30 * depth, 0.018 + 0.10 * depth, 0.017 + 0.09 * depth


@njit(cache=True)
def shade(image, ids, bary, triangles, material, uv, normals,  # type: ignore[no-untyped-def]
          head, turn, albedo, gloss, slopes, scale, u0, v1, light, eyes, mouth, colors, strands):  # fmt: skip
    """Color every sample of `image` (S, S, 3, linear light) that shows a triangle.

    `light` holds rows: key direction, key color, sky, ground, (specular, power, wrap), (rim, 0, 0).
    `turn` is the rotation from head to camera; `head` the unposed positions; `colors` one row per material.
    """
    size, th, tw = ids.shape[0], albedo.shape[0], albedo.shape[1]
    n, m = np.zeros(3), np.zeros(3)
    half = np.array([light[0, 0], light[0, 1], light[0, 2] + 1.0])
    half /= np.sqrt((half**2).sum())
    for y in range(size):
        for x in range(size):
            t = ids[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w1, w2 = bary[y, x, 0], bary[y, x, 1]
            w0 = 1.0 - w1 - w2
            u = w0 * uv[i, 0] + w1 * uv[j, 0] + w2 * uv[k, 0]
            v = w0 * uv[i, 1] + w1 * uv[j, 1] + w2 * uv[k, 1]
            for d in range(3):
                n[d] = w0 * normals[i, d] + w1 * normals[j, d] + w2 * normals[k, d]
            what, spec, wrap = material[t], light[4, 0], light[4, 2]
            if what == 0:
                fx, fy = (u - u0) * scale - 0.5, (v1 - v) * scale - 0.5
                fx, fy = min(max(fx, 0.0), tw - 1.001), min(max(fy, 0.0), th - 1.001)
                ix, iy = int(fx), int(fy)
                ax, ay = fx - ix, fy - iy
                c00, c01, c10, c11 = (1 - ax) * (1 - ay), ax * (1 - ay), (1 - ax) * ay, ax * ay
                r = (
                    c00 * albedo[iy, ix, 0]
                    + c01 * albedo[iy, ix + 1, 0]
                    + c10 * albedo[iy + 1, ix, 0]
                    + c11 * albedo[iy + 1, ix + 1, 0]
                )
                g = (
                    c00 * albedo[iy, ix, 1]
                    + c01 * albedo[iy, ix + 1, 1]
                    + c10 * albedo[iy + 1, ix, 1]
                    + c11 * albedo[iy + 1, ix + 1, 1]
                )
                b = (
                    c00 * albedo[iy, ix, 2]
                    + c01 * albedo[iy, ix + 1, 2]
                    + c10 * albedo[iy + 1, ix, 2]
                    + c11 * albedo[iy + 1, ix + 1, 2]
                )
                du = (
                    c00 * slopes[0, iy, ix]
                    + c01 * slopes[0, iy, ix + 1]
                    + c10 * slopes[0, iy + 1, ix]
                    + c11 * slopes[0, iy + 1, ix + 1]
                )
                dv = (
                    c00 * slopes[1, iy, ix]
                    + c01 * slopes[1, iy, ix + 1]
                    + c10 * slopes[1, iy + 1, ix]
                    + c11 * slopes[1, iy + 1, ix + 1]
                )
                hollow = (
                    c00 * slopes[2, iy, ix]
                    + c01 * slopes[2, iy, ix + 1]
                    + c10 * slopes[2, iy + 1, ix]
                    + c11 * slopes[2, iy + 1, ix + 1]
                )
                open_sky = 1.0 - min(0.75, max(-0.3, hollow))
                r, g, b = r * open_sky, g * open_sky, b * open_sky
                if n[2] < -0.2:  # seen from behind: ears and neck are open shells
                    n[0], n[1], n[2] = -n[0], -n[1], -n[2]
                for d in range(3):
                    m[d] = n[d] - du * turn[d, 0] - dv * turn[d, 1]
                spec *= gloss[iy, ix]
            elif what == EYE or what == MOUTH:  # noqa: SIM109
                hx = w0 * head[i, 0] + w1 * head[j, 0] + w2 * head[k, 0]
                hy = w0 * head[i, 1] + w1 * head[j, 1] + w2 * head[k, 1]
                if what == EYE:
                    side = 0 if hx < 0 else 1
                    r, g, b = _eye(hx, hy, v, eyes[side], m)
                    nx, ny, nz = m[0], m[1], m[2]
                    for d in range(3):
                        m[d] = turn[d, 0] * nx + turn[d, 1] * ny + turn[d, 2] * nz
                    spec, wrap = 2.5, 0.3
                else:
                    r, g, b = _mouth(hx, hy, v, mouth)
                    m[0], m[1], m[2] = turn[0, 2], turn[1, 2], turn[2, 2]
                    spec, wrap = 0.15, 0.5
            else:
                r, g, b = colors[what, 0], colors[what, 1], colors[what, 2]
                m[0], m[1], m[2] = n[0], n[1], n[2]
                if m[2] < 0:
                    m[0], m[1], m[2] = -m[0], -m[1], -m[2]
                if what == HAIR:
                    su, sv = int(abs(u) * 64) % strands.shape[1], int(abs(v) * 40) % strands.shape[0]
                    f = 1.0 + 0.35 * strands[sv, su]
                    r, g, b, spec = r * f, g * f, b * f, 0.25
                elif what == CLOTH:
                    f = (
                        1.0
                        + colors[6, 0]
                        * strands[int(abs(v) * 23) % strands.shape[0], int(abs(u) * 23) % strands.shape[1]]
                    )
                    r, g, b, spec = r * f, g * f, b * f, 0.0
            norm = np.sqrt(m[0] ** 2 + m[1] ** 2 + m[2] ** 2) + 1e-9
            m /= norm
            lam = (m[0] * light[0, 0] + m[1] * light[0, 1] + m[2] * light[0, 2] + wrap) / (1 + wrap)
            lam = max(0.0, lam)
            shine = max(0.0, m[0] * half[0] + m[1] * half[1] + m[2] * half[2])
            shine = spec * shine ** (light[4, 1] if what != EYE else 250.0)
            up = 0.5 + 0.5 * m[1]
            # surfaces seen edge-on send less light to the camera than a flat drawing would
            rim = 1.0 - light[5, 0] * (1.0 - min(1.0, max(0.0, m[2]))) ** 2
            r, g, b = r * rim, g * rim, b * rim
            image[y, x, 0] = (
                r * (lam * light[1, 0] + up * light[2, 0] + (1 - up) * light[3, 0])
                + shine * light[1, 0] * 0.1
            )
            image[y, x, 1] = (
                g * (lam * light[1, 1] + up * light[2, 1] + (1 - up) * light[3, 1])
                + shine * light[1, 1] * 0.1
            )
            image[y, x, 2] = (
                b * (lam * light[1, 2] + up * light[2, 2] + (1 - up) * light[3, 2])
                + shine * light[1, 2] * 0.1
            )
