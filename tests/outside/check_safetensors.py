"""check_safetensors.py FILE PUBLIC_KEY [BEFORE]

Checks the signature inside a safetensors file with stock packages: safetensors, blake3, cryptography, rfc8785. Each
step stands in docs/VERIFYING.md. BEFORE is the file as it was before it was signed: the tensors must be the same.
"""

import base64
import hashlib
import json
import struct
import sys

import blake3
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from safetensors import safe_open

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def little(number):
    return struct.pack("<Q", number)


def merkle(leaves):
    if not leaves:
        return blake3.blake3(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return blake3.blake3(b"\x01" + merkle(leaves[:split]) + merkle(leaves[split:])).digest()


def read(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return header, metadata, data


def tensor_digest(header, data):
    leaves = []
    for name in sorted(header):
        info = header[name]
        begin, end = info["data_offsets"]
        content = b""
        for text in (name, info["dtype"]):
            content += little(len(text.encode())) + text.encode()
        content += little(len(info["shape"])) + b"".join(little(size) for size in info["shape"])
        content += blake3.blake3(data[begin:end]).digest()
        leaves.append(blake3.blake3(b"\x00" + content).digest())
    return blake3.blake3(b"assay tensors v1\n" + little(len(leaves)) + merkle(leaves)).hexdigest()


def main(path, key, before=None):
    header, metadata, data = read(path)
    envelope = json.loads(metadata.pop("assay.signature"))["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    with open(key, "rb") as file:
        public = serialization.load_pem_public_key(file.read())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(hashes.SHA256()))

    statement = json.loads(payload)
    assert statement["predicateType"] == "urn:assay:safetensors-signature:v1"
    assert statement["subject"][0]["digest"]["assay_tensors_v1"] == tensor_digest(header, data), "tensors"
    assert statement["predicate"]["metadata"] == hashlib.sha256(rfc8785.dumps(metadata)).hexdigest(), "metadata"

    # An ordinary reader takes the file for what it is.
    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        assert file.metadata() is not None
    if before:
        with safe_open(before, framework="np") as file:
            assert sorted(file.keys()) == sorted(tensors)
            for name in file.keys():
                assert file.get_tensor(name).tobytes() == tensors[name].tobytes(), name
    print(f"OK: {len(tensors)} tensors, signed by the given key")


main(*sys.argv[1:])
