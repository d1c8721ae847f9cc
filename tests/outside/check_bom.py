"""check_bom.py BOM PLATFORM_PUB: is this a valid CycloneDX document, signed by this key?

Uses cyclonedx-python-lib's strict schema validator and verifies the JSF signature (JSF 0.82, ES256 over the
RFC 8785 form of the document without the signature's value) with the `cryptography` package.
"""

import base64
import json
import sys

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(bom_path, key_path):
    with open(bom_path, encoding="utf-8") as file:
        text = file.read()
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    if error is not None:
        sys.exit(f"schema: {error}")

    signature = document["signature"]
    if signature["algorithm"] != "ES256" or "excludes" in signature:
        sys.exit("not one whole ES256 signature")
    value = signature.pop("value")
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    der = utils.encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    with open(key_path, "rb") as file:
        key = load_pem_public_key(file.read())
    key.verify(der, rfc8785.dumps(document), ec.ECDSA(hashes.SHA256()))

    refs = set()
    collect_refs(document, refs)
    for dependency in document.get("dependencies", []):
        for ref in [dependency["ref"], *dependency.get("dependsOn", [])]:
            if ref not in refs:
                sys.exit(f"dependency on {ref!r}, which is nowhere")
    models = [c for c in document["components"] if c["type"] == "machine-learning-model"]
    if not any("modelCard" in model for model in models):
        sys.exit("no model with a model card")
    print("ok")


def collect_refs(node, refs):
    if isinstance(node, dict):
        if isinstance(node.get("bom-ref"), str):
            if node["bom-ref"] in refs:
                sys.exit(f"bom-ref {node['bom-ref']!r} twice")
            refs.add(node["bom-ref"])
        for child in node.values():
            collect_refs(child, refs)
    elif isinstance(node, list):
        for child in node:
            collect_refs(child, refs)


if __name__ == "__main__":
    main(*sys.argv[1:])
