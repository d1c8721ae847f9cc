"""Writes layouts with their links, whole and tampered with, and what in-toto's own verifier says of each.

    make_layouts.py FOLDER SEED

FOLDER/<number>-<kind>/ holds layout.json, links/ (links, sublayouts' links in folders), product/ (for inspections) and
owner-<n>.pub; FOLDER/verdicts.json lists the sets with their verdicts. Keys are new each time; all else follows from
the seed.
"""

import base64
import copy
import json
import os
import pathlib
import random
import sys

from cryptography.hazmat.primitives import serialization
from in_toto import verifylib
from in_toto.models.layout import Inspection, Layout, Step
from in_toto.models.link import Link
from in_toto.models.metadata import Envelope, Metablock, Metadata
from securesystemslib.signer import CryptoSigner

PATHS = ["a", "b", "c.py", "src/a", "src/b", "src/sub/c.py", "out/a", "out/b", "ä", "[ab]", "x y"]
PATTERNS = ["*", "a", "a*", "?", "[ab]", "[!a]", "*.py", "src/*", "*/a", "out/?", "s*c*", "b", "[[]ab]", "ä", "", "*a*b*"]
CONTENTS = ["11", "22", "33"]
RULES = ["MATCH", "CREATE", "DELETE", "MODIFY", "ALLOW", "REQUIRE", "DISALLOW"]
PER_RULE = 30
PER_TAMPERING = 40


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        ecdsa = [CryptoSigner.generate_ecdsa() for _ in range(4)]
        ed25519 = [CryptoSigner.generate_ed25519() for _ in range(4)]
        rsa = [CryptoSigner.generate_rsa(size=size) for size in (2048, 3072)]
        self.signers = ecdsa + ed25519 + rsa

    def choose(self, count):
        return self.random.sample(self.signers, count)

    def digests(self, content):
        both = {"sha256": content * 32, "sha512": content * 64}
        return both if self.random.random() < 0.1 else {"sha256": content * 32}

    def artifacts(self, paths=PATHS):
        some = self.random.sample(paths, self.random.randint(0, 4))
        return {path: self.digests(self.random.choice(CONTENTS)) for path in some}

    def cased(self, word):
        return self.random.choice([word, word, word.lower(), word.title()])

    def rule(self, kind, steps, link):
        there = sorted(link.materials) + sorted(link.products)
        if kind == "REQUIRE" and there and self.random.random() < 0.8:
            return [self.cased(kind), self.random.choice(there)]
        pattern = self.random.choice(PATHS if kind == "REQUIRE" else PATTERNS + PATHS)
        if kind != "MATCH":
            return [self.cased(kind), pattern]
        prefixes = ["src", "out", "src/", "src/sub", "nowhere", "s"]
        source, destination = (
            [self.cased("IN"), self.random.choice(prefixes)] if self.random.random() < 0.4 else [] for _ in range(2)
        )
        side = self.random.choice(["MATERIALS", "PRODUCTS", "products"])
        from_ = self.random.choice(steps + ["nobody"] if self.random.random() < 0.2 else steps)
        return [self.cased("MATCH"), pattern, *source, "WITH", side, *destination, self.cased("FROM"), from_]

    def rules(self, kind, steps, link):
        kinds = [kind] + [self.random.choice(RULES[:5]) for _ in range(self.random.randint(0, 2))]
        self.random.shuffle(kinds)
        rules = [self.rule(one, steps, link) for one in kinds]
        if self.random.random() < 0.6:
            rules.append(["DISALLOW", "*"])
        return rules


def public(signer):
    return {**signer.public_key.to_dict(), "keyid": signer.public_key.keyid}


def wrap(maker, payload, signers):
    """The payload in either container, signed by all signers."""
    if maker.random.random() < 0.5:
        metadata = Envelope.from_signable(payload)
    else:
        metadata = Metablock(signed=payload, compact_json=maker.random.random() < 0.5)
    for signer in signers:
        metadata.create_signature(signer)
    return metadata


def file_name(step, signer):
    return f"{step}.{signer.public_key.keyid[:8]}.link"


