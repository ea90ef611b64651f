"""Any arguments either compile to settings the handler takes, or are refused by an ArgumentError: nothing else happens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from cse_component.errors import ArgumentError
from cse_component.extension.arguments import Arguments, KeyVaultSecret, ManagedIdentity, Script
from cse_component.extension.compile import compile_extension
from cse_component.extension.leaf import Leaf, Made
from cse_component.testing.handler import HANDLERS
from tests.extension.given import FILES, leaves, read, values

CANARY = "s3cr3t-canary"

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *FILES, "missing.ps1", "", " ", "-x", "a b", 'say "hi"', "50%", "\ud800", "rg", "vm1", "acct", "Linux",
            "https://acct.blob.core.windows.net/c/folder/install.ps1", "https://acct.blob.core.windows.net/c/x.sh?sig=s",
            "http://host/a.cmd", "https://host/", "ftp://host/x", r"\\server\x.ps1", "https://h/%zz", "https://[x",
            "31b403aa-c364-4240-a7ff-d85fb6cd7232", "a2V5a2V5a2V5", "1.10", "1.1.1", "0" * 64, "powershell -File x.ps1",
            "bash x.sh", "x" * 9000, "echo 'x'\n",
        ]
    ),
)  # fmt: skip
scalars = st.one_of(texts, st.integers(), st.integers(-(2**31), 2**31 - 1), st.booleans(), st.none(), st.floats())


@st.composite
def leaf(draw: st.DrawFn, value: st.SearchStrategy[Any]) -> Leaf[Any]:
    """A value as a program gives it: plain, secret, from an Output, or not known yet."""
    kind = draw(st.sampled_from(["plain", "plain", "plain", "plain", "output", "secret", "unknown"]))
    if kind == "unknown":
        return Leaf(None, known=False, sources=(object(),))
    sources = () if kind == "plain" else (object(),)
    return Leaf(draw(value), secret=kind == "secret", sources=sources)


def _map_of(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


text = leaf(texts)
script = _map_of(
    {
        "path": leaf(st.sampled_from([*FILES, "missing.ps1"])),
        "content": text,
        "uri": text,
        "name": leaf(st.sampled_from(["a.ps1", "b.sh", "c.cmd", "d e.ps1", "nul", "x/y", "é.ps1"]) | texts),
        "arguments": st.lists(text, max_size=3) | leaf(scalars),
        "sha256": text,
        "show_text": leaf(st.booleans()),
    }
)
one_source = st.one_of(
    st.fixed_dictionaries(
        {"path": leaf(st.sampled_from(list(FILES)))}, optional={"arguments": st.lists(text, max_size=2)}
    ),
    st.fixed_dictionaries({"content": text, "name": leaf(st.sampled_from(["a.ps1", "b.sh"]))}),
    st.fixed_dictionaries({"uri": text}),
)
sensible = {
    "os_type": st.sampled_from(["Windows", "Linux"]).map(Leaf),
    "command_to_execute": text,
    "public_command": st.booleans().map(Leaf),
    "file_uris": st.lists(text, max_size=3) | leaf(scalars),
    "managed_identity": _map_of({"client_id": text, "object_id": text}) | leaf(scalars),
    "storage_account_name": text,
    "storage_account_key": text,
    "triggers": st.dictionaries(st.text(max_size=3), leaf(scalars), max_size=2),
    "timestamp": leaf(st.integers() | st.booleans()),
    "force_update_tag": text,
    "skip_dos2unix": leaf(st.booleans()),
    "extension_name": texts.map(Leaf),
    "location": text,
    "tags": st.dictionaries(st.text(max_size=3), text, max_size=2),
    "type_handler_version": text,
    "provision_after_extensions": st.lists(text, max_size=2),
    "protected_settings_from_key_vault": _map_of({"secret_url": text, "source_vault": _map_of({"id": text})}),
    "provisioning_timeout_minutes": st.integers(-5, 200).map(Leaf),
}
names = sorted(
    {*Arguments.model_fields, *Script.model_fields, *ManagedIdentity.model_fields, *KeyVaultSecret.model_fields}
)
anything = st.recursive(
    leaf(scalars),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=3),
)
required = {"resource_group_name": Leaf("rg"), "vm_name": Leaf("vm1")}
plain_text = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\x00"%'), max_size=20)
guid = st.uuids().map(str)
good_url = st.builds(
    "https://{}/c/{}{}".format,
    st.sampled_from(["acct.blob.core.windows.net", "acct.blob.core.chinacloudapi.cn"]),
    st.sampled_from(["a.ps1", "f/b.ps1", "c.txt", "e.json"]),
    st.sampled_from(["", "?sig=x"]),
)


@st.composite
def good(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments that should compile; when one does not, the draw was unlucky."""
    windows = draw(st.booleans())
    runs = ["install.ps1", "scripts/configure.ps1"] if windows else ["join.sh", "report.py", "big.ps1"]
    paths = draw(st.lists(st.sampled_from(runs), unique=True, min_size=1, max_size=2))
    positional = plain_text.filter(lambda value: not windows or value[:1] not in ("-", "\u2013", "\u2014", "\u2015"))
    tree: dict[str, Any] = {
        **required,
        "os_type": Leaf("Windows" if windows else "Linux"),
        "scripts": [{"path": Leaf(path), "arguments": draw(st.lists(leaf(positional), max_size=3))} for path in paths],
    }
    optional = {
        "file_uris": st.lists(leaf(good_url), max_size=2),
        "triggers": st.dictionaries(plain_text, scalars.filter(lambda v: v not in texts_bad).map(Leaf), max_size=2),
        "timestamp": st.integers(-(2**31), 2**31 - 1).map(Leaf),
        "force_update_tag": st.sampled_from(["1", "b"]).map(Leaf),
        "location": leaf(st.just("westeurope")),
        "tags": st.dictionaries(plain_text, leaf(plain_text), max_size=2),
        "extension_name": st.just(Leaf("setup")),
    }
    reads = draw(st.sampled_from(["nothing", "identity", "client", "key"]))
    if reads == "identity":
        tree["managed_identity"] = {}
    if reads == "client":
        tree["managed_identity"] = {draw(st.sampled_from(["client_id", "object_id"])): draw(leaf(guid))}
    if reads == "key":
        tree |= {
            "storage_account_name": draw(leaf(st.just("acct"))),
            "storage_account_key": draw(leaf(st.just("a2V5"))),
        }
    return {**tree, **draw(_map_of(optional))}


