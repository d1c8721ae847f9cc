"""keras_parity.py ROOM METRICS: trains what ROOM holds with Keras, in our batch order, and compares the losses.

ROOM is a trainer's input folder (model, dataset, dataset_definition, parameters.json) of a CSV or image job,
METRICS the metrics.json that our trainer wrote for it. Split, order and preprocessing are made anew here from
what the documentation says of them, so that this is a second opinion and not a copy. Dropout must be off.
Prints the largest difference of the epochs' losses; exit code 1 when it is above 1e-3.
"""

import hashlib
import io
import json
import shutil
import struct
import sys
import tempfile
import zipfile

import keras
import numpy
import yaml


def chacha8(key):
    """The words of a ChaCha8 stream: 64-bit counter from 0, nonce 0."""
    constants = struct.unpack("<4I", b"expand 32-byte k")
    words = struct.unpack("<8I", key)
    counter = 0
    while True:
        start = [*constants, *words, counter & 0xFFFFFFFF, counter >> 32, 0, 0]
        state = list(start)
        for _ in range(4):
            for a, b, c, d in (
                (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
            ):
                quarter(state, a, b, c, d)
        yield from ((x + y) & 0xFFFFFFFF for x, y in zip(state, start))
        counter += 1


def quarter(s, a, b, c, d):
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        mixed = s[z] ^ s[x]
        s[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF


def permutation(count, name):
    words = chacha8(hashlib.sha256(name.encode()).digest())
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        below = i + 1
        while True:
            product = next(words) * below
            if (product & 0xFFFFFFFF) >= (1 << 32) % below:
                break
        j = product >> 32
        order[i], order[j] = order[j], order[i]
    return numpy.array(order)


def table(path, definition):
    with open(path, encoding="utf-8-sig") as file:
        header = file.readline().strip().split(",")
        rows = numpy.loadtxt(file, delimiter=",", dtype="float64")
    label = header.index(definition["label"])
    return numpy.delete(rows, label, axis=1).astype("float32"), rows[:, label].astype("float32")


def images(path, definition):
    from PIL import Image

    mode = "L" if definition["input_shape"][2] == 1 else "RGB"
    pixels, names = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(n for n in archive.namelist() if not n.endswith("/")):
            image = Image.open(io.BytesIO(archive.read(name))).convert(mode)
            array = numpy.asarray(image, dtype="float32")
            pixels.append(array.reshape(definition["input_shape"]))
            names.append(name.split("/")[-2])
    classes = sorted(set(names))
    return numpy.stack(pixels), numpy.array([classes.index(n) for n in names], dtype="float32")


def prepare(x, training, definition):
    steps = definition.get("preprocessing") or {}
    if steps.get("normalize"):
        axes = tuple(range(x.ndim - 1))
        known = x[training].astype("float64")
        x = ((x - known.mean(axes)) / (known.std(axes) + 1e-8)).astype("float32")
    if steps.get("scale") is not None:
        x = x * numpy.float32(steps["scale"])
    if steps.get("clip"):
        x = numpy.clip(x, *steps["clip"])
    return x


def main(room, metrics):
    with open(f"{room}/dataset_definition", encoding="utf-8") as file:
        definition = yaml.safe_load(file)
    with open(f"{room}/parameters.json", encoding="utf-8") as file:
        parameters = json.load(file)["parameters"]
    with open(metrics, encoding="utf-8") as file:
        ours = json.load(file)
    seed = parameters.get("seed", 0)
    read = images if definition.get("type") == "image" else table
    x, y = read(f"{room}/dataset", definition)
    split = permutation(len(x), f"assay/split/{seed}")
    first = int(numpy.floor(len(x) * (1 - parameters.get("validation_split", 0.2))))
    training, validation = split[:first], split[first:]
    x = prepare(x, training, definition)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(f"{room}/model", f"{folder}/model.keras")
        model = keras.models.load_model(f"{folder}/model.keras")

    worst = 0.0
    for epoch in range(parameters["epochs"]):
        order = training[permutation(len(training), f"assay/shuffle/{seed}/{epoch}")]
        history = model.fit(
            x[order], y[order], batch_size=parameters.get("batch_size", 32), shuffle=False, verbose=0,
            validation_data=(x[validation], y[validation]),
        ).history
        for name in ("loss", "val_loss"):
            apart = abs(history[name][0] - ours[name][epoch])
            worst = max(worst, apart)
            print(f"epoch {epoch + 1} {name}: Keras {history[name][0]:.6f}, ours {ours[name][epoch]:.6f}")
    print(f"largest difference {worst:.2e}")
    sys.exit(worst > 1e-3)


if __name__ == "__main__":
    main(*sys.argv[1:])
