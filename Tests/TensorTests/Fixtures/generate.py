"""Writes the fixtures beside it with NumPy and the Python standard library, none of it our own code.

Run it only to add a fixture: `python3 generate.py`. The committed files came from NumPy 2.4.6 and Python 3.11.
The .safetensors file follows https://huggingface.co/docs/safetensors (format) by hand.
"""
import json
import pathlib
import struct
import zipfile

import numpy as np

here = pathlib.Path(__file__).parent
grid = np.arange(24).reshape(2, 3, 4)


def save(name, array, version=(1, 0)):
    with open(here / name, "wb") as file:
        np.lib.format.write_array(file, array, version=version)


save("c-order-f32.npy", grid.astype("<f4") / 2)
save("fortran-f64.npy", np.asfortranarray(grid.astype("<f8")))
save("fortran-big-f16.npy", np.asfortranarray(grid.astype(">f2")))
save("big-s64.npy", np.array([1, -2, 2**62], ">i8"))
save("version2-s16.npy", np.array([[1, -2]], "<i2"), (2, 0))
save("version3-u32.npy", np.array(7, "<u4"), (3, 0))
# Two opaque bytes, as bf16 arrays are saved: 1.0, -2.5, infinity.
save("bf16.npy", np.array([0x3F80, 0xC020, 0x7F80], "<u2").view("V2"))
save("complex.npy", np.array([1j], "<c8"))
save("structured.npy", np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f4")]))

types = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
arrays = {name: np.arange(5).astype("<" + name) for name in types}
arrays["flags"] = np.array([[True, False], [False, True]])
arrays["scalar"] = np.float32(2.5)
arrays["empty"] = np.zeros((0, 3), "<i4")
arrays["layer/0/weight"] = grid.astype("<f4")
np.savez(here / "stored.npz", **arrays)
np.savez_compressed(here / "deflated.npz", **arrays)

zipfile.ZIP64_LIMIT = 16
zipfile.ZIP_FILECOUNT_LIMIT = 1
np.savez(here / "zip64.npz", a=np.arange(3, dtype="<f4"), b=np.arange(4, dtype="<u1"))

header, data = {"__metadata__": {"format": "pt", "note": "naïve \U0001f600"}}, b""
for name, dtype, array in [
    ("double", "F64", np.array([0.5, -1], "<f8")),
    ("weight", "F32", (grid / 4).astype("<f4")),
    ("half", "F16", np.array([1.5], "<f2")),
    ("brain", "BF16", np.array([0x3F80, 0xC020], "<u2")),
    ("long", "I64", np.array(-5, "<i8")),
    ("flag", "BOOL", np.array([True, False, True])),
    ("odd", "F32", np.array([9, 8], "<f4")),  # begins at an odd offset: must be copied
    ("eighth", "F8_E4M3", np.array([1, 2], "<u1")),
    ("none", "U16", np.zeros((2, 0), "<u2")),
]:
    begin = len(data)
    data += array.tobytes()
    header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, len(data)]}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(here / "mixed.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