class Chain:
    """A layout of steps that lead from sources to a product, its links, and who signs what."""

    def __init__(self, maker, steps=3, threshold=1, sublayout=False, inspect=False, per_step=None):
        self.maker = maker
        self.owners = maker.choose(maker.random.choice([1, 1, 2]))
        self.expires = "2099-01-01T00:00:00Z"
        self.threshold = threshold
        self.files, self.who, self.steps = {}, {}, []
        previous, names = {}, [f"step-{number}" for number in range(steps)]
        for number, name in enumerate(names):
            signers = maker.choose(per_step or max(threshold, maker.random.choice([1, 2])))
            made = {f"out/{number}-{n}": maker.digests(maker.random.choice(CONTENTS)) for n in range(3)}
            materials = [["DISALLOW", "*"]] if number == 0 else [
                ["MATCH", "*", "WITH", "PRODUCTS", "FROM", names[number - 1]], ["DISALLOW", "*"]
            ]
            products = [["CREATE", f"out/{number}-*"], ["DISALLOW", "*"]]
            self.steps.append(
                Step(
                    name=name, expected_materials=materials, expected_products=products, threshold=threshold,
                    pubkeys=[one.public_key.keyid for one in signers], expected_command=["make", name],
                )
            )
            self.who[name] = signers
            for signer in signers:
                link = Link(
                    name=name, materials=copy.deepcopy(previous), products=copy.deepcopy(made), command=["make", name],
                    byproducts={"stdout": "tab\t quote\" back\\slash é\n", "return-value": 0}, environment={},
                )
                self.files[file_name(name, signer)] = (link, [signer])
            previous = made
        self.inspect, self.product = [], {}
        if inspect:
            self.product = {"out/final.txt": "the product", "notes.txt": "more"}
            last = names[-1]
            for name, (link, _) in self.files.items():
                if name.startswith(last + "."):
                    link.products["out/final.txt"] = {"sha256": sha256("the product")}
            self.steps[-1].expected_products = [["CREATE", "out/*"], ["DISALLOW", "*"]]
            rules = [
                ["MATCH", "out/*", "WITH", "PRODUCTS", "FROM", last], ["ALLOW", "notes.txt"], ["DISALLOW", "*"]
            ]
            self.inspect = [
                Inspection(name="look", run=["true"], expected_materials=rules, expected_products=copy.deepcopy(rules))
            ]
        if sublayout:
            self.delegate(names[-1])

    def delegate(self, step):
        """Each functionary of the step has it carried out in two steps by another."""
        for signer in self.who[step]:
            link, _ = self.files.pop(file_name(step, signer))
            (worker,) = self.maker.choose(1)
            folder = f"{step}.{signer.public_key.keyid[:8]}"
            parts = [
                Step(name=name, pubkeys=[worker.public_key.keyid], expected_materials=[["ALLOW", "*"]],
                     expected_products=rules)
                for name, rules in (("fetch", [["ALLOW", "*"]]), ("build", [["CREATE", "*"], ["DISALLOW", "*"]]))
            ]
            layout = Layout(steps=parts, inspect=[], keys={public(worker)["keyid"]: public(worker)},
                            expires="2098-01-01T00:00:00Z", readme="")
            self.files[f"{folder}.link"] = (layout, [signer])
            fetch = Link(name="fetch", materials=link.materials, products={}, environment={}, byproducts={})
            build = Link(name="build", materials={}, products=link.products, environment={}, byproducts={})
            for part in (fetch, build):
                self.files[f"{folder}/{file_name(part.name, worker)}"] = (part, [worker])

    def layout(self):
        functionaries = {one.public_key.keyid: public(one) for signers in self.who.values() for one in signers}
        return Layout(steps=self.steps, inspect=self.inspect, keys=functionaries, expires=self.expires, readme="é\n")

    def write(self, folder, layout=None):
        (folder / "links").mkdir(parents=True)
        (folder / "product").mkdir()
        for name, text in self.product.items():
            (folder / "product" / name).parent.mkdir(exist_ok=True)
            (folder / "product" / name).write_text(text)
        wrap(self.maker, layout or self.layout(), self.owners).dump(str(folder / "layout.json"))
        for name, (payload, signers) in self.files.items():
            (folder / "links" / name).parent.mkdir(exist_ok=True)
            wrap(self.maker, payload, signers).dump(str(folder / "links" / name))
        for number, owner in enumerate(self.owners):
            pem = owner._private_key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            (folder / f"owner-{number}.pub").write_bytes(pem)