texts_bad = ("\ud800",)
trees = st.one_of(
    good(),
    good(),
    st.dictionaries(st.sampled_from([*names, "vmName", ""]), anything, max_size=6).map(
        lambda tree: {**required, **tree}
    ),
    st.tuples(st.lists(script | one_source, max_size=3), _map_of(sensible)).map(
        lambda both: {**required, "scripts": both[0], **both[1]}
    ),
    st.tuples(st.lists(one_source, min_size=1, max_size=2), _map_of({"triggers": sensible["triggers"]})).map(
        lambda both: {**required, "scripts": both[0], **both[1]}
    ),
    _map_of(sensible).map(lambda tree: {**required, **tree}),
)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(trees, st.booleans())
@example({**required, "scripts": [{"path": Leaf("join.sh")}], "managed_identity": {}}, True)
def test_arguments_compile_to_what_the_handler_takes_or_are_refused(tree: dict[str, Any], final: bool) -> None:
    try:
        result = compile_extension("CustomScriptExtension 'web'", tree, read, final=final)
    except ArgumentError as error:
        event("refused")
        assert error.problems
        assert all(problem.reason and problem.mend for problem in error.problems)
        return
    public, protected = values(result.settings), values(result.protected_settings)
    event("compiled")
    if ... in _leaves([public, protected]):
        return  # a part of it is still to come
    handler = HANDLERS[(result.handler.publisher.lower(), result.handler.type.lower())]
    vault = "protectedSettingsFromKeyVault" in result.properties
    assert handler.fault(public, protected, vault) is None
    assert not set(public) & set(protected)
    json.dumps([public, protected, values(result.plan), values(result.properties)], default=repr)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for element in value.values() for leaf in _leaves(element)]
    return [leaf for element in value for leaf in _leaves(element)] if isinstance(value, list) else [value]


@settings(max_examples=400, deadline=None)
@given(trees, st.sampled_from(["Windows", "Linux"]))
def test_a_secret_stays_out_of_public_settings_timestamp_plan_and_messages(tree: dict[str, Any], os_type: str) -> None:
    tree = {**tree, "os_type": Leaf(os_type)}
    tree.pop("command_to_execute", None)
    canary: Leaf[Any] = Leaf(CANARY, secret=True, sources=("the secret",))
    tree["scripts"] = [
        {"content": Leaf("echo hi\n"), "name": Leaf("a.cmd" if os_type == "Windows" else "a.sh"), "arguments": [canary]}
    ]
    tree["tags"] = leaves({"a": "b"})
    try:
        result = compile_extension("CustomScriptExtension 'web'", tree, read)
    except ArgumentError as error:
        assert CANARY not in str(error)
        return
    assert not [leaf for leaf in result.timestamp.leaves if "the secret" in leaf.sources]
    assert CANARY in json.dumps(_shown(result.plan, masked=False))
    for tree_shown in (result.settings, result.plan, result.properties, result.command_line, result.file_sha256):
        assert CANARY not in json.dumps(_shown(tree_shown, masked=True))


def _shown(tree: Any, *, masked: bool) -> Any:
    """What Pulumi shows of a tree: secret leaves masked."""
    if isinstance(tree, (Leaf, Made)):
        return "[secret]" if masked and tree.secret else tree.value
    if isinstance(tree, dict):
        return {key: _shown(value, masked=masked) for key, value in tree.items()}
    return [_shown(value, masked=masked) for value in tree] if isinstance(tree, list) else tree


@settings(max_examples=300, deadline=None)
@given(trees)
def test_the_same_arguments_give_the_same_settings(tree: dict[str, Any]) -> None:
    def once(given: dict[str, Any]) -> Any:
        try:
            result = compile_extension("CustomScriptExtension 'web'", given, read)
        except ArgumentError as error:
            return {str(problem) for problem in error.problems}
        return json.dumps(
            values([result.settings, result.protected_settings, result.plan]), sort_keys=True, default=str
        )

    backwards = dict(reversed(list(tree.items())))
    if isinstance(tree.get("triggers"), dict):
        backwards["triggers"] = dict(reversed(list(tree["triggers"].items())))
    assert once(tree) == once(backwards)
