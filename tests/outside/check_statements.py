"""Verifies the signed Statements of a bundle with the field's own libraries.

    check_statements.py BUNDLE PLATFORM.pub

Signatures with securesystemslib, Statements and SLSA provenance with the protocol buffers of in-toto's attestation
framework, which take no unknown member; subjects against the files.
"""

import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

PROVENANCE = "https://slsa.dev/provenance/v1"
BOM = "https://cyclonedx.org/bom"
MODEL_SIGNATURE = "https://model_signing/signature/v1.0"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


bundle, key = map(pathlib.Path, sys.argv[1:])
key = SSlibKey.from_crypto(load_pem_public_key(key.read_bytes()))
kinds = []
for line in (bundle / "bundle.jsonl").read_text().splitlines():
    envelope = Envelope.from_dict(json.loads(line))
    envelope.verify([key], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json", envelope.payload_type
    statement = json_format.Parse(envelope.payload, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    predicate = json.loads(envelope.payload)["predicate"]
    if statement.predicate_type == MODEL_SIGNATURE:
        (outputs,) = bundle.glob("*/outputs")
        named = {one["name"]: one["digest"] for one in predicate["resources"]}
        found = {path.name: sha256(path) for path in outputs.iterdir()}
        assert named == found, named
    else:
        for subject in statement.subject:
            assert subject.digest["sha256"] == sha256(bundle / subject.name), subject.name
    if statement.predicate_type == PROVENANCE:
        provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
        define, run = provenance.build_definition, provenance.run_details
        assert define.build_type and run.builder.id and run.metadata.invocation_id, provenance
        assert run.metadata.started_on.seconds <= run.metadata.finished_on.seconds
        assert len(define.resolved_dependencies) >= 5, define.resolved_dependencies
    elif statement.predicate_type == BOM:
        assert predicate == json.loads((bundle / "aibom.json").read_text()), "another AIBoM"
    kinds.append(statement.predicate_type)
assert kinds == [PROVENANCE, BOM, MODEL_SIGNATURE], kinds
print(f"{len(kinds)} statements hold")