def sha256(text):
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def edit(path, change):
    """Changes what a signed file says and leaves the signatures."""
    data = json.loads(path.read_text())
    if "payload" in data:
        payload = json.loads(base64.b64decode(data["payload"]))
        change(payload)
        data["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    else:
        change(data["signed"])
    path.write_text(json.dumps(data))


def one_link(maker, folder, deep=False):
    pattern = "*/*.link" if deep else "*.link"
    return maker.random.choice(sorted((folder / "links").glob(pattern)))


def change_artifact(maker):
    def change(signed):
        if signed["_type"] == "layout":
            signed["readme"] += "."
            return
        side = "products" if signed["products"] else "materials"
        if not signed[side]:
            signed["command"] = ["other"]
            return
        path = maker.random.choice(sorted(signed[side]))
        if maker.random.random() < 0.5:
            signed[side][path] = {"sha256": "99" * 32}
        else:
            signed[side][path + "2"] = signed[side].pop(path)

    return change


# Each kind of tampering: makes a chain and writes it; then, if `bad`, does what it is named after.


def link_edited(maker, folder, bad):
    Chain(maker, per_step=1).write(folder)
    if bad:
        edit(one_link(maker, folder), change_artifact(maker))


def link_edited_beside_a_good_one(maker, folder, bad):
    """The threshold of one is still met by the other functionary."""
    Chain(maker, threshold=2 if bad else 1, per_step=2).write(folder)
    edit(one_link(maker, folder), change_artifact(maker))


def layout_edited(maker, folder, bad):
    Chain(maker).write(folder)

    def change(signed):
        which = maker.random.randrange(4)
        if which == 0:
            signed["expires"] = "2098-12-31T00:00:00Z"
        elif which == 1:
            signed["steps"].pop()
        elif which == 2:
            signed["steps"][0]["expected_products"] = []
        else:
            signed["steps"][0]["threshold"] = 0

    if bad:
        edit(folder / "layout.json", change)


def layout_of_another(maker, folder, bad):
    chain = Chain(maker)
    chain.write(folder)
    if bad:
        strangers = [one for one in maker.signers if one not in chain.owners]
        chain.owners[-1] = maker.random.choice(strangers)
        (folder / "layout.json").unlink()
        signers = chain.owners[:-1] + [maker.random.choice([one for one in strangers if one not in chain.owners])]
        wrap(maker, chain.layout(), signers).dump(str(folder / "layout.json"))
        for number, owner in enumerate(chain.owners):
            pem = owner._private_key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            (folder / f"owner-{number}.pub").write_bytes(pem)


def layout_expired(maker, folder, bad):
    chain = Chain(maker)
    if bad:
        chain.expires = maker.random.choice(["2020-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2026-01-01T00:00:00Z"])
    chain.write(folder)


def link_of_a_stranger(maker, folder, bad):
    """One who is no functionary signs, under a functionary's file name or under his own."""
    chain = Chain(maker, per_step=1)
    if bad:
        name = maker.random.choice(sorted(chain.files))
        payload, signers = chain.files[name]
        stranger = maker.random.choice([one for one in maker.signers if one not in signers])
        if maker.random.random() < 0.5:
            del chain.files[name]
            name = file_name(payload.name, stranger)
        chain.files[name] = (payload, [stranger])
    chain.write(folder)


def link_missing(maker, folder, bad):
    Chain(maker, threshold=2 if bad else 1, per_step=2).write(folder)
    one_link(maker, folder).unlink()


def functionaries_disagree(maker, folder, bad):
    """With a threshold of one the first counts; both must say what rules allow."""
    chain = Chain(maker, threshold=2 if bad else 1, per_step=2, steps=1)
    payload, _ = chain.files[sorted(chain.files)[maker.random.randrange(2)]]
    side = maker.random.choice(sorted(payload.products))
    payload.products[side] = {"sha256": "44" * 32}
    chain.write(folder)


def products_swapped(maker, folder, bad):
    """Signed by the right one, but not what the step before made."""
    chain = Chain(maker, per_step=1)
    if bad:
        number = maker.random.randrange(1, 3)
        signer = chain.who[f"step-{number}"][0]
        payload, _ = chain.files[file_name(f"step-{number}", signer)]
        path = maker.random.choice(sorted(payload.materials))
        if maker.random.random() < 0.5:
            payload.materials[path] = {"sha256": "55" * 32}
        else:
            payload.materials["more"] = payload.materials.pop(path)
    chain.write(folder)


def sublayout_tampered(maker, folder, bad):
    Chain(maker, sublayout=True, per_step=1).write(folder)
    if bad:
        which = maker.random.randrange(3)
        if which == 0:
            edit(one_link(maker, folder, deep=True), change_artifact(maker))
        elif which == 1:
            one_link(maker, folder, deep=True).unlink()
        else:
            links = sorted((folder / "links").glob("step-2.*.link"))
            edit(links[0], change_artifact(maker))


def inspected_product_tampered(maker, folder, bad):
    Chain(maker, inspect=True, per_step=1, sublayout=maker.random.random() < 0.3).write(folder)
    if bad:
        which = maker.random.randrange(3)
        if which == 0:
            (folder / "product/out/final.txt").write_text("another product")
        elif which == 1:
            (folder / "product/out/more").write_text("one more")
        else:
            (folder / "product/other").write_text("")


def signature_tampered(maker, folder, bad):
    Chain(maker, per_step=1).write(folder)
    if not bad:
        return
    path = maker.random.choice([folder / "layout.json", one_link(maker, folder)])
    data = json.loads(path.read_text())
    envelope, which = "payload" in data, maker.random.randrange(5)
    first = data["signatures"][0]
    decoded = base64.b64decode(first["sig"]) if envelope else bytes.fromhex(first["sig"])
    if which == 0:
        data["signatures"] = data["signatures"][1:]
    elif which == 1:
        first["keyid"] = "00" * 32
    elif which == 2:
        first["sig"] = "not a signature"
    else:
        at = maker.random.randrange(len(decoded)) if which == 3 else 0
        changed = bytes([*decoded[:at], decoded[at] ^ 1, *decoded[at + 1:]])
        first["sig"] = base64.b64encode(changed).decode() if envelope else changed.hex()
    path.write_text(json.dumps(data))


TAMPERINGS = [
    link_edited, link_edited_beside_a_good_one, layout_edited, layout_of_another, layout_expired, link_of_a_stranger,
    link_missing, functionaries_disagree, products_swapped, sublayout_tampered, inspected_product_tampered,
    signature_tampered,
]


def rule_set(maker, folder, kind, want):
    """Random links and rules; drawn until in-toto's rules give the verdict that is wanted, or for long enough."""
    for _ in range(300):
        names = [f"step-{number}" for number in range(maker.random.randint(1, 3))]
        links = {name: Link(name=name, materials=maker.artifacts(), products=maker.artifacts()) for name in names}
        steps = [
            Step(
                name=name, expected_materials=maker.rules(kind, names, links[name]),
                expected_products=maker.rules(kind, names, links[name]),
            )
            for name in names
        ]
        try:
            verifylib.verify_all_item_rules(steps, links)
            accepted = True
        except Exception:
            accepted = False
        if accepted == want:
            break
    chain = Chain(maker, steps=0)
    for step in steps:
        (signer,) = maker.choose(1)
        step.pubkeys = [signer.public_key.keyid]
        chain.who[step.name] = [signer]
        chain.files[file_name(step.name, signer)] = (links[step.name], [signer])
    chain.steps = steps
    chain.write(folder)


def verdict(folder):
    keys = {}
    from in_toto.models._signer import load_public_key_from_file

    for path in sorted(folder.glob("owner-*.pub")):
        key = load_public_key_from_file(str(path))
        keys[key["keyid"]] = key
    home = os.getcwd()
    os.chdir(folder / "product")
    try:
        verifylib.in_toto_verify(
            Metadata.load(str(folder / "layout.json")), keys, link_dir_path=str(folder / "links"),
            persist_inspection_links=False,
        )
        return True, ""
    except Exception as error:
        return False, type(error).__name__
    finally:
        os.chdir(home)


def main(out, seed):
    maker = Maker(seed)
    out = pathlib.Path(out).resolve()
    sets = [(rule, number) for rule in RULES for number in range(PER_RULE)]
    sets += [(tampering, number) for tampering in TAMPERINGS for number in range(PER_TAMPERING)]
    verdicts = []
    for index, (kind, number) in enumerate(sets):
        name = kind if isinstance(kind, str) else kind.__name__
        folder = out / f"{index:03}-{name.lower()}"
        folder.mkdir(parents=True)
        if isinstance(kind, str):
            rule_set(maker, folder, kind, want=number % 2 == 0)
        else:
            kind(maker, folder, bad=number % 2 == 0)
        accepted, error = verdict(folder)
        verdicts.append({"set": folder.name, "kind": name, "accepted": accepted, "error": error})
    (out / "verdicts.json").write_text(json.dumps(verdicts, indent=1))
    accepted = sum(one["accepted"] for one in verdicts)
    print(f"seed {seed}: {len(verdicts)} sets, in-toto accepts {accepted} and refuses {len(verdicts) - accepted}")


main(sys.argv[1], int(sys.argv[2]))
