#!/usr/bin/env python3
"""Trains the handwritten-digit classifier of `digits.apus` with NumPy and writes its files.

    pip install numpy scikit-learn
    OPENBLAS_NUM_THREADS=1 python3 train.py    train (half a minute), then write every file below
    python3 train.py --check                   recompute the held-out accuracy (needs NumPy only)

Writes `digits.safetensors` (the weights), `heldout.npz` (images, labels and NumPy's own
probabilities for the images no training step has seen) and `seven.npy` (one of those images).

The network is the one in `digits.apus`, in f32 throughout:

    x/16 -> conv 3x3 1->16 -> relu -> conv 3x3 16->32 -> relu -> max_pool 2x2
         -> dense 512->64 -> relu -> dense 64->10 -> softmax

The split, the initial weights, the order of the batches and the shifts all come from SEED.
On one thread of one machine the files come out the same to the byte. With more threads, or on another
processor, BLAS adds in another order and the weights differ a little; the split does not.
"""

import json
import os
import struct
import sys

import numpy as np

SEED = 1
HELD_OUT_PER_DIGIT = 36  # 10 x 36 = 360 of 1 797 images
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 2e-3  # at the start; falls to zero along a half cosine
WEIGHT_DECAY = 1e-3  # of the four weight matrices, not of the biases
FOLDER = os.path.dirname(os.path.abspath(__file__))


# The network. A convolution is a matrix product over the 3x3 windows of its input.


def windows(x):
    """[N, C, 8, 8] -> [N*64, C*9]: the 3x3 neighbourhood of every pixel, zero outside the image."""
    n, c = x.shape[:2]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(n * 64, c * 9)


def windows_backward(d, n, c):
    """The transpose of `windows`: adds every window's gradient back to the pixels it came from."""
    d = d.reshape(n, 8, 8, c, 3, 3).transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((n, c, 10, 10), np.float32)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + 8, j : j + 8] += d[:, :, i, j]
    return padded[:, :, 1:9, 1:9]


def conv(x, w, b):
    """x [N, C, 8, 8], w [O, C, 3, 3], b [O, 1, 1] -> ([N, O, 8, 8], the windows of x)."""
    cols = windows(x)
    y = cols @ w.reshape(w.shape[0], -1).T
    return y.reshape(len(x), 8, 8, -1).transpose(0, 3, 1, 2) + b, cols


def conv_backward(d, cols, w):
    """d [N, O, 8, 8] -> gradients of (w, b, the windows of x)."""
    flat = d.transpose(0, 2, 3, 1).reshape(-1, d.shape[1])
    return (flat.T @ cols).reshape(w.shape), d.sum((0, 2, 3))[:, None, None], flat @ w.reshape(d.shape[1], -1)


def pool_parts(x):
    """[N, C, 8, 8] -> [N, C, 4, 4, 4]: the four pixels of each 2x2 window last."""
    n, c = x.shape[:2]
    return x.reshape(n, c, 4, 2, 4, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 4, 4, 4)


def forward(p, images):
    """Probabilities [N, 10] and what the backward pass needs."""
    x = images * np.float32(0.0625)
    z1, cols1 = conv(x, p["w1"], p["b1"])
    a1 = np.maximum(z1, 0)
    z2, cols2 = conv(a1, p["w2"], p["b2"])
    parts = pool_parts(np.maximum(z2, 0))
    flat = parts.max(-1).reshape(len(x), 512)
    z3 = flat @ p["w3"] + p["b3"]
    a3 = np.maximum(z3, 0)
    z4 = a3 @ p["w4"] + p["b4"]
    e = np.exp(z4 - z4.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True), (z1, cols1, z2, cols2, parts, flat, z3, a3)


def gradients(p, images, labels):
    """Gradients of the mean cross-entropy, one per parameter."""
    probabilities, (z1, cols1, z2, cols2, parts, flat, z3, a3) = forward(p, images)
    n = len(images)
    g = {}
    d4 = probabilities.copy()
    d4[np.arange(n), labels] -= 1
    d4 /= np.float32(n)
    g["w4"], g["b4"] = a3.T @ d4, d4.sum(0)
    d3 = (d4 @ p["w4"].T) * (z3 > 0)
    g["w3"], g["b3"] = flat.T @ d3, d3.sum(0)
    d_pool = (d3 @ p["w3"].T).reshape(n, 32, 4, 4)
    d_parts = (np.arange(4) == parts.argmax(-1)[..., None]) * d_pool[..., None]
    d2 = d_parts.reshape(n, 32, 4, 4, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, 32, 8, 8) * (z2 > 0)
    g["w2"], g["b2"], d_cols2 = conv_backward(d2, cols2, p["w2"])
    d1 = windows_backward(d_cols2, n, 16) * (z1 > 0)
    g["w1"], g["b1"], _ = conv_backward(d1, cols1, p["w1"])
    return g


