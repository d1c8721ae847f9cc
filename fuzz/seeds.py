"""Writes the seeds that need no build into corpus/. The standard library is enough."""

import base64
import io
import json
import pathlib
import struct
import zipfile
import zlib

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "worker/trainer/tests/fixtures"
TARGETS = "keras keras_config keras_weights tfrecord csv images definition link layout bom events checkpoint dsse statement supply_chain model_signature weights"


def seed(target, name, content):
    (HERE / "corpus" / target / name).write_bytes(content)


def png(width, height, colour):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def archives():
    for path in sorted((FIXTURES / "archives").glob("*.keras")):
        seed("keras", path.stem, path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            seed("keras_config", path.stem, archive.read("config.json"))
            seed("keras_weights", path.stem, archive.read("model.weights.h5"))


def models():
    fixtures = HERE.parent / "shared/attest/tests/fixtures"
    for path in sorted((fixtures / "model_signing").glob("*.sig")):
        bundle = path.read_bytes()
        seed("model_signature", path.stem, bundle)
        seed("model_signature", f"{path.stem}-statement", base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
    for path in sorted((fixtures / "weights").iterdir()):
        seed("weights", path.name, path.read_bytes())


def data_sets():
    records = (FIXTURES / "records.tfrecord").read_bytes()
    seed("tfrecord", "plain", records)
    seed("tfrecord", "gzip", (FIXTURES / "records.tfrecord.gz").read_bytes())
    (length,) = struct.unpack_from("<Q", records)
    seed("tfrecord", "example", records[12 : 12 + length])
    seed("csv", "table", b'a,b,c,y\n1,2.5,true,x\n-3,1e-4,0,"y, ""z"""\n4,0.1,false,x\n')
    whole, resized = (4, 4), (6, 5)
    for name, packing, size in (("whole", zipfile.ZIP_STORED, whole), ("resized", zipfile.ZIP_DEFLATED, resized)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as archive:
            for folder, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0))):
                archive.writestr(f"{folder}/1.png", png(*size, colour))
        seed("images", name, out.getvalue())


def texts():
    for name, text in {
        "csv": "columns: {a: int, b: float, y: string}\nlabel: y\ninput_shape: [2]\n"
        "preprocessing: {normalize: true, scale: 2.0, clip: [-3.0, 3.0]}\n",
        "image": "type: image\nimage_size: [8, 9]\ninput_shape: [8, 9, 3]\n",
        "tfrecord": "type: tfrecord\nfeatures:\n  raw: &f {shape: [2, 2], dtype: uint8}\n  more: *f\n"
        "label: {name: label, dtype: int64}\nflatten_features: true\n",
    }.items():
        seed("definition", name, text.encode())
    layer = {"name": "dense", "class": "Dense", "output_shape": [3], "parameters": 12}
    model = {
        "name": "sequential", "class": "Sequential", "keras_version": "3.10.0", "input_shape": [3],
        "output_shape": [3], "layers": [layer], "trainable_parameters": 12, "non_trainable_parameters": 0,
        "optimizer": {"class_name": "Adam", "learning_rate": 0.001}, "loss": "mse", "metrics": [],
        "task": "regression",
    }
    data = {
        "type": "csv", "rows": 3, "training_rows": 2, "validation_rows": 1, "input_shape": [3],
        "features": ["a"], "label": "y", "classes": [], "preprocessing": {"normalize": True},
    }
    for event in (
        {"event": "checked", "model": model, "data": data},
        {"event": "epoch", "epoch": 1, "of": 2, "metrics": {"loss": 0.25}, "seconds": 1.5},
        {"event": "log", "level": "info", "message": "a line"},
        {"event": "done", "outputs": [{"name": "logs.txt", "bytes": 1}], "metrics": {}, "training_seconds": 0.1},
        {"event": "failed", "code": "dataset.empty", "field": "dataset", "message": "empty"},
        {"event": "resumed", "epoch": 2},
        {"event": "checkpoint", "epoch": 2, "bytes": 100},
    ):
        seed("events", event["event"], json.dumps(event).encode())
    digest = {"sha256": "00" * 32}
    statement = {
        "_type": "https://in-toto.io/Statement/v1", "predicate": {"a": 1}, "predicateType": "https://example.org/t",
        "subject": [{"digest": digest, "name": "a"}],
    }
    compact = json.dumps(statement, separators=(",", ":"), sort_keys=True)
    seed("statement", "one", compact.encode())
    envelope = {"payload": base64.b64encode(compact.encode()).decode(), "payloadType": "application/vnd.in-toto+json"}
    envelope["signatures"] = [{"keyid": "00" * 32, "sig": "AAAA"}]
    seed("dsse", "one", (json.dumps(envelope, separators=(",", ":"), sort_keys=True) + "\n").encode())
    rules = [["MATCH", "*", "IN", "a", "WITH", "PRODUCTS", "IN", "b", "FROM", "s"], ["REQUIRE", "a"], ["DISALLOW", "*"]]
    step = {
        "_type": "step", "name": "s", "expected_materials": rules, "expected_products": [["CREATE", "*"]],
        "pubkeys": ["00" * 32], "expected_command": ["make"], "threshold": 1,
    }
    inspection = {
        "_type": "inspection", "name": "i", "expected_materials": rules, "expected_products": rules, "run": ["true"],
    }
    layout = {
        "_type": "layout", "readme": "", "expires": "2099-01-01T00:00:00Z", "keys": {}, "steps": [step],
        "inspect": [inspection],
    }
    seed("supply_chain", "layout", json.dumps(layout).encode())
    link = {
        "_type": "link", "name": "s", "command": [], "materials": {"a": digest}, "products": {"b": digest},
        "byproducts": {}, "environment": {},
    }
    seed("supply_chain", "link", json.dumps(link).encode())
    for name, text in (("array", "[]"), ("number", "1"), ("text", '"x"'), ("true", "true")):
        seed("supply_chain", name, text.encode())
    head = {
        "version": 1, "belongs_to": "fuzz", "epoch": 3, "iterations": 9, "learning_rate_bits": 0, "metrics": ["loss"],
    }
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = {"__metadata__": {"assay-checkpoint": json.dumps(head)}, "weights/0/0": tensor}
    seed("checkpoint", "header", json.dumps(header).encode())


for target in TARGETS.split():
    (HERE / "corpus" / target).mkdir(parents=True, exist_ok=True)
archives()
data_sets()
models()
texts()