# Training.


def initial(rng):
    """He initialisation; biases start at zero. Biases of convolutions are [C, 1, 1], as in the graph."""

    def he(shape, fan_in):
        return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    return {
        "w1": he((16, 1, 3, 3), 9), "b1": zeros(16, 1, 1),
        "w2": he((32, 16, 3, 3), 144), "b2": zeros(32, 1, 1),
        "w3": he((512, 64), 512), "b3": zeros(64),
        "w4": he((64, 10), 64), "b4": zeros(10),
    }


def shifted(images, rng):
    """Each image moved by -1, 0 or 1 pixel along each axis; what moves in is blank."""
    out = np.empty_like(images)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for k, (dy, dx) in enumerate(rng.integers(0, 3, (len(images), 2))):
        out[k] = padded[k, :, dy : dy + 8, dx : dx + 8]
    return out


def train(images, labels, rng):
    """Adam with decoupled weight decay."""
    p = initial(rng)
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(w) for k, w in p.items()}
    batches = len(images) // BATCH
    for step in range(EPOCHS * batches):
        if step % batches == 0:
            order = rng.permutation(len(images))
        pick = order[step % batches * BATCH :][:BATCH]
        g = gradients(p, shifted(images[pick], rng), labels[pick])
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / (EPOCHS * batches)))
        for k in p:
            m[k] = 0.9 * m[k] + 0.1 * g[k]
            v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
            update = m[k] / (1 - 0.9 ** (step + 1)) / (np.sqrt(v[k] / (1 - 0.999 ** (step + 1))) + 1e-8)
            if k.startswith("w"):
                update = update + WEIGHT_DECAY * p[k]
            p[k] = (p[k] - rate * update).astype(np.float32)
    return p


def accuracy(probabilities, labels):
    return float((probabilities.argmax(-1) == labels).mean())


# Files.


def split(labels, rng):
    """Indices (train, held out): HELD_OUT_PER_DIGIT of each digit are held out."""
    held = [rng.permutation(np.flatnonzero(labels == d))[:HELD_OUT_PER_DIGIT] for d in range(10)]
    held = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held), held


def write_safetensors(path, arrays):
    header, offset = {}, 0
    for name, a in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        offset += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in arrays.values():
            f.write(np.ascontiguousarray(a, "<f4").tobytes())


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    return {
        name: np.frombuffer(data[slice(*e["data_offsets"])], "<f4").reshape(e["shape"]) for name, e in header.items()
    }


def check():
    p = read_safetensors(os.path.join(FOLDER, "digits.safetensors"))
    held = np.load(os.path.join(FOLDER, "heldout.npz"))
    probabilities, _ = forward(p, held["images"])
    right = int((probabilities.argmax(-1) == held["labels"]).sum())
    print(f"held out: {right} of {len(held['labels'])} right, accuracy {right / len(held['labels']):.4f}")
    print(f"largest difference to the stored probabilities: {np.abs(probabilities - held['expected']).max():.2g}")


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    if sys.argv[1:]:
        sys.exit(__doc__)
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype(np.float32)[:, None]
    labels = data.target.astype(np.int64)
    rng = np.random.default_rng(SEED)
    kept, held = split(labels, rng)
    p = train(images[kept], labels[kept], rng)
    print(f"trained on: {len(kept)} images, accuracy {accuracy(forward(p, images[kept])[0], labels[kept]):.4f}")

    write_safetensors(os.path.join(FOLDER, "digits.safetensors"), p)
    expected, _ = forward(p, images[held])
    np.savez_compressed(
        os.path.join(FOLDER, "heldout.npz"), images=images[held], labels=labels[held], expected=expected
    )
    np.save(os.path.join(FOLDER, "seven.npy"), images[held[labels[held] == 7][0]][None])
    check()


if __name__ == "__main__":
    main()
